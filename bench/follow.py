"""Following an archive: how long an event takes from its writer to Redis, and what the job costs while nothing comes.

One event at a time is appended, durably, and the next only a while after the last was seen: whatever an event would have to wait for shows.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from bench.probe import Probe, measure, summary
from jobs.embedded.redis_server import start_redis
from udfs.archive_writer import ArchiveWriter
from udfs.schemas import load

IDLE_SECONDS = 20.0
Say = Callable[[str], None]


def run(say: Say, *, events: int = 40, parallelism: int = 1, keep: Path | None = None) -> dict[str, Any]:
    """Measure.

    Parameters
    ----------
    say
        Told what is being done.
    events
        How many, one after the other.
    parallelism
        Of the job.
    keep
        Folder for the server's data and logs; by default a temporary one.

    Returns
    -------
    dict
        ``p50_ms``, ``p90_ms``, ``p99_ms``, ``max_ms`` from the call of the writer, which waits for the disk, to the value in Redis;
        ``all_ms``; ``idle_cpu_percent`` of one core, of the job with all its processes while nothing comes.
    """
    from training.simulator import simulate
    from training.train import train

    with tempfile.TemporaryDirectory() as temporary:
        folder = keep or Path(temporary)
        say("starting Redis and the job")
        simulate(folder / "shop", 20_000, 1_000, 500, seed=1)
        train(folder / "shop", folder / "bundle" / "1", kinds=("perceptron",))
        store = start_redis(folder / "redis")
        values = {
            "redis.url": store.url,
            "model.path": folder / "bundle" / "1",
            "work": folder / "work",
            "checkpoint.dir": folder / "checkpoints",
            "parallelism": parallelism,
        }
        flags = [flag for key, value in values.items() for flag in ("--set", f"{key}={value}")]
        command = [sys.executable, "-m", "jobs.cli", "run", "--source", str(folder / "live"), "--out", str(folder / "out"), *flags]
        with (folder / "job.log").open("wb") as log:
            job = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        try:
            with ArchiveWriter(folder / "live", load("shop_event")) as writer:

                def send(_: str, datum: bytes) -> None:
                    writer.append(datum, 1)
                    writer.flush(durable=True)

                times = measure(Probe(store, job, send), events, say)
            say(f"watching the idle job for {IDLE_SECONDS:g} s")
            before = seconds_of(job.pid)
            time.sleep(IDLE_SECONDS)
            idle = 100 * (seconds_of(job.pid) - before) / IDLE_SECONDS
        finally:
            job.terminate()
            job.wait()
            store.stop()
    return {**summary(times), "idle_cpu_percent": round(idle, 1)}


def seconds_of(process: int) -> float:
    """Give the seconds of processor time of a process and of all that it started and that lives."""
    total = 0.0
    root = psutil.Process(process)
    for one in (root, *root.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            times = one.cpu_times()
            total += times.user + times.system
    return total
