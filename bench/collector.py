"""The collector before pages that send as fast as it answers: events a second that are on the disk, and how long a batch takes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import requests

from bench.collector_load import LOOPBACK, Load
from jobs.dev.processes import free_port
from udfs.archive_files import files_of
from udfs.container import read_header, scan_blocks
from udfs.errors import SwerveError

START_SECONDS, WARM_UP = 60.0, 2.0
Say = Callable[[str], None]


def run(say: Say, *, seconds: float = 8.0, connections: int = 32, batch: int = 20, keep: Path | None = None) -> dict[str, Any]:
    """Measure; load generator and collector share the machine.

    Parameters
    ----------
    say
        Told what is being done.
    seconds
        How long, after a warm-up.
    connections
        Pages at a time.
    batch
        Events that each sends at once.
    keep
        Folder for the archive; by default a temporary one.

    Returns
    -------
    dict
        ``events_per_second`` acknowledged, of which all were found in the archive; ``p50_ms``, ``p99_ms`` of a batch; ``errors``.
    """
    with tempfile.TemporaryDirectory() as temporary:
        folder = (keep or Path(temporary)) / "archive"
        with served(folder) as port:
            say(f"send batches of {batch} events over {connections} connections for {seconds:g} s")
            load = Load(port, batch, connections, seconds, WARM_UP)
            spoken = subprocess.run(
                [sys.executable, "-m", "bench.collector_load"], input=orjson.dumps(load._asdict()), capture_output=True, check=False
            )
            if spoken.returncode:
                raise SwerveError("the load generator failed", spoken.stderr.decode().strip().rpartition("\n")[2])
        heard = orjson.loads(spoken.stdout)
        kept = sum(_events(path) for _, path in files_of(folder))
        took = sorted(heard["took"])
        events = batch * len(took)
        if kept < events:
            raise SwerveError(f"{events} events were acknowledged, and {kept} are in the archive")
        return {
            "events_per_second": round(events / heard["seconds"]),
            "batches_per_second": round(len(took) / heard["seconds"]),
            "p50_ms": round(1000 * took[len(took) // 2], 2),
            "p99_ms": round(1000 * took[len(took) * 99 // 100], 2),
            "errors": heard["errors"],
            "batch": batch,
            "connections": connections,
            "kept": kept,
            "cores": os.cpu_count(),
        }


@contextmanager
def served(folder: Path) -> Iterator[int]:
    """Run a collector that writes into a folder; gives its port."""
    port = free_port()
    settings = {**os.environ, "SWERVE__SERVING__PORT": str(port), "SWERVE__SERVING__INTO": str(folder)}
    process = subprocess.Popen([sys.executable, "-m", "jobs.cli", "serve"], env=settings, stderr=subprocess.PIPE)
    try:
        _wait(process, port)
        yield port
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)


def _wait(process: subprocess.Popen[bytes], port: int) -> None:
    until = time.monotonic() + START_SECONDS
    while True:
        try:
            requests.get(f"http://{LOOPBACK}:{port}/healthz", timeout=5)
            return
        except requests.ConnectionError:
            if process.poll() is not None or time.monotonic() > until:
                raise SwerveError("the collector did not start", "try `swerve serve --into DIR`") from None
            time.sleep(0.1)


def _events(path: Path) -> int:
    data = path.read_bytes()
    return sum(block.count for block in scan_blocks(data, read_header(data, path), path))
