"""Writing recommendations to Redis: our writer beside redis-py's pipeline with the same script."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import redis

from jobs.embedded.redis_server import start_redis
from udfs.keys import profile_key, recommendations_key
from udfs.redis_commands import SCRIPT
from udfs.redis_writes import RedisWriter, Target

TTL = 3600


def measure(url: str, users: int, batches: int, value_bytes: int, profile_bytes: int) -> dict[str, dict[str, float]]:
    """Time both writers in turns, so that what else the machine does hits both.

    Parameters
    ----------
    url
        A Redis whose keys may be overwritten.
    users, batches
        Users in a batch, and how many batches each writer writes.
    value_bytes, profile_bytes
        Size of a recommendation and of a profile.

    Returns
    -------
    dict
        By writer: microseconds a user, of this process (`client`) and by the clock on the wall (`wall`); the medians.
    """
    names = [b"u%06d" % i for i in range(users)]
    values, profiles = [(b"v" * value_bytes,)] * users, [b"p" * profile_bytes] * users
    versions = np.zeros((users, 2), np.uint64)
    with RedisWriter(Target(url, ttl_seconds=TTL)) as writer, redis.Redis.from_url(url) as client:
        script = client.register_script(SCRIPT)

        def ours() -> None:
            assert writer.write(names, versions, values, profiles).written == users

        def theirs() -> None:
            pipeline = client.pipeline(transaction=False)
            for user, (time_, sequence), (value,), profile in zip(names, versions.tolist(), values, profiles, strict=True):
                text = user.decode()
                keys = [profile_key(text), recommendations_key(text, "home")]
                stamp = time_.to_bytes(8, "big") + sequence.to_bytes(8, "big")
                script(keys, [TTL, stamp + profile, value], client=pipeline)
            assert pipeline.execute() == [1] * users

        taken: dict[str, list[tuple[float, float]]] = {"swerve": [], "redis-py pipeline": []}
        for batch in range(batches + 1):
            versions += np.uint64(1)
            for name, write in (("swerve", ours), ("redis-py pipeline", theirs)):
                spent = _timed(write)
                if batch:
                    taken[name].append(spent)
    return {
        name: {kind: round(median(spent[i] for spent in all_spent) / users * 1e6, 2) for i, kind in enumerate(("client", "wall"))}
        for name, all_spent in taken.items()
    }


def _timed(write: Callable[[], None]) -> tuple[float, float]:
    client, wall = time.process_time(), time.perf_counter()
    write()
    return time.process_time() - client, time.perf_counter() - wall


def run(
    say: Callable[[str], None], *, batch: int = 500, batches: int = 40, value_bytes: int = 2000, profile_bytes: int = 400
) -> dict[str, Any]:
    """Measure on a server of our own.

    Parameters
    ----------
    say
        Told what is being done.
    batch, batches
        Users in a batch, and how many each writer writes.
    value_bytes, profile_bytes
        Size of a recommendation and of a profile.

    Returns
    -------
    dict
        ``microseconds_a_user`` by writer, and what was measured.
    """
    with tempfile.TemporaryDirectory() as folder:
        server = start_redis(Path(folder))
        try:
            say(f"write {batches} batches of {batch} users with each writer")
            spent = measure(server.url, batch, batches, value_bytes, profile_bytes)
        finally:
            server.stop()
    return {"microseconds_a_user": spent, "users_a_batch": batch, "value_bytes": value_bytes, "profile_bytes": profile_bytes}
