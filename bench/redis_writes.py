"""Writing recommendations to Redis: our writer beside redis-py's pipeline with the same script. ``python -m bench.redis_writes``."""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

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


def main() -> None:
    """Measure on a server of our own and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=500, help="in a batch")
    parser.add_argument("--batches", type=int, default=40)
    parser.add_argument("--value-bytes", type=int, default=2000)
    parser.add_argument("--profile-bytes", type=int, default=400)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        server = start_redis(Path(folder))
        try:
            result = measure(server.url, given.users, given.batches, given.value_bytes, given.profile_bytes)
        finally:
            server.stop()
    if given.json:
        print(json.dumps(result))
        return
    print(f"{given.users} users a batch, {given.value_bytes} bytes of JSON and {given.profile_bytes} of profile each; µs a user")
    print(f"{'':20} {'client':>8} {'wall':>8}")
    for name, spent in result.items():
        print(f"{name:20} {spent['client']:8.2f} {spent['wall']:8.2f}")


if __name__ == "__main__":
    main()
