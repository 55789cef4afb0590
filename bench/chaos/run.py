"""A job on a real cluster, fed at a steady rate, while its servers are killed one after the other; then every user is looked at."""

from __future__ import annotations

import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import redis

from bench.chaos.faults import ROUND_MINUTES, Chaos, Fault
from bench.chaos.reconcile import Findings, compare_changes, compare_dead_letters, compare_users, expect, recommendation_ids, repeated
from bench.chaos.shop import Publisher, prepare, user_ids
from bench.chaos.silent import find_silent, wake
from bench.chaos.stack import PARTITIONS, Servers
from bench.chaos.topic import Schemas, log_of, read
from bench.chaos.watch import Watch
from jobs.cluster.deployment import deploy
from jobs.cluster.rest import FlinkRest
from jobs.dev.processes import LOOPBACK
from jobs.kafka.client import admin
from jobs.kafka.offsets import ends, lag
from jobs.kafka.topics import create_all
from jobs.recommend import live_settings
from udfs.errors import SwerveError, UsageError

#: Waiting for the job takes longer than planned where the machine is slow; so much more is there to publish.
SPARE_SECONDS = 600
QUIET_SECONDS, DRAIN_SECONDS, RECONCILE_SECONDS = 8.0, 900.0, 120.0
Say = Callable[[str], None]


def run(
    say: Say, *, minutes: float = 10, users: int = 3_000, items: int = 1_000, rate: int = 1_000, seed: int = 1, keep: Path | None = None
) -> dict[str, Any]:
    """Do it.

    Parameters
    ----------
    say
        Told what happens.
    minutes
        How long harm is done; each kind of fault strikes once at least, shorter where there is little time.
    users, items
        Size of the simulated shop.
    rate
        Events a second.
    seed
        Of the shop and of the faults.
    keep
        Folder for archives, bundle, data and logs, used again when it is there; by default a temporary one.

    Returns
    -------
    dict
        See docs/chaos.md.

    Raises
    ------
    SwerveError
        If a server does not come up, or the job does not recover.
    """
    try:
        import tests.oracle.run  # noqa: F401
    except ModuleNotFoundError:
        raise UsageError("the oracle is not there", "this benchmark runs from a checkout: tests/ is no part of the package") from None
    began = time.monotonic()

    def tell(text: str) -> None:
        say(f"{time.monotonic() - began:7.1f} s  {text}")

    with tempfile.TemporaryDirectory(prefix="swerve-chaos-") as temporary:
        folder = keep or Path(temporary)
        archive, bundle = prepare(folder, tell, int(rate * (60 * minutes + SPARE_SECONDS)), users, items, seed, PARTITIONS)
        servers = Servers(folder / time.strftime("run-%Y%m%d-%H%M%S"))
        try:
            servers.start(tell)
            return _Run(servers, bundle, tell).go(archive, minutes, user_ids(users), rate, random.Random(seed))
        finally:
            servers.stop()


