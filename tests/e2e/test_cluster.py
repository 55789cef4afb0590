"""A platform engineer's day: the job onto a cluster, looked at, kept, upgraded in vain, stopped; and no password anywhere."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from jobs.dev.flink import FlinkCluster
from jobs.dev.kafka import KafkaServer
from jobs.embedded.redis_server import start_redis
from tests.e2e.commands import Commands, until
from tests.e2e.topics import fresh
from training.simulator import simulate
from training.train import train

EVENTS = 500
SECRET = "hunter2-of-all-servers"
NAME = "engineer"


@pytest.fixture(scope="module")
def swerve(kafka: KafkaServer, cluster: FlinkCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Commands]:
    folder = tmp_path_factory.mktemp("engineer")
    store = start_redis(folder / "redis", password=SECRET)
    simulate(folder / "shop", EVENTS, 50, 100, seed=1)
    train(folder / "shop", folder / "bundle" / "1", kinds=("perceptron",))
    values = {
        "kafka.brokers": kafka.bootstrap,
        "kafka.group": fresh("group"),
        "kafka.properties": json.dumps({"sasl.jaas.config": f'x.y.Z required password="{SECRET}";'}),
        "redis.url": store.url,
        "cluster.url": cluster.url,
        "model.path": folder / "bundle" / "1",
        "work": folder / "work",
        "checkpoint.interval_ms": 1_000,
        **{f"topics.{topic}": fresh(topic) for topic in ("events", "dead_letters", "segments", "recommendations")},
    }
    commands = Commands(folder, values)
    commands.run("publish", "shop")
    yield commands
    store.stop()


def failing(swerve: Commands, *arguments: object) -> tuple[str, str]:
    """Run a command that fails; gives the last line that it says, and all that it says."""
    process = swerve.start(*arguments)
    out, errors = process.communicate()
    assert (process.returncode != 0, out) == (True, ""), out
    return errors.splitlines()[-1], errors


def running(cluster: FlinkCluster) -> list[Any]:
    """Jobs that run."""
    jobs = requests.get(f"{cluster.url}/jobs/overview", timeout=10).json()["jobs"]
    return [job for job in jobs if job["state"] not in ("FINISHED", "CANCELED", "FAILED")]


def test_an_engineers_day(swerve: Commands, cluster: FlinkCluster, tmp_path: Path) -> None:
    # What cannot begin does not stay.
    said, _ = failing(swerve, "deploy", "--name", NAME, "--from-savepoint", tmp_path / "none")
    assert "Cannot find checkpoint or savepoint" in said
    assert running(cluster) == []
    # Flink 2.3 could not be started again with what it keeps of such a job: docs/runbook.md, "The JobManager is lost".
    for result in (cluster.folder / "ha" / "job-result-store").rglob("*_DIRTY.json"):
        result.unlink()

    job = swerve.json("deploy", "--name", NAME)["job"]
    said, _ = failing(swerve, "deploy", "--name", NAME)
    assert f"runs already: {job}" in said

    status = until("all is read, and the watermark is known", lambda: _settled(swerve.json("status", NAME)))
    assert status["job"] | {"started": 0} == {"id": job, "name": NAME, "state": "RUNNING", "started": 0, "ended": None}
    assert sum(partition["end"] for partition in status["lag"]["partitions"]) == EVENTS
    assert (status["restarts"], status["last_failure"]) == (0, None)
    assert status["watermark"]["behind_seconds"] > 0
    assert status["checkpoints"]["last"]["bytes"] > 0
    assert {state for task in status["tasks"] for state in task["states"]} == {"RUNNING"}
    assert NAME in swerve.run("status", job[:8])

    kept = swerve.json("savepoint", job[:8], "--dir", tmp_path / "kept")
    assert Path(kept["savepoint"].removeprefix("file:")).parent == tmp_path / "kept"
    assert (Path(kept["savepoint"].removeprefix("file:")) / "_metadata").exists()

    # An upgrade that cannot work stops nothing for good; one whose state could not be read does not begin.
    assert "state.buckets is 64" in failing(swerve, "upgrade", NAME, "--set", "state.buckets=32")[0]
    assert [one["jid"] for one in running(cluster)] == [job]
    said, everything = failing(swerve, "upgrade", NAME, "--set", "model.path=/nowhere")
    assert "there is no model bundle at /nowhere" in said
    assert "model.path: " in everything
    (again,) = running(cluster)
    assert again["jid"] in said
    assert again["jid"] != job
    restored = swerve.json("status")
    assert restored["job"]["id"] == again["jid"]
    assert restored["checkpoints"]["restored_from"] in said

    path = swerve.run("stop", NAME).strip()
    assert (Path(path.removeprefix("file:")) / "_metadata").exists()
    assert swerve.json("status", NAME)["job"]["state"] == "FINISHED"
    assert "no job engineer runs" in failing(swerve, "stop", NAME)[0]

    pages = [f"jobs/{job}", f"jobs/{job}/config", f"jobs/{job}/plan", f"jobs/{job}/jobmanager/config", f"jobs/{job}/exceptions"]
    shown = [requests.get(f"{cluster.url}/{page}", timeout=10).text for page in pages]
    assert swerve.folder.name in shown[1], "the page of the job's settings shows none"
    logs = [*cluster.folder.rglob("*.log*"), *cluster.folder.rglob("*.out"), *(swerve.folder / "work").rglob("*.log")]
    texts = [log.read_text(errors="replace") for log in logs if log.is_file()]
    assert any("sasl.jaas.config = [hidden]" in text for text in texts), "Kafka's clients did not log their configuration"
    assert [page for page in shown if SECRET in page] == []
    assert [log for log, text in zip(logs, texts, strict=True) if SECRET in text] == []


def _settled(status: dict[str, Any]) -> dict[str, Any] | None:
    last = status["checkpoints"]["last"]
    return status if last and status["lag"]["records"] == 0 and status["watermark"]["at"] else None
