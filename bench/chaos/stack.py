"""The servers of a run: broker, registry, ZooKeeper, Redis and a Flink cluster, each a process on loopback."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import psutil

from bench.chaos.link import Link
from jobs.dev.flink import FlinkCluster
from jobs.dev.kafka import KafkaServer
from jobs.dev.processes import LOOPBACK, Daemon, free_port
from jobs.dev.redis import RedisDaemon
from jobs.dev.registry import RegistryServer
from jobs.dev.zookeeper import ZooKeeperServer
from jobs.settings import Settings

TASKMANAGERS, PARTITIONS = 2, 4
CHECKPOINT_MS = 2_000
#: What Redis has confirmed is on disk: whatever is missing afterwards is the job's fault.
DURABLE = {"appendonly": "yes", "appendfsync": "always"}


class Servers:
    """All of them.

    Parameters
    ----------
    folder : Path
        For their data and logs.

    Attributes
    ----------
    link : Link
        The job's way to Redis.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.kafka = KafkaServer(folder / "kafka", free_port(), free_port())
        self.zookeeper = ZooKeeperServer(folder / "zookeeper", free_port())
        self.registry = RegistryServer(folder / "registry", free_port())
        self.redis = RedisDaemon(folder / "redis", free_port(), DURABLE)
        self.flink = FlinkCluster(folder / "flink", TASKMANAGERS, zookeeper=self.zookeeper.quorum)
        self.link = Link(self.redis.port)
        self._sessions: set[int] = set()

    def start(self, say: Callable[[str], None]) -> None:
        """Start them at once and wait until each answers."""
        servers = [self.redis, self.kafka, self.zookeeper, self.registry]
        for server in servers:
            server.spawn()
        for server in [*servers, *self.flink.spawn()]:
            server.wait()
            say(f"{server.name} answers")
        self.link.open()
        self.remember()

    def remember(self) -> None:
        """Note the TaskManagers that run now: what a killed one leaves behind is found by its session."""
        self._sessions |= {one.pid for one in self.flink.taskmanagers if one.process}

    def orphans(self) -> list[psutil.Process]:
        """Find processes that TaskManagers left behind which run no more."""
        living = {one.pid for one in self.flink.taskmanagers if one.alive}
        found = []
        for process in psutil.process_iter():
            try:
                session = os.getsid(process.pid)
            except OSError:
                continue
            if session in self._sessions - living and process.pid != session:
                found.append(process)
        return found

    def stop(self) -> None:
        """End all of them."""
        self.link.close()
        everyone: list[Daemon] = [self.redis, self.kafka, self.zookeeper, self.registry]
        self.remember()
        self.flink.kill()
        for server in everyone:
            server.kill()
        for process in self.orphans():
            process.kill()

    def settings(self, bundle: Path) -> Settings:
        """Give the settings of a job on these servers."""
        return Settings().with_values(
            {
                "kafka.brokers": self.kafka.bootstrap,
                "registry.url": self.registry.url,
                "registry.cache": self.folder / "schemas",
                "redis.url": f"redis://{LOOPBACK}:{self.link.port}/0",
                "cluster.url": self.flink.url,
                "checkpoint.interval_ms": CHECKPOINT_MS,
                "parallelism": TASKMANAGERS,
                "model.path": bundle.resolve(),
                "work": self.folder / "work",
            }
        )
