"""How well swerves are seen: recall, delay and false alarms over simulated shoppers whose true swerves are known.

`python -m bench.shifts` prints the job's figures and those of other methods; `python -m bench.shifts tune` shows how their
constants were chosen, on seeds that the benchmark does not use.

A shift counts for a true swerve if it comes in the same visit, at or after the swerve's first event and before the next swerve; each swerve
counts once, and every other shift is a false alarm. User-hours are the durations of the visits, from first to last event.
"""

from __future__ import annotations

import itertools
import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.shift_methods import VISIT_GAP_MS, cusum, g_test, jensen_shannon, likelihood_ratio
from training.history import read_history
from training.simulator import simulate
from udfs.events import IS_INTEREST, KIND
from udfs.hashing import event_id_hashes
from udfs.profile import empty_profiles
from udfs.segments import no_segments
from udfs.update import CAUSES, Updater

TUNING = ((101, 200_000, 5_000, "even"), (102, 200_000, 10_000, "power"))
EVALUATION = ((201, 200_000, 4_000, "even"), (202, 200_000, 8_000, "even"), (203, 200_000, 8_000, "power"))
ITEMS = 2_000
HOUR_MS = 3_600_000
FALSE_ALARMS_ALLOWED = 1.0

METHODS: dict[str, tuple[Any, tuple[float, ...]]] = {
    "jensen_shannon": (jensen_shannon, (0.28, 0.266)),
    "g_test": (g_test, (50.0, 45.0)),
    "cusum": (cusum, (0.7, 8.0, 0.06, 5.0, 13.0)),
    "cusum_with_lead_blind": (likelihood_ratio, (0.5, 8.0, 0.08, 0.0, 0.0, 6.0, 8.0)),
    "cusum_with_lead": (likelihood_ratio, (0.6, 8.0, 0.08, 3.0, 0.3, 7.0, 9.0)),
}
"""Each method with its constants; the last is the job's rule in real numbers, the one before weighs all kinds of events alike."""
GRID: dict[str, tuple[tuple[float, ...], ...]] = {
    "jensen_shannon": tuple((t, r * t) for t in np.arange(0.2, 0.69, 0.04) for r in (0.5, 0.8, 0.95)),
    "g_test": tuple((t, r * t) for t in (6, 9, 12, 16, 20, 25, 30, 40, 50, 65, 80) for r in (0.3, 0.6, 0.9)),
    "cusum": tuple(itertools.product((0.6, 0.7, 0.8), (4.0, 8.0), (0.01, 0.03, 0.06), (5.0, 7.0, 9.0), (7.0, 9.0, 11.0, 13.0, 15.0))),
    "cusum_with_lead_blind": tuple(
        itertools.product(
            (0.5, 0.6, 0.7, 0.8), (8.0,), (0.02, 0.05, 0.08), (0.0,), (0.0,), (3.0, 4.0, 5.0, 6.0, 7.0), (5.0, 6.0, 7.0, 8.0, 9.0)
        )
    ),
    "cusum_with_lead": tuple(
        itertools.product((0.5, 0.6, 0.7), (8.0,), (0.05, 0.08), (2.0, 3.0, 4.0), (0.2, 0.3), (6.0, 7.0, 8.0), (8.0, 9.0, 10.0))
    ),
}
Say = Callable[[str], None]


@dataclass
class Logs:
    """The events of a simulated shop, user by user.

    Attributes
    ----------
    events : EVENT[n]
        By user, in her log order.
    starts : i8[U + 1]
        Where the users begin.
    swerves : bool[n]
        The first event of each true swerve.
    """

    events: NDArray[np.void]
    starts: NDArray[np.int64]
    swerves: NDArray[np.bool_]


