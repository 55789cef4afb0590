"""The live job in a process of its own, as `swerve run` starts it."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path
from typing import Any

import orjson
import redis

from jobs.settings import Settings
from tests.e2e.commands import Commands, until
from tests.e2e.topics import fresh
from tests.oracle.compare import compare_redis
from tests.oracle.run import OracleResult
from udfs.errors import SwerveError
from udfs.profile import unpack_profiles
from udfs.redis_reads import read_profile

TOPICS = ("events", "dead_letters", "segments", "recommendations")


class Job:
    """The job, and what it works with.

    Parameters
    ----------
    folder
        Holds the bundle ``bundle/1``; commands are called there.
    client
        Of the Redis that it writes to.
    values
        Settings by key; topics and group are its own, unless they say otherwise.
    """

    def __init__(self, folder: Path, client: redis.Redis, values: dict[str, Any]) -> None:
        self.client = client
        self.values: dict[str, Any] = {
            "kafka.group": fresh("group"),
            "model.path": folder / "bundle" / "1",
            "work": folder / "work",
            "checkpoint.dir": folder / "checkpoints",
            "checkpoint.interval_ms": 1_000,
            **{f"topics.{topic}": fresh(topic) for topic in TOPICS},
            **values,
        }
        self.swerve = Commands(folder, self.values)
        self.settings = Settings().with_values(self.values)
        self.process: subprocess.Popen[str] | None = None

    def start(self, *arguments: object) -> None:
        """Start it."""
        self.process = self.swerve.start("run", "--json", *arguments)

    def stop(self) -> dict[str, Any]:
        """Stop it as Ctrl-C does; gives what it prints."""
        assert self.process
        self.process.send_signal(signal.SIGINT)
        out, errors = self.process.communicate(timeout=120)
        assert self.process.returncode == 0, errors
        document: dict[str, Any] = orjson.loads(out)
        return document

    def profile(self, user: str) -> Any:
        """The profile of a user, None if there is none."""
        stored = read_profile(self.client, user)
        return unpack_profiles([stored.packed])[0] if stored else None

    def seen(self, user: str, events: int = 1) -> Any:
        """Her profile, once it has so many events."""

        def look() -> Any:
            assert self.process is None or self.process.poll() is None, "the job has ended"
            profile = self.profile(user)
            return profile if profile is not None and profile["n_events"] >= events else None

        return until(f"{events} events of {user} in Redis", look)

    def kill(self) -> None:
        """End it at once, if it runs."""
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.communicate()


def agree(oracle: OracleResult, client: redis.Redis) -> bool:
    """Whether Redis holds what the oracle says.

    Raises
    ------
    SwerveError
        If not: the first differences.
    """
    if found := compare_redis(oracle, client):
        raise SwerveError("; ".join(found[:5]))
    return True
