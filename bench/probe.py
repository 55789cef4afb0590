"""How long one event takes to Redis: sent, and looked for, one after the other."""

from __future__ import annotations

import io
import statistics
import subprocess
import time
import uuid
from collections.abc import Callable
from typing import Any

import fastavro
import redis

from jobs.embedded.redis_server import RedisServer
from udfs.errors import SwerveError
from udfs.keys import profile_key
from udfs.schemas import load, plain

PAUSE_SECONDS, LOOK_SECONDS = 1.5, 0.002
START_SECONDS, LONGEST_SECONDS = 300.0, 60.0


class Probe:
    """Sends an event of a new user and waits for her profile.

    Parameters
    ----------
    store
        The Redis that the job writes to.
    job
        Its process.
    send
        Called with a user and the event's datum; returns when it is sent.
    """

    def __init__(self, store: RedisServer, job: subprocess.Popen[bytes], send: Callable[[str, bytes], None]) -> None:
        self._job, self._send = job, send
        self._store = redis.Redis.from_url(store.url)
        self._schema = fastavro.parse_schema(plain(load("shop_event")))

    def __call__(self, seconds: float) -> float:
        """Give how many seconds it took.

        Raises
        ------
        SwerveError
            If it takes longer than `seconds`, or the job has ended.
        """
        user, now = f"quiet-{uuid.uuid4().hex}", int(time.time() * 1000)
        record = {"event_id": user, "user_id": user, "event_name": "view_item", "event_time": now, "personalization_storage": "GRANTED"}
        datum = io.BytesIO()
        fastavro.schemaless_writer(datum, self._schema, record)
        began = time.monotonic()
        self._send(user, datum.getvalue())
        while not self._store.exists(profile_key(user)):
            if self._job.poll() is not None or time.monotonic() - began > seconds:
                raise SwerveError("the event did not arrive in Redis", "SWERVE_DEBUG=1 and --keep DIR: the job's log lies there")
            time.sleep(LOOK_SECONDS)
        return time.monotonic() - began

    def close(self) -> None:
        """Disconnect."""
        self._store.close()


def measure(probe: Probe, events: int, say: Callable[[str], None]) -> list[float]:
    """Send events one by one, once the job runs; gives the milliseconds of each."""
    try:
        probe(START_SECONDS)
        say(f"sending {events} events, one every {PAUSE_SECONDS:g} s")
        times = []
        for _ in range(events):
            time.sleep(PAUSE_SECONDS)
            times.append(1_000 * probe(LONGEST_SECONDS))
        return times
    finally:
        probe.close()


def summary(times: list[float]) -> dict[str, Any]:
    """Put times in milliseconds in few words."""
    hundredths = statistics.quantiles(times, n=100, method="inclusive")
    return {
        "events": len(times),
        "p50_ms": round(statistics.median(times), 1),
        "p90_ms": round(hundredths[89], 1),
        "p99_ms": round(hundredths[98], 1),
        "max_ms": round(max(times), 1),
        "all_ms": [round(one, 1) for one in times],
    }