@dataclass
class Score:
    """Counts over logs."""

    swerves: int = 0
    shifts: int = 0
    delays: tuple[int, ...] = ()
    hours: float = 0.0

    def __add__(self, other: Score) -> Score:
        return Score(self.swerves + other.swerves, self.shifts + other.shifts, self.delays + other.delays, self.hours + other.hours)

    def as_json(self) -> dict[str, float | None]:
        """Give the figures."""
        found = len(self.delays)
        # A swerve that was never found was found after infinitely many events.
        delays = sorted([*self.delays, *[10**9] * (self.swerves - found)])
        median = delays[(len(delays) - 1) // 2] if delays else 10**9
        return {
            "recall": round(found / self.swerves, 4),
            "precision": round(found / self.shifts, 4) if self.shifts else None,
            "median_events": median if median < 10**9 else None,
            "false_alarms_per_100_user_hours": round(100 * (self.shifts - found) / self.hours, 3),
        }


def run(say: Say) -> dict[str, Any]:
    """Measure the job's own kernel and the other methods on the evaluation shops.

    Returns
    -------
    dict
        ``recall``, ``precision``, ``median_events`` (from the swerve's first event to the shift, both counted; over all swerves) and
        ``false_alarms_per_100_user_hours`` of the job, and ``methods`` with the same of each method.
    """
    job = Score()
    others = {name: Score() for name in METHODS}
    for logs in _shops(EVALUATION, say):
        job += score(logs, job_alarms(logs))
        for name, (method, constants) in METHODS.items():
            others[name] += score(logs, alarms_of(method, constants, logs))
    return {
        **job.as_json(),
        "swerves": job.swerves,
        "shifts": job.shifts,
        "user_hours": round(job.hours, 1),
        "methods": {"job": job.as_json(), **{name: {**found.as_json(), "constants": METHODS[name][1]} for name, found in others.items()}},
    }


def tune(say: Say) -> dict[str, Any]:
    """Find each method's constants on the tuning shops: the best recall among those that keep to the false alarms allowed."""
    shops = list(_shops(TUNING, say))
    best: dict[str, Any] = {}
    for name, grid in GRID.items():
        tried = []
        for constants in grid:
            total = sum((score(logs, alarms_of(METHODS[name][0], constants, logs)) for logs in shops), Score())
            tried.append((constants, total.as_json()))
        kept = [trial for trial in tried if (trial[1]["false_alarms_per_100_user_hours"] or 0) <= FALSE_ALARMS_ALLOWED]
        by_recall = sorted(kept or tried, key=lambda trial: (-(trial[1]["recall"] or 0), trial[1]["median_events"] or 10**9))
        best[name] = [{"constants": [round(float(c), 3) for c in constants], **found} for constants, found in by_recall[:5]]
    return best


def job_alarms(logs: Logs) -> NDArray[np.bool_]:
    """Mark the events at which the job's kernel finds a shift."""
    alarms = np.zeros(len(logs.events), np.bool_)
    users = len(logs.starts) - 1
    applied = Updater(no_segments(), "triggers").apply(empty_profiles(users), logs.events, latest_only=True)
    shifts = applied.changes[applied.changes["cause"] == CAUSES.index("shift")]
    alarms[logs.starts[shifts["user"]] + shifts["sequence"].astype(np.int64) - 1] = True
    return alarms


def alarms_of(method: Any, constants: tuple[float, ...], logs: Logs) -> NDArray[np.bool_]:
    """Mark the events at which a method raises an alarm."""
    alarms = np.zeros(len(logs.events), np.bool_)
    counts = IS_INTEREST[logs.events["kind"]] & (logs.events["category"] != 0)
    names, category = np.unique(logs.events["category"], return_inverse=True)
    for start, end in itertools.pairwise(logs.starts.tolist()):
        rows = start + np.flatnonzero(counts[start:end])
        raised = np.zeros(len(rows), np.bool_)
        deliberate = logs.events["kind"][rows] != KIND["view_item"]
        method(category[rows], logs.events["event_time"][rows], deliberate, len(names), *constants, raised)
        alarms[rows[raised]] = True
    return alarms


def score(logs: Logs, alarms: NDArray[np.bool_]) -> Score:
    """Match alarms with true swerves."""
    delays: list[int] = []
    time = logs.events["event_time"]
    visit_starts = np.concatenate([[True], (np.diff(time) > VISIT_GAP_MS) | (np.diff(logs.events["user"]) != 0)])
    bounds = np.flatnonzero(np.concatenate([visit_starts | logs.swerves, [True]]))
    for start, end in itertools.pairwise(bounds.tolist()):
        if logs.swerves[start] and alarms[start:end].any():
            delays.append(int(np.argmax(alarms[start:end])) + 1)
    visits = np.flatnonzero(np.concatenate([visit_starts, [True]]))
    hours = float((time[visits[1:] - 1] - time[visits[:-1]]).sum()) / HOUR_MS
    return Score(int(logs.swerves.sum()), int(alarms.sum()), tuple(delays), hours)


def shop(seed: int, events: int, users: int, activity: str) -> Logs:
    """Simulate a shop.

    Parameters
    ----------
    seed, events, users, activity
        As `training.simulator.simulate` takes them.
    """
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "archive"
        simulate(archive, events=events, users=users, items=ITEMS, seed=seed, activity=activity)
        history = read_history(archive)
        truth = [json.loads(line) for line in (archive / "truth.jsonl").read_text(encoding="utf-8").splitlines()]
    by_user = history.events[np.argsort(history.events["user"], kind="stable")]
    swerves = event_id_hashes(line["event_id"] for line in truth)
    return Logs(by_user, np.searchsorted(by_user["user"], np.arange(history.users + 1)), np.isin(by_user["event_id"], swerves))


def _shops(shops: tuple[tuple[int, int, int, str], ...], say: Say) -> Iterator[Logs]:
    for seed, events, users, activity in shops:
        say(f"simulate {events:,} events of {users:,} shoppers, activity {activity}, seed {seed}")
        yield shop(seed, events, users, activity)


if __name__ == "__main__":
    measure = tune if sys.argv[1:] == ["tune"] else run
    print(json.dumps(measure(lambda text: print(text, file=sys.stderr)), indent=2))
