"""All servers that a development machine needs, as one: brought up, looked at, and taken down by commands that end meanwhile."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import Any

import yaml

from jobs.dev.flink import FlinkCluster
from jobs.dev.kafka import KafkaServer
from jobs.dev.processes import LOOPBACK, Daemon
from jobs.dev.redis import RedisDaemon
from jobs.dev.registry import RegistryServer
from jobs.dev.state import State, alone
from jobs.dev.zookeeper import ZooKeeperServer
from jobs.settings import Settings
from udfs.errors import SwerveError

#: Where they listen; where somebody else does already, at the next free port.
PORTS = {"kafka": 9092, "controller": 19092, "zookeeper": 2181, "registry": 8085, "redis": 6379, "flink": 8081, "flink_rpc": 6123}
METRICS_PORTS = "9250-9260"


class Stack:
    """The servers of a work folder.

    Parameters
    ----------
    settings : Settings
        `work` names the folder: all lies in `<work>/dev`; `topics` names the topics that are made.

    Attributes
    ----------
    config : Path
        A file of settings that lead to the servers, for `--config`.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.folder = settings.work.resolve() / "dev"
        self.config = self.folder / "swerve.yaml"

    def up(self, say: Callable[[str], None], taskmanagers: int = 2, partitions: int = 4, metrics: bool = False) -> dict[str, str]:
        """Start what does not run, wait until all of it answers, and make the topics.

        Parameters
        ----------
        say
            Takes a line for each thing that is ready.
        taskmanagers
            How many; those beyond are ended.
        partitions
            Of the topics that are not there yet.
        metrics
            Whether Flink's processes get ports for Prometheus; they listen on all addresses. Those that run already are left as they are.

        Returns
        -------
        dict
            The settings that lead to the servers, by dotted key.

        Raises
        ------
        SwerveError
            If one does not come up; the others go on running until `down`.
        """
        with alone(self.folder) as state:
            state.metrics |= metrics
            self._choose_ports(state)
            servers, flink = self._servers(state), self._flink(state, taskmanagers)
            for surplus in flink.taskmanagers[taskmanagers:]:
                surplus.stop()
            del flink.taskmanagers[taskmanagers:]
            try:
                for server in servers.values():
                    if not server.alive:
                        server.spawn()
                flink.spawn()
            finally:
                # Before they answer: `down` finds one that does not come up as well.
                everyone = {**servers, **_of_flink(flink)}
                state.note(everyone)
            began = time.monotonic()
            for server in everyone.values():
                server.wait()
                say(f"{server.name} answers ({time.monotonic() - began:.0f} s)")
            found = self._addresses(state)
            made = self._make_topics(found, partitions)
            say(f"topics made: {', '.join(made)}" if made else "the topics are there")
            self.config.write_text(self._document(found), encoding="utf-8")
            return found

    def down(self, fresh: bool = False) -> list[str]:
        """End exactly the processes that `up` started; with `fresh`, delete what they kept. Gives the names of those that ran."""
        if not self.folder.exists():
            return []
        with alone(self.folder) as state:
            ended = state.end()
            if fresh:
                state.wipe()
            return ended

    def status(self) -> list[dict[str, Any]]:
        """Look at each server.

        Returns
        -------
        list of dict
            `server`, `address`, `pid` (None where it does not run) and `answers`; empty where `up` was never called.
        """
        state = State.read(self.folder)
        if not state.ports:
            return []
        found = self._addresses(state)
        where = {"kafka": found["kafka.brokers"], "registry": found["registry.url"], "redis": found["redis.url"]}
        where["zookeeper"] = f"{LOOPBACK}:{state.ports['zookeeper']}"
        everyone: dict[str, Daemon | None] = {**self._servers(state), **_of_flink(self._flink(state, 0))}
        dead = {name: None for name in state.processes if name not in everyone}
        return [
            {
                "server": name,
                "address": where.get(name, found["cluster.url"]),
                "pid": server.pid if server and server.alive else None,
                "answers": bool(server and server.works),
            }
            for name, server in {**everyone, **dead}.items()
        ]

    def _servers(self, state: State) -> dict[str, Daemon]:
        """Give the servers besides Flink's, those that run taken over."""
        ports = state.ports
        servers: dict[str, Daemon] = {
            "kafka": KafkaServer(self.folder / "kafka", ports["kafka"], ports["controller"]),
            "zookeeper": ZooKeeperServer(self.folder / "zookeeper", ports["zookeeper"]),
            "registry": RegistryServer(self.folder / "registry", ports["registry"]),
            "redis": RedisDaemon(self.folder / "redis", ports["redis"]),
        }
        for name, server in servers.items():
            if name in state.processes:
                server.adopt(state.processes[name])
        return servers

    def _flink(self, state: State, taskmanagers: int) -> FlinkCluster:
        cluster = FlinkCluster(
            self.folder / "flink",
            taskmanagers,
            rest_port=state.ports["flink"],
            zookeeper=f"{LOOPBACK}:{state.ports['zookeeper']}",
            metrics_ports=METRICS_PORTS if state.metrics else None,
            rpc_port=state.ports["flink_rpc"],
        )
        workers = {name: identity for name, identity in state.processes.items() if name.startswith("taskmanager")}
        cluster.adopt(state.processes.get("jobmanager"), workers)
        return cluster

    def _choose_ports(self, state: State) -> None:
        """Keep the ports of servers that run or whose port is still free; choose others where somebody came in between."""
        running = {name for name, identity in state.processes.items() if identity.find()}
        owners = {"controller": "kafka", "flink": "jobmanager", "flink_rpc": "jobmanager"}
        taken: set[int] = set()
        for name, wish in PORTS.items():
            port = state.ports.get(name, wish)
            if owners.get(name, name) not in running:
                port = next((one for one in range(port, port + 200) if one not in taken and _is_free(one)), 0)
                if not port:
                    raise SwerveError(f"no port from {wish} on is free for {name}")
            taken.add(port)
            state.ports[name] = port

    def _addresses(self, state: State) -> dict[str, str]:
        return {
            "kafka.brokers": f"{LOOPBACK}:{state.ports['kafka']}",
            "registry.url": f"http://{LOOPBACK}:{state.ports['registry']}/apis/ccompat/v7",
            "redis.url": f"redis://{LOOPBACK}:{state.ports['redis']}/0",
            "cluster.url": f"http://{LOOPBACK}:{state.ports['flink']}",
            # Ids begin anew with a fresh registry: what is kept of them goes with it.
            "registry.cache": str(self.folder / "schemas"),
        }

    def _make_topics(self, found: dict[str, str], partitions: int) -> list[str]:
        from jobs.kafka.client import admin
        from jobs.kafka.topics import create_all

        settings = self._settings.with_values({"kafka.brokers": found["kafka.brokers"], "kafka.properties": {}})
        client = admin(settings)
        try:
            return create_all(client, settings, partitions)
        finally:
            client.close()

    def _document(self, found: dict[str, str]) -> str:
        sections: dict[str, dict[str, str]] = {}
        for key, value in found.items():
            section, name = key.split(".")
            sections.setdefault(section, {})[name] = value
        topics = self._settings.topics.model_dump(exclude_defaults=True)
        return str(yaml.safe_dump({"work": str(self._settings.work.resolve()), **sections, **({"topics": topics} if topics else {})}))


def _of_flink(cluster: FlinkCluster) -> dict[str, Daemon]:
    return {"jobmanager": cluster.jobmanager, **{one.name: one for one in cluster.taskmanagers}}


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # Servers of Java's bind to a port that was just left as well.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True
