"""A quiet night: how long the last event takes from the producer to Redis when nothing follows it.

One event at a time goes into one of four partitions, the others have none, and the next is sent only a while after the last was seen:
whatever an event would have to wait for (a batch to fill, a watermark, another partition) shows.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.probe import LONGEST_SECONDS, Probe, measure, summary
from jobs.dev.kafka import start_kafka
from jobs.embedded.redis_server import start_redis
from jobs.kafka.client import admin, producer
from jobs.kafka.topics import create_all
from jobs.settings import Settings
from udfs.schemas import local_id

PARTITIONS = 4
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
            to_topic = producer(settings)
            times = measure(Probe(store, job, _sender(to_topic, settings.topics.events)), events, say)
            to_topic.close()
        finally:
            job.terminate()
            job.wait()
            kafka.stop()
            store.stop()
    return summary(times)


def _sender(producer: Any, topic: str) -> Callable[[str, bytes], None]:
    framing = b"\0" + local_id("shop_event").to_bytes(4, "big")

    def send(user: str, datum: bytes) -> None:
        producer.send(topic, framing + datum, key=user.encode(), partition=1, timestamp_ms=int(time.time() * 1000))
        producer.flush(LONGEST_SECONDS)

    return send
