"""Events a second of the whole job: a bounded replay of simulated events, Redis and checkpoints on.

Each run is a `swerve replay` in a process of its own, as a user would start it. The work between the first result and the last counts;
start-up does not. Rankings are not held back, as they are by default in a replay: a user is ranked each time she asks.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from jobs.embedded.redis_server import RedisServer, start_redis
from udfs.errors import SwerveError

SHOP_SEED, SEED, TRAINING_SEED = 10, 11, 12
TRAINING_EVENTS = 200_000
ACTIVITIES = ("even", "power")
RANKINGS = {
    "events_per_second": ("rank.on=triggers", "rank.every=8"),
    "events_per_second_each_request": ("rank.on=triggers", "rank.every=8", "rank.latest_only=false"),
    "events_per_second_every_event": ("rank.on=every_event",),
}
"""Figures and their settings. By default the requests of one user that meet in a batch are ranked once, the last of them; the second figure
ranks each."""
Say = Callable[[str], None]


def run(
    say: Say,
    *,
    events: int = 1_000_000,
    users: int = 50_000,
    items: int = 5_000,
    parallelism: int = 1,
    ranker: str = "auto",
    keep: Path | None = None,
) -> dict[str, Any]:
    """Measure.

    Parameters
    ----------
    say
        Told what is being done.
    events, users, items
        Size of the simulated shop.
    parallelism
        Of the job.
    ranker
        Kind of ranker, as for `swerve train`.
    keep
        Folder for the archives and the bundle, used again when it is there; by default a temporary one.

    Returns
    -------
    dict
        The figures of `RANKINGS`, each the smaller of users spread evenly and by a power law, and
        ``runs`` with where the time went in each.
    """
    with tempfile.TemporaryDirectory() as temporary:
        folder = keep or Path(temporary)
        bundle = folder / "models" / "bench" / ranker
        if not bundle.exists():
            say(f"simulate and train on {TRAINING_EVENTS:,} events")
            history = _archive(folder, "history", TRAINING_EVENTS, max(1, users // 5), items, TRAINING_SEED, "even")
            _swerve("train", history, "--out", bundle, "--ranker", ranker)
        runs: dict[str, dict[str, Any]] = {}
        for activity in ACTIVITIES:
            say(f"simulate {events:,} events, users spread {'evenly' if activity == 'even' else 'by a power law'}")
            archive = _archive(folder, f"{activity}-{events}", events, users, items, SEED, activity)
            for name, ranking in RANKINGS.items():
                say(f"replay, users {activity}: {', '.join(ranking)}")
                runs.setdefault(name, {})[activity] = _replay(archive, bundle, folder / "work", parallelism, ranking)
        smallest = {name: min(run["events_per_second"] for run in by_activity.values()) for name, by_activity in runs.items()}
        return {**smallest, "ranker": ranker, "events": events, "users": users, "items": items, "parallelism": parallelism, "runs": runs}


def _archive(folder: Path, name: str, events: int, users: int, items: int, seed: int, activity: str) -> Path:
    archive = folder / name
    if not archive.exists():
        options = {"--events": events, "--users": users, "--items": items, "--seed": seed, "--shop-seed": SHOP_SEED, "--activity": activity}
        _swerve("simulate", archive, *(str(part) for option in options.items() for part in option))
    return archive


def _replay(archive: Path, bundle: Path, work: Path, parallelism: int, ranking: tuple[str, ...]) -> dict[str, Any]:
    settings = [*ranking, "rank.hold_back=false", f"model.path={bundle}", f"work={work}", f"parallelism={parallelism}"]
    options = [part for setting in settings for part in ("--set", setting)]
    server = start_redis(work / "redis")
    try:
        with _Memory(server) as memory:
            document = _swerve("replay", "--source", archive, "--redis", server.url, *options, memory=memory)
    finally:
        server.stop()
    events = document["events"] + document["rejects"]
    stages = {name: round(seconds / events * 1e6, 3) for name, seconds in document["stage_seconds"].items()}
    return {
        "events_per_second": document["events_per_second"],
        "seconds": document["seconds"],
        "recommendations": document["recommendations"],
        "us_per_event": stages,
        "peak_memory_mb": memory.peak_mb,
        "state_bytes": document["state_bytes"],
        "state_bytes_per_user": round(document["state_bytes"] / max(1, document["users"])),
    }


class _Memory:
    """Peak of the memory of a process and its children, in MB by kind."""

    def __init__(self, redis: RedisServer) -> None:
        self.peak_mb: dict[str, int] = {}
        self.process: psutil.Process | None = None
        self._redis = psutil.Process(redis.process.pid)
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> _Memory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._done.wait(0.5):
            if self.process is None:
                continue
            now: dict[str, int] = {}
            try:
                for process in (self.process, *self.process.children(recursive=True), self._redis):
                    kind = "jvm" if process.name() == "java" else "redis" if process is self._redis else "python"
                    now[kind] = now.get(kind, 0) + process.memory_info().rss // 1_000_000
            except psutil.NoSuchProcess:
                continue
            for kind, size in now.items():
                self.peak_mb[kind] = max(size, self.peak_mb.get(kind, 0))


def _swerve(*arguments: object, memory: _Memory | None = None) -> dict[str, Any]:
    """Run a command and read its document."""
    process = subprocess.Popen(
        [sys.executable, "-m", "jobs.cli", *map(str, arguments), "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    if memory:
        memory.process = psutil.Process(process.pid)
    output, errors = process.communicate()
    if process.returncode:
        last = errors.strip().splitlines()[-1:] or [f"exit code {process.returncode}"]
        raise SwerveError(f"swerve {arguments[0]} failed: {last[0].removeprefix('swerve: ')}")
    document: dict[str, Any] = json.loads(output)
    return document
