"""Containers of the image as plain processes: what the image is made of, their variables, and a cluster of them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

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


def build(opt: Path) -> None:
    """Make what the image has under /opt, by the instructions of the Dockerfile with nothing but the files that they copy."""
    home = opt / "swerve"
    home.mkdir(parents=True)
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


def variables(opt: Path, state: Path) -> dict[str, str]:
    """Give the variables of a container, with compose's properties for Flink on ports of this machine."""
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
    # What is compiled in the image's folder of kernels is compiled here already.
    kernels = {name: os.environ[name] for name in ("SWERVE_KERNEL_CACHE",) if name in os.environ}
    return {
        **kernels,
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

    def start(self) -> None:
        """Start all of them and wait until the cluster can take a job."""
        for process in self.processes.values():
            process.start()

    def stop(self) -> None:
        """End them."""
        for process in reversed(self.processes.values()):
            process.stop()
