"""A live run in which much goes wrong, and a replay of the same topic: both leave behind what the oracle says."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from jobs.dev.flink import FlinkCluster
from jobs.dev.kafka import KafkaServer
from jobs.dev.registry import RegistryServer
from jobs.embedded.redis_server import RedisServer, start_redis
from jobs.kafka.client import admin
from jobs.kafka.offsets import lag
from jobs.settings import Settings
from tests.e2e.commands import Commands, until
from tests.e2e.live_job import agree
from tests.e2e.topics import fresh
from tests.oracle.run import run as run_oracle
from training.simulator import simulate
from training.train import train

EVENTS, RATE = 30_000, 2_000
PARTITIONS = 4
NAME = "replay-equals-live"


class Live:
    """The servers of the run, and the commands against them."""

    def __init__(self, folder: Path, kafka: KafkaServer, registry: RegistryServer, cluster: FlinkCluster, store: RedisServer) -> None:
        self.folder, self.cluster, self.store = folder, cluster, store
        self.values = {
            "kafka.brokers": kafka.bootstrap,
            "kafka.group": fresh("group"),
            "registry.url": registry.url,
            "redis.url": store.url,
            "cluster.url": cluster.url,
            "model.path": folder / "bundle" / "1",
            "work": folder / "work",
            "checkpoint.interval_ms": 1_000,
            "time.lateness_ms": 45_000,
            **{f"topics.{topic}": fresh(topic) for topic in ("events", "dead_letters", "segments", "recommendations")},
        }
        self.swerve = Commands(folder, self.values)
        self.settings = Settings().with_values(self.values)

    @property
    def source(self) -> str:
        return f"kafka:{self.settings.topics.events}"

    def committed(self) -> int:
        """How many records a checkpoint holds."""
        return self._offsets()[0]

    def behind(self) -> int:
        """How many are not read."""
        return self._offsets()[1]

    def _offsets(self) -> tuple[int, int]:
        client = admin(self.settings)
        try:
            lags = lag(client, self.settings, self.settings.topics.events, list(range(PARTITIONS))).values()
        finally:
            client.close()
        return sum(at.committed or 0 for at in lags), sum(at.records for at in lags)

    def lose_a_taskmanager(self) -> None:
        """Kill one that works, and start another in its place."""
        self.cluster.kill_taskmanager(0)
        self.cluster.start_taskmanager(0)


@pytest.fixture(scope="module")
def live(kafka: KafkaServer, registry: RegistryServer, cluster: FlinkCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    folder = tmp_path_factory.mktemp("replay")
    store = start_redis(folder / "redis")
    simulate(folder / "shop", EVENTS, 800, 500, seed=5, late_seconds=30, duplicates=0.05, poison=0.01)
    train(folder / "shop", folder / "bundle" / "1", kinds=("perceptron",))
    one = Live(folder, kafka, registry, cluster, store)
    try:
        yield one
    finally:
        store.stop()


def test_live_replay_and_oracle_agree(live: Live) -> None:
    swerve = live.swerve
    swerve.run("topics", "--partitions", PARTITIONS)
    swerve.run("deploy", "--name", NAME, "--source", live.source)
    publisher = swerve.start("publish", "shop", "--reframe", "--topic", live.settings.topics.events, "--rate", RATE, "--json")
    until("a checkpoint with events", lambda: live.committed() > EVENTS // 10)
    live.lose_a_taskmanager()
    until("the job goes on", lambda: live.committed() > EVENTS // 3)
    swerve.run("upgrade", NAME, "--set", "parallelism=2")
    live.lose_a_taskmanager()
    _, errors = publisher.communicate()
    assert publisher.returncode == 0, errors
    until("all is read", lambda: live.committed() and not live.behind())

    # Every deadline lies in the past by the clock: a topic that nobody writes to lets them fire.
    now = int(time.time() * 1000)
    oracle = run_oracle(live.folder / "shop", live.settings.model.path, now=now, end=now)
    ahead = {request.user_id for request in oracle.requests if request.ahead_of is not None}
    assert ahead, "no deadline stood at the end of the log"
    with redis.Redis.from_url(live.store.url) as client:
        until("live equals the oracle", lambda: agree(oracle, client), 60.0)
    status = swerve.json("status", NAME)
    assert status["restarts"] or status["checkpoints"]["restored"], "nothing was killed in time"
    swerve.run("stop", NAME)

    swerve.run("replay", "--source", live.source, "--until", now, "--into", "shadow:")
    found = swerve.json("diff", "", "shadow:")
    assert (found["equal"], found["different"], found["only_a"], found["only_b"]) == (len(oracle.values), 0, 0, 0), found["examples"]
