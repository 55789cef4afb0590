"""What a cluster says about itself and its jobs. Times are milliseconds since 1970, sizes bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

ENDED = frozenset({"FINISHED", "CANCELED", "FAILED", "SUSPENDED"})
NO_WATERMARK = -(2**63)


@dataclass(frozen=True)
class Overview:
    """The cluster: Flink's version, TaskManagers, slots."""

    version: str
    task_managers: int
    slots: int
    free_slots: int

    @classmethod
    def read(cls, answer: Mapping[str, Any]) -> Overview:
        """Read Flink's answer."""
        return cls(answer["flink-version"], answer["taskmanagers"], answer["slots-total"], answer["slots-available"])


@dataclass(frozen=True)
class Job:
    """A job, running or ended."""

    id: str
    name: str
    state: str
    started: int
    ended: int | None

    @property
    def runs(self) -> bool:
        """Whether it has not come to its end; it may be restarting."""
        return self.state not in ENDED

    @classmethod
    def read(cls, answer: Mapping[str, Any]) -> Job:
        """Read Flink's answer."""
        ended = answer["end-time"]
        return cls(answer["jid"], answer["name"], answer["state"], answer["start-time"], ended if ended >= 0 else None)


@dataclass(frozen=True)
class Vertex:
    """A task of the job: operators that run as one.

    Attributes
    ----------
    tasks
        Number of its parallel instances by state, none left out but those of zero.
    """

    id: str
    name: str
    parallelism: int
    state: str
    tasks: dict[str, int]

    @classmethod
    def read(cls, answer: Mapping[str, Any]) -> Vertex:
        """Read Flink's answer."""
        tasks = {state: count for state, count in answer["tasks"].items() if count}
        return cls(answer["id"], answer["name"], answer["parallelism"], answer["status"], tasks)


@dataclass(frozen=True)
class Detail:
    """A job and its tasks, sources first."""

    job: Job
    vertices: tuple[Vertex, ...]

    @property
    def tasks(self) -> int:
        """Number of parallel instances."""
        return sum(vertex.parallelism for vertex in self.vertices)

    @property
    def running_tasks(self) -> int:
        """How many of them run (or, in a bounded job, are done)."""
        return sum(vertex.tasks.get("RUNNING", 0) + vertex.tasks.get("FINISHED", 0) for vertex in self.vertices)

    @classmethod
    def read(cls, answer: Mapping[str, Any]) -> Detail:
        """Read Flink's answer."""
        return cls(Job.read(answer), tuple(Vertex.read(vertex) for vertex in answer["vertices"]))


@dataclass(frozen=True)
class Checkpoint:
    """One that completed."""

    id: int
    at: int
    duration_ms: int
    size: int
    path: str | None

    @classmethod
    def read(cls, answer: Mapping[str, Any]) -> Checkpoint:
        """Read Flink's answer."""
        return cls(
            answer["id"], answer["latest_ack_timestamp"], answer["end_to_end_duration"], answer["state_size"], answer.get("external_path")
        )


@dataclass(frozen=True)
class Checkpoints:
    """Counts since the job was submitted, the last one, and what the job last came back from."""

    completed: int
    failed: int
    in_progress: int
    restored: int
    latest: Checkpoint | None
    restored_from: str | None

    @classmethod
    def read(cls, answer: Mapping[str, Any]) -> Checkpoints:
        """Read Flink's answer."""
        counts, latest = answer["counts"], answer["latest"]
        done, restored = latest.get("completed"), latest.get("restored")
        return cls(
            counts["completed"],
            counts["failed"],
            counts["in_progress"],
            counts["restored"],
            Checkpoint.read(done) if done else None,
            restored.get("external_path") if restored else None,
        )


@dataclass(frozen=True)
class Failure:
    """An exception that stopped the job or made it start again."""

    at: int
    task: str | None
    trace: str = field(repr=False)

    @classmethod
    def read(cls, answer: Mapping[str, Any]) -> Failure:
        """Read Flink's answer."""
        return cls(answer["timestamp"], answer.get("taskName"), answer.get("stacktrace") or answer.get("exceptionName") or "")
