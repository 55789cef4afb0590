"""`swerve dev`, by the command itself: up, looked at, something dies, up again, down."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import redis
import requests

from jobs.kafka.client import admin
from jobs.kafka.topics import describe, wanted
from jobs.settings import load_settings


class Commands:
    """Runs `swerve dev` for a work folder."""

    def __init__(self, work: Path) -> None:
        self.work = work
        self.code = 0

    def __call__(self, *arguments: str) -> Any:
        command = [sys.executable, "-m", "jobs.cli", "dev", *arguments, "--json", "--set", f"work={self.work}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        self.code = done.returncode
        assert done.stdout, done.stderr
        return json.loads(done.stdout)

    def processes(self) -> dict[str, int]:
        """Names and process ids of the servers that run."""
        return {one["server"]: one["pid"] for one in self("status")["servers"] if one["pid"]}


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Commands]:
    """Servers that are up; with one TaskManager, to be quick."""
    commands = Commands(tmp_path_factory.mktemp("a folder") / "work")
    try:
        commands("up", "--taskmanagers", "1", "--partitions", "3")
        assert commands.code == 0
        yield commands
    finally:
        commands("down", "--fresh")


def test_all_of_it_answers(dev: Commands) -> None:
    document = dev("status")
    assert dev.code == 0
    assert document["ready"]
    names = [one["server"].split("-")[0] for one in document["servers"]]
    assert names == ["kafka", "zookeeper", "registry", "redis", "jobmanager", "taskmanager"]
    for one in document["servers"]:
        listening = [at.laddr.ip for at in psutil.Process(one["pid"]).net_connections("inet") if at.status == psutil.CONN_LISTEN]
        assert {address.removeprefix("::ffff:") for address in listening} <= {"127.0.0.1", "::1"}, one["server"]


def test_the_settings_that_it_writes_lead_to_the_servers(dev: Commands) -> None:
    settings = load_settings(dev.work / "dev" / "swerve.yaml", [])
    assert settings.work == dev.work
    assert settings.registry.url
    assert settings.redis.url
    assert requests.get(f"{settings.registry.url}/subjects", timeout=30).json() == []
    assert requests.get(f"{settings.cluster.url}/overview", timeout=30).json()["slots-total"] == 1
    with redis.Redis.from_url(settings.redis.url) as client:
        assert client.config_get("appendonly") == {"appendonly": "yes"}
    client = admin(settings)
    try:
        for name, config in wanted(settings).items():
            topic = describe(client, settings, name)
            assert len(topic.partitions) == 3
            assert config.items() <= topic.config.items()
    finally:
        client.close()


def test_up_again_starts_what_died_and_leaves_the_rest(dev: Commands) -> None:
    before = dev.processes()
    worker = next(name for name in before if name.startswith("taskmanager"))
    for name in ("registry", worker):
        os.kill(before[name], signal.SIGKILL)
        psutil.wait_procs([psutil.Process(before[name])] if psutil.pid_exists(before[name]) else [], 30)
    states = {one["server"]: one["answers"] for one in dev("status")["servers"]}
    assert dev.code == 1
    assert not states["registry"]
    assert not states[worker]
    assert states["kafka"]
    dev("up", "--taskmanagers", "2")
    assert dev.code == 0
    after = dev.processes()
    assert len([name for name in after if name.startswith("taskmanager")]) == 2
    assert after["registry"] != before["registry"]
    untouched = ("kafka", "zookeeper", "redis", "jobmanager")
    assert {name: after[name] for name in untouched} == {name: before[name] for name in untouched}


def test_down_ends_them_and_nothing_else(dev: Commands) -> None:
    running = dev.processes()
    note = dev.work / "dev" / "state.json"
    state = json.loads(note.read_text())
    # A process that got the number of one that was noted, and died, after that.
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    state["processes"]["stranger"] = [stranger.pid, psutil.Process(stranger.pid).create_time() - 60]
    note.write_text(json.dumps(state))
    try:
        stopped = dev("down")["stopped"]
        assert set(stopped) == set(running)
        assert not any(psutil.pid_exists(pid) for pid in running.values())
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()
    assert dev("down") == {"stopped": []}
    assert not dev("status")["ready"]
    assert (dev.work / "dev" / "kafka" / "data").is_dir(), "what they kept stays"
    dev("down", "--fresh")
    assert [path.name for path in (dev.work / "dev").iterdir()] == [".lock"]