class _Run:
    def __init__(self, servers: Servers, bundle: Path, say: Say) -> None:
        self._servers, self._bundle, self._say = servers, bundle, say
        self._settings = live_settings(servers.settings(bundle))
        self._schemas = Schemas(self._settings)
        self._at_flush: dict[int, int] = {}

    def go(self, archive: Path, minutes: float, users: list[str], rate: int, dice: random.Random) -> dict[str, Any]:
        """Deploy, publish, do harm, wait, compare."""
        settings, servers, say = self._settings, self._servers, self._say
        client = admin(settings)
        create_all(client, settings, PARTITIONS)
        client.close()
        with FlinkRest(servers.flink.url) as cluster:
            job_id = deploy(cluster, settings, "swerve", say=say)
        dice.shuffle(users)
        watch, publisher = Watch(servers.redis.port, users), Publisher(archive, settings, rate, servers.folder / "publisher.log")
        began = time.monotonic()
        watch.start()
        try:
            chaos = Chaos(servers, job_id, watch, publisher, dice, say, min(1.0, minutes / ROUND_MINUTES), self._note_flush)
            say(f"publish {rate:,} events a second; new versions in Redis after {chaos.settle(began):.1f} s")
            chaos.run(minutes)
            seconds = time.monotonic() - began
            publisher.stop()
            quiet = time.monotonic()
            self._drain(chaos)
            caught_up = watch.last() - quiet
            silence = watch.longest_silence(quiet)
        finally:
            publisher.stop()
            watch.stop()
        orphans = len(servers.orphans())
        silent = self._wake_silent()
        self._drain(chaos)
        document = self._compare(silent)
        with FlinkRest(servers.flink.url) as cluster:
            restarts = int(cluster.job_metrics(job_id, ["numRestarts"]).get("numRestarts", 0))
        return {
            **document,
            **recoveries(chaos.faults),
            "longest_silence_s": round(silence, 1),
            "caught_up_s": round(max(0.0, caught_up), 1),
            "taskmanager_exits": chaos.exits,
            "orphans": orphans,
            "restarts_of_last_jobmanager": restarts,
            "rate": rate,
            "seconds": round(seconds, 1),
        }

    def _note_flush(self) -> None:
        client = admin(self._settings)
        try:
            self._at_flush = ends(client, self._settings, self._settings.topics.events, list(range(PARTITIONS)))
        finally:
            client.close()

    def _drain(self, chaos: Chaos) -> None:
        """Wait until the job has read everything and Redis has been quiet for a while."""
        self._say("wait until everything is read and every deadline has fired")
        until, written, since = time.monotonic() + DRAIN_SECONDS, -1, time.monotonic()
        while time.monotonic() < until:
            time.sleep(1)
            chaos.supervise()
            now = self._writes()
            if now != written or self._behind():
                written, since = now, time.monotonic()
            elif time.monotonic() - since > QUIET_SECONDS:
                return
        raise SwerveError(
            f"after {DRAIN_SECONDS:.0f} s the job is still {self._behind():,} records behind", f"logs: {self._servers.folder}"
        )

    def _writes(self) -> int:
        with redis.Redis(LOOPBACK, self._servers.redis.port) as client:
            return int(client.info("commandstats").get("cmdstat_evalsha", {}).get("calls", 0))

    def _behind(self) -> int:
        client = admin(self._settings)
        try:
            found = lag(client, self._settings, self._settings.topics.events, list(range(PARTITIONS)))
            return sum(one.records for one in found.values())
        finally:
            client.close()

    def _wake_silent(self) -> int:
        silent = find_silent(self._settings, self._schemas, self._at_flush)
        count = len(silent.examples)
        self._say(f"{count:,} of {count + silent.others:,} users had no event since Redis was emptied: one more for each")
        wake(self._settings, silent, self._schemas)
        return count

    def _compare(self, silent: int) -> dict[str, Any]:
        now = int(time.time() * 1000)
        self._say("run the oracle over the topic")
        log = log_of(read(self._settings, self._settings.topics.events), self._schemas, now)
        expected = expect(log, self._bundle, now)
        events = expected.counts["events"] + len(expected.rejects)
        self._say(
            f"compare {len(expected.profiles):,} users, {len(expected.rejects):,} dead letters, {len(expected.changes):,} segment changes"
        )
        until = time.monotonic() + RECONCILE_SECONDS
        while True:
            found = Findings()
            with redis.Redis(LOOPBACK, self._servers.redis.port) as client:
                compare_users(expected, client, found)
            letters = compare_dead_letters(expected, self._settings, found)
            changes = compare_changes(expected, self._settings, self._schemas, found)
            if not found or time.monotonic() > until:
                break
            time.sleep(10)
        for line in found.differences:
            self._say(line)
        return {
            "events": events,
            "lost": found.lost_events + found.lost_changes,
            "stale": found.stale,
            "users": len(expected.profiles),
            "silent_users": silent,
            "dead_letters": len(letters),
            "segment_changes": len(changes),
            "lost_events": found.lost_events,
            "lost_changes": found.lost_changes,
            "duplicates_in_topics": {
                "recommendations": repeated(recommendation_ids(self._settings, self._schemas)),
                "segments": repeated(changes),
                "dead_letters": repeated(letters),
            },
            "differences": found.differences,
        }


def recoveries(faults: list[Fault]) -> dict[str, Any]:
    """Sum up faults by kind: how often, and how many seconds until the job was back."""
    times: Counter[str] = Counter()
    seconds: dict[str, list[float]] = {}
    for fault in faults:
        times[fault.kind] += fault.times
        seconds.setdefault(fault.kind, []).append(fault.recovery)
    return {
        "longest_recovery_s": round(max(map(max, seconds.values()), default=0.0), 1),
        "faults": dict(times),
        "recoveries": {kind: {"median": round(median(all_), 1), "max": round(max(all_), 1)} for kind, all_ in seconds.items()},
    }
