"""The servers that the other tests stand on: real ones, killed and started again."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka.errors import UnknownTopicOrPartitionError

from jobs.dev.flink import FlinkCluster
from jobs.dev.flink_home import flink_home
from jobs.dev.kafka import KafkaServer, start_kafka
from jobs.dev.processes import Daemon
from jobs.dev.registry import RegistryServer, start_registry
from jobs.dev.zookeeper import ZooKeeperServer
from udfs.errors import SwerveError

SCHEMA = json.dumps({"type": "record", "name": "A", "fields": [{"name": "a", "type": "long"}]})


def wait_for(condition: Callable[[], Any], seconds: float = 120) -> Any:
    """Wait until it holds; gives what it gave."""
    until = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < until, "it never came"
        time.sleep(0.2)
    return found


def get(cluster: FlinkCluster, path: str) -> Any:
    """Ask the JobManager; nothing while there is none."""
    try:
        answer = requests.get(cluster.url + path, timeout=5)
    except requests.RequestException:
        return None
    return answer.json() if answer.ok else None


def test_all_of_them_listen_on_loopback_only(
    kafka: KafkaServer, registry: RegistryServer, zookeeper: ZooKeeperServer, cluster: FlinkCluster
) -> None:
    everyone: list[Daemon] = [kafka, registry, zookeeper, cluster.jobmanager, *cluster.taskmanagers]
    for server in everyone:
        listening = [one.laddr.ip for one in psutil.Process(server.pid).net_connections("inet") if one.status == psutil.CONN_LISTEN]
        assert listening
        assert {address.removeprefix("::ffff:") for address in listening} <= {"127.0.0.1", "::1"}, server.name


def test_a_broker_that_was_killed_has_its_records_still(kafka: KafkaServer) -> None:
    admin = KafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    admin.create_topics({"kept": {"num_partitions": 1, "replication_factor": 1}})
    admin.close()
    producer = KafkaProducer(bootstrap_servers=kafka.bootstrap, acks="all")
    producer.send("kept", key=b"k", value=b"v", timestamp_ms=1).get(timeout=30)
    producer.close()
    first = kafka.pid
    kafka.kill()
    kafka.start()
    assert kafka.pid != first
    consumer = KafkaConsumer("kept", bootstrap_servers=kafka.bootstrap, auto_offset_reset="earliest", consumer_timeout_ms=30_000)
    record = next(iter(consumer))
    consumer.close()
    assert (record.key, record.value, record.timestamp) == (b"k", b"v", 1)


def test_a_mistyped_topic_is_not_made(kafka: KafkaServer) -> None:
    admin = KafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    try:
        with pytest.raises(UnknownTopicOrPartitionError):
            admin.delete_topics(["mistyped"])
        assert "mistyped" not in admin.list_topics()
    finally:
        admin.close()


def test_why_a_broker_does_not_start_is_said(kafka: KafkaServer, tmp_path: Path) -> None:
    with pytest.raises(SwerveError, match=rf"^port {kafka.port} is in use"):
        start_kafka(tmp_path / "taken", kafka.port)
    with pytest.raises(SwerveError, match=r"cannot be formatted: .*(log|num)\.partitions"):
        start_kafka(tmp_path / "wrong", properties={"num.partitions": "many"})


def test_a_registry_that_was_killed_has_its_schemas_still(registry: RegistryServer) -> None:
    versions = f"{registry.url}/subjects/kept-value/versions"
    made = requests.post(versions, json={"schema": SCHEMA}, timeout=30).json()["id"]
    registry.kill()
    registry.start()
    found = requests.get(f"{versions}/latest", timeout=30).json()
    assert found["id"] == made
    assert json.loads(found["schema"]) == json.loads(SCHEMA)
    with pytest.raises(SwerveError, match=rf"^port {registry.port} is in use"):
        start_registry(registry.folder.parent / "other", registry.port)


@pytest.fixture(scope="module")
def job(cluster: FlinkCluster) -> Any:
    """A job that runs on the cluster."""
    cluster.start()
    program = Path(__file__).with_name("job_counting.py")
    command = [str(flink_home() / "bin" / "flink"), "run", "-d", "-py", str(program)]
    done = subprocess.run(command, env={**os.environ, **cluster.environment}, capture_output=True, text=True, check=False)
    found = re.search(r"JobID ([0-9a-f]{32})", done.stdout)
    assert found, done.stdout + done.stderr
    wait_for(lambda: running(cluster, found[1]))
    yield found[1]
    requests.patch(f"{cluster.url}/jobs/{found[1]}", timeout=10)
    wait_for(lambda: (get(cluster, f"/jobs/{found[1]}") or {}).get("state") == "CANCELED")


def running(cluster: FlinkCluster, job: str) -> bool:
    """Whether all of the job's tasks run."""
    found = get(cluster, f"/jobs/{job}")
    return bool(found) and found["state"] == "RUNNING" and all(one["status"] == "RUNNING" for one in found["vertices"])


def completed(cluster: FlinkCluster, job: str) -> int:
    """How many checkpoints are complete."""
    return int((get(cluster, f"/jobs/{job}/checkpoints") or {"counts": {"completed": 0}})["counts"]["completed"])


def restored(cluster: FlinkCluster, job: str) -> int:
    """The checkpoint that the job went on from; 0 for none."""
    found = (get(cluster, f"/jobs/{job}/checkpoints") or {"latest": {}})["latest"].get("restored")
    return int(found["id"]) if found else 0


def test_a_jobmanager_that_was_killed_goes_on_with_its_jobs(cluster: FlinkCluster, job: str) -> None:
    before = restored(cluster, job)
    wait_for(lambda: completed(cluster, job) >= 2)
    cluster.kill_jobmanager()
    assert get(cluster, "/overview") is None
    cluster.start_jobmanager()
    wait_for(lambda: running(cluster, job))
    assert restored(cluster, job) > before


def test_a_taskmanager_that_was_killed_is_missed_and_replaced(cluster: FlinkCluster, job: str) -> None:
    before = restored(cluster, job)
    wait_for(lambda: completed(cluster, job) >= 2)
    (worker,) = {
        one["taskmanager-id"] for vertex in get(cluster, f"/jobs/{job}")["vertices"] for one in subtasks(cluster, job, vertex["id"])
    }
    index = next(place for place, one in enumerate(cluster.taskmanagers) if one.name == worker)
    cluster.kill_taskmanager(index)
    wait_for(lambda: worker not in cluster.known())
    wait_for(lambda: restored(cluster, job) > before and running(cluster, job))
    assert cluster.start_taskmanager(index) == index
    assert cluster.taskmanagers[index].name in cluster.known()
    assert len(cluster.known()) == 2


def subtasks(cluster: FlinkCluster, job: str, vertex: str) -> Any:
    """The parallel tasks of an operator chain."""
    return get(cluster, f"/jobs/{job}/vertices/{vertex}")["subtasks"]


def test_its_log_is_one_json_document_a_line(cluster: FlinkCluster) -> None:
    files = list((cluster.folder / "log").glob("*.log"))
    assert len(files) >= 3
    for file in files:
        documents = [json.loads(line) for line in file.read_text().splitlines()]
        assert all({"@timestamp", "log.level", "message", "log.logger"} <= document.keys() for document in documents)
