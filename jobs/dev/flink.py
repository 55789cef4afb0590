"""A Flink cluster on loopback: a JobManager and TaskManagers, each a process that can be killed by itself."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import requests

from jobs.dev.flink_home import environment, flink_home, lay_out
from jobs.dev.processes import LOOPBACK, Daemon, Identity, free_port, refuse_taken


class FlinkCluster:
    """A cluster of one JobManager and some TaskManagers.

    Parameters
    ----------
    folder : Path
        For configuration, logs, checkpoints, savepoints and what high availability keeps.
    taskmanagers, slots : int
        How many, and the slots of each.
    rest_port : int
        Where the JobManager answers; default: a free one.
    zookeeper : str, optional
        Quorum of a ZooKeeper: a JobManager that is started again goes on with its jobs. Without one it forgets them.
    metrics_ports : str, optional
        Range of ports for Prometheus, one for each process. Flink's reporter listens on all addresses, so by default there is none.
    options : mapping
        Further options of Flink's; None takes one of `flink-conf/config.yaml` out.
    rpc_port : int
        Where TaskManagers reach the JobManager if there is no ZooKeeper that tells them; default: a free one.

    Attributes
    ----------
    url : str
        REST address.
    jobmanager : Daemon
        Its process.
    taskmanagers : list of Daemon
        Theirs, in order; one that was killed keeps its place.
    options : dict
        Options of Flink's that differ from `flink-conf/config.yaml`.
    environment : dict
        Variables for Flink's own command line, `flink_home() / "bin" / "flink"`, to reach this cluster.
    """

    def __init__(
        self,
        folder: Path,
        taskmanagers: int = 2,
        slots: int = 1,
        rest_port: int | None = None,
        zookeeper: str | None = None,
        metrics_ports: str | None = None,
        options: Mapping[str, str | None] | None = None,
        rpc_port: int | None = None,
    ) -> None:
        self.folder, self.rest_port = folder.resolve(), rest_port or free_port()
        self.rpc_port = rpc_port or free_port()
        self.url = f"http://{LOOPBACK}:{self.rest_port}"
        self.options = {**self._options(slots, zookeeper, metrics_ports), **(options or {})}
        self.environment = environment(self.folder)
        self._started = 0
        self.jobmanager = self._daemon("jobmanager", "the JobManager", [], self._leads)
        self.taskmanagers = [self._taskmanager() for _ in range(taskmanagers)]

    def start(self) -> None:
        """Start what does not run, and wait until the JobManager answers and knows every TaskManager."""
        for daemon in self.spawn():
            daemon.wait()

    def spawn(self) -> list[Daemon]:
        """Start what does not run, without waiting for it; gives all of it."""
        if not all(one.alive for one in [self.jobmanager, *self.taskmanagers]):
            lay_out(self.folder, self.options)
        if not self.jobmanager.alive:
            refuse_taken(self.rest_port)
            self.jobmanager.spawn()
        for index, one in enumerate(self.taskmanagers):
            if not one.alive:
                self.taskmanagers[index] = self._taskmanager() if one.process else one
                self.taskmanagers[index].spawn()
        return [self.jobmanager, *self.taskmanagers]

    def stop(self) -> None:
        """End all of it; with high availability, jobs that run go on when it is started again."""
        for daemon in [*self.taskmanagers, self.jobmanager]:
            daemon.stop()

    def kill(self) -> None:
        """End all of it at once, as a power cut would."""
        for daemon in [*self.taskmanagers, self.jobmanager]:
            daemon.kill()

    def kill_jobmanager(self) -> None:
        """End the JobManager at once."""
        self.jobmanager.kill()

    def start_jobmanager(self) -> None:
        """Start the JobManager again and wait until it answers."""
        self.jobmanager.start()

    def kill_taskmanager(self, index: int) -> None:
        """End a TaskManager at once."""
        self.taskmanagers[index].kill()

    def start_taskmanager(self, index: int | None = None) -> int:
        """Start a TaskManager and wait until the JobManager knows it.

        Parameters
        ----------
        index
            The one that takes the place of a dead one; default: one more.

        Returns
        -------
        int
            Its index.
        """
        index = self.spawn_taskmanager(index)
        self.taskmanagers[index].wait()
        return index

    def spawn_taskmanager(self, index: int | None = None) -> int:
        """Start a TaskManager without waiting for it; as `start_taskmanager`."""
        if index is None:
            self.taskmanagers.append(self._taskmanager())
            index = len(self.taskmanagers) - 1
        elif not self.taskmanagers[index].alive:
            self.taskmanagers[index] = self._taskmanager()
        if not self.taskmanagers[index].alive:
            self.taskmanagers[index].spawn()
        return index

    def adopt(self, jobmanager: Identity | None, taskmanagers: Mapping[str, Identity]) -> None:
        """Take over the processes of an earlier command that still run: its JobManager, and its TaskManagers by their ids."""
        if jobmanager:
            self.jobmanager.adopt(jobmanager)
        running = [one for name, identity in taskmanagers.items() if (one := self._taskmanager(name)).adopt(identity)]
        self.taskmanagers = [*running, *self.taskmanagers[len(running) :]]

    def known(self) -> list[str]:
        """Give the ids of the TaskManagers that the JobManager knows."""
        return [str(one["id"]) for one in self._get("/taskmanagers")["taskmanagers"]]

    def _taskmanager(self, resource: str | None = None) -> Daemon:
        if resource is None:
            self._started += 1
            # The same id would make the JobManager take a new process for the dead one.
            resource = f"taskmanager-{self._started}-{free_port()}"
        arguments = ["-D", f"taskmanager.resource-id={resource}"]
        return self._daemon("taskmanager", resource, arguments, lambda: resource in self.known())

    def _daemon(self, script: str, name: str, arguments: list[str], answers: Any) -> Daemon:
        command = [str(flink_home() / "bin" / f"{script}.sh"), "start-foreground", *arguments]
        log = self.folder / "log" / f"{script if script == 'jobmanager' else name}.out"
        return Daemon(name, command, log, answers, self.environment, self.folder)

    def _options(self, slots: int, zookeeper: str | None, metrics_ports: str | None) -> dict[str, str | None]:
        options: dict[str, str | None] = {
            "rest.port": str(self.rest_port),
            "jobmanager.rpc.port": str(self.rpc_port),
            "taskmanager.numberOfTaskSlots": str(slots),
            "python.executable": sys.executable,
            "python.client.executable": sys.executable,
            "execution.checkpointing.dir": (self.folder / "checkpoints").as_uri(),
            "execution.checkpointing.savepoint-dir": (self.folder / "savepoints").as_uri(),
            "high-availability.storageDir": (self.folder / "ha").as_uri(),
        }
        if zookeeper:
            options |= {"high-availability.type": "zookeeper", "high-availability.zookeeper.quorum": zookeeper}
        if metrics_ports:
            options["metrics.reporter.prom.port"] = metrics_ports
        else:
            options["metrics.reporters"] = None
            options |= {f"metrics.reporter.prom.{key}": None for key in ("factory.class", "port", "scope.variables.excludes")}
        return options

    def _leads(self) -> bool:
        return "taskmanagers" in self._get("/overview")

    def _get(self, path: str) -> dict[str, Any]:
        answer = requests.get(self.url + path, timeout=5)
        answer.raise_for_status()
        document: dict[str, Any] = answer.json()
        return document


def start_flink(
    folder: Path,
    taskmanagers: int = 2,
    slots: int = 1,
    rest_port: int | None = None,
    zookeeper: str | None = None,
    metrics_ports: str | None = None,
    options: Mapping[str, str | None] | None = None,
) -> FlinkCluster:
    """Start a cluster and wait until it can take a job; the parameters are those of `FlinkCluster`.

    Raises
    ------
    SwerveError
        If one of its processes does not come up; none is left running then.
    """
    cluster = FlinkCluster(folder, taskmanagers, slots, rest_port, zookeeper, metrics_ports, options)
    try:
        cluster.start()
    except BaseException:
        cluster.kill()
        raise
    return cluster
