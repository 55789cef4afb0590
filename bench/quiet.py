"""A quiet night: how long the last event takes from the producer to Redis when nothing follows it.

One event at a time goes into one of four partitions, the others have none, and the next is sent only a while after the last was seen:
whatever an event would have to wait for (a batch to fill, a watermark, another partition) shows.
"""

from __future__ import annotations

import io
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fastavro
import redis

from jobs.dev.kafka import start_kafka
from jobs.embedded.redis_server import RedisServer, start_redis
from jobs.kafka.client import admin, producer
from jobs.kafka.topics import create_all
from jobs.settings import Settings
from udfs.errors import SwerveError
from udfs.keys import profile_key
from udfs.schemas import load, local_id, plain

PARTITIONS, PAUSE_SECONDS, LOOK_SECONDS = 4, 1.5, 0.002
START_SECONDS, LONGEST_SECONDS = 300.0, 60.0
Say = Callable[[str], None]


def run(say: Say, *, events: int = 40, keep: Path | None = None) -> dict[str, Any]:
    """Measure.

    Parameters
    ----------
    say
        Told what is being done.
    events
        How many, one after the other.
    keep
        Folder for the servers' data and logs; by default a temporary one.

    Returns
    -------
    dict
        ``p50_ms``, ``p90_ms``, ``max_ms`` from the call of the producer to the value in Redis, and ``all_ms``.
    """
    from training.simulator import simulate
    from training.train import train

    with tempfile.TemporaryDirectory() as temporary:
        folder = keep or Path(temporary)
        say("starting Kafka, Redis and the job")
        simulate(folder / "shop", 20_000, 1_000, 500, seed=1)
        train(folder / "shop", folder / "bundle" / "1", kinds=("perceptron",))
        kafka, store = start_kafka(folder / "kafka"), start_redis(folder / "redis")
        values = {
            "kafka.brokers": kafka.bootstrap,
            "redis.url": store.url,
            "model.path": folder / "bundle" / "1",
            "work": folder / "work",
            "checkpoint.dir": folder / "checkpoints",
        }
        settings = Settings().with_values(values)
        client = admin(settings)
        create_all(client, settings, PARTITIONS)
        client.close()
        flags = [flag for key, value in values.items() for flag in ("--set", f"{key}={value}")]
        with (folder / "job.log").open("wb") as log:
            job = subprocess.Popen([sys.executable, "-m", "jobs.cli", "run", *flags], stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        try:
            probe = _Probe(settings, store, job)
            probe.send(START_SECONDS)
            say(f"sending {events} events, one every {PAUSE_SECONDS:g} s")
            times = []
            for _ in range(events):
                time.sleep(PAUSE_SECONDS)
                times.append(1_000 * probe.send(LONGEST_SECONDS))
            probe.close()
        finally:
            job.terminate()
            job.wait()
            kafka.stop()
            store.stop()
    tenths = statistics.quantiles(times, n=10)
    return {
        "events": events,
        "p50_ms": round(statistics.median(times), 1),
        "p90_ms": round(tenths[8], 1),
        "max_ms": round(max(times), 1),
        "all_ms": [round(one, 1) for one in times],
    }


class _Probe:
    """Sends an event of a new user and waits for her profile."""

    def __init__(self, settings: Settings, store: RedisServer, job: subprocess.Popen[bytes]) -> None:
        self._settings, self._job = settings, job
        self._producer = producer(settings)
        self._store = redis.Redis.from_url(store.url)
        self._schema = fastavro.parse_schema(plain(load("shop_event")))

    def send(self, seconds: float) -> float:
        """Give how many seconds it took."""
        user, now = f"quiet-{uuid.uuid4().hex}", int(time.time() * 1000)
        record = {"event_id": user, "user_id": user, "event_name": "view_item", "event_time": now, "personalization_storage": "GRANTED"}
        datum = io.BytesIO()
        fastavro.schemaless_writer(datum, self._schema, record)
        framing = b"\0" + local_id("shop_event").to_bytes(4, "big")
        began = time.monotonic()
        topic = self._settings.topics.events
        self._producer.send(topic, framing + datum.getvalue(), key=user.encode(), partition=1, timestamp_ms=now)
        self._producer.flush(seconds)
        while not self._store.exists(profile_key(user)):
            if self._job.poll() is not None or time.monotonic() - began > seconds:
                raise SwerveError("the event did not arrive in Redis", "SWERVE_DEBUG=1 and --keep DIR: the job's log lies there")
            time.sleep(LOOK_SECONDS)
        return time.monotonic() - began

    def close(self) -> None:
        """Disconnect."""
        self._producer.close()
        self._store.close()
