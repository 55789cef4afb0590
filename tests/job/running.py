"""One run of the job on a real Flink, held against the oracle."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import redis

from jobs.replay import index_archive, replay
from jobs.reports import RunReport
from jobs.settings import Settings
from tests.job.logs import Logs
from tests.oracle.compare import compare_changes, compare_dead_letters, compare_redis
from tests.oracle.run import OracleResult
from udfs.archive import read_records

Watch = Callable[[RunReport, int], None]


@dataclass(frozen=True)
class Case:
    """What is run, and how.

    Attributes
    ----------
    log
        Name of the archive.
    parallelism
        Of every operator.
    batch
        `batch.events` and `batch.rows`.
    on, hold_back
        `rank.on` and `rank.hold_back`.
    surfaces
        `rank.surfaces`.
    more
        Further settings.
    """

    log: str
    parallelism: int
    batch: tuple[int, int]
    on: str
    hold_back: bool
    surfaces: tuple[str, ...] = ("home",)
    more: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """What a run left behind, and what the oracle says.

    Attributes
    ----------
    case, report, oracle
        What was run, the job's counters, the oracle's results.
    out
        The folder of what the job wrote.
    """

    case: Case
    report: RunReport
    oracle: OracleResult
    out: Path

    def differences(self, url: str) -> list[str]:
        """Differences between job and oracle: profiles and values in Redis, segment changes, dead letters, counters."""
        with redis.Redis.from_url(url) as client:
            found = compare_redis(self.oracle, client, surfaces=self.case.surfaces)
        found += compare_changes(self.oracle, self.out)
        found += compare_dead_letters(self.oracle, self.out)
        return found + [f"{name}: oracle {expected}, job {job}" for name, expected, job in self._counts() if expected != job]

    def _counts(self) -> list[tuple[str, object, object]]:
        counts, profiles, report = self.oracle.counts, self.oracle.profiles.values(), self.report
        return [
            ("events", counts["events"], report.events),
            ("denied", counts["denied"], report.denied),
            ("duplicates", counts["duplicates"], report.profiles["duplicates"]),
            ("too late", counts["too_late"], report.profiles["too_late"]),
            ("users", len(profiles), report.users),
            ("shifts", sum(profile.shifts for profile in profiles), report.profiles["shifts"]),
            ("deadlines", sum(profile.abandoned for profile in profiles), report.profiles["deadlines"]),
            ("dead letters", Counter(reject.reason for reject in self.oracle.rejects), report.reasons),
        ]

    def rankings(self) -> Counter[tuple[Any, ...]]:
        """What the job ranked, by user, sequence, clock, segment and reasons."""
        columns = ("user_id", "sequence", "event_time", "segment_id", "reasons")
        return Counter(
            tuple(record[name] for name in columns)
            for record in read_records(self.out, "recommendations")
            if record["surface"] == self.case.surfaces[0]
        )

    def written_records(self, prefix: str) -> int:
        """How many records the files of a prefix hold."""
        return sum(1 for _ in read_records(self.out, prefix))


def requests_of(oracle: OracleResult) -> Counter[tuple[Any, ...]]:
    """All rank requests of the oracle, as `Outcome.rankings` has them."""
    return Counter((r.user_id, r.profile.n_events, r.profile.clock, r.profile.segment, r.reasons) for r in oracle.requests)


def run_job(case: Case, logs: Logs, folder: Path, url: str, watch: Watch | None = None, restarts: int = 0) -> Outcome:
    """Run a case.

    Parameters
    ----------
    case, logs
        What to run.
    folder
        An empty folder for all that the run writes.
    url
        The Redis that it writes to.
    watch
        Called a few times a second, with the counters that checkpoints have committed so far and the number of records.
    restarts
        How often the job may start again.
    """
    settings = Settings().with_values(
        {
            "redis.url": url,
            "model.path": logs.bundle(case.log),
            "work": logs.work,
            "out.dir": folder / "out",
            "out.everything": True,
            "checkpoint.dir": folder / "checkpoints",
            "parallelism": case.parallelism,
            "batch.events": case.batch[0],
            "batch.rows": case.batch[1],
            "rank.on": case.on,
            "rank.hold_back": case.hold_back,
            "rank.surfaces": case.surfaces,
            **case.more,
        }
    )
    report = replay(index_archive(logs.archive(case.log), settings), settings, watch, restarts=restarts)
    return Outcome(case, report, logs.oracle(case.log, case.on, case.surfaces), folder / "out")
