"""The demo's story: one shopper's swerve, told from what the job wrote."""

from __future__ import annotations

import bisect
import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from udfs.archive import read_records

WITHIN_EVENTS = 8
BEFORE, AFTER = 6, 10


@dataclass(frozen=True)
class Story:
    """One swerve, from the events before it to the recommendations after it.

    Attributes
    ----------
    truth
        The line of ``truth.jsonl``.
    events
        The user's events around it, in log order.
    swerved, noticed
        Positions in `events` of the first event of the new intent and of the event at which the job noticed.
    before, after
        Recommendations as they were before the swerve and when it had been noticed.
    found
        How many of the archive's swerves the job noticed, and how many there were.
    """

    truth: dict[str, Any]
    events: list[dict[str, Any]]
    swerved: int
    noticed: int
    before: dict[str, Any]
    after: dict[str, Any]
    found: tuple[int, int]


def find_story(archive: Path, out: Path, categories: dict[str, str]) -> Story | None:
    """Pick the swerve that is easiest to see: one that changed her segment, and the recommendations most.

    Parameters
    ----------
    archive
        The simulated archive, with its ``truth.jsonl``.
    out
        What the job wrote about it.
    categories
        Category by item id.
    """
    truths = [json.loads(line) for line in (archive / "truth.jsonl").read_text(encoding="utf-8").splitlines()]
    shifts: dict[str, list[int]] = defaultdict(list)
    for change in read_records(out, "segments"):
        if change["cause"] == "shift":
            shifts[change["user_id"]].append(change["event_time"])
    users = {truth["user_id"] for truth in truths if truth["user_id"] in shifts}
    events = _by_user(read_records(archive, "events"), users)
    found: list[tuple[dict[str, Any], int, int]] = []
    noticed_in_time = 0
    for truth in truths:
        log = events.get(truth["user_id"], [])
        times = [event["event_time"] for event in log]
        start = next((i for i, event in enumerate(log) if event["event_id"] == truth["event_id"]), None)
        noticed = next((t for t in sorted(shifts.get(truth["user_id"], ())) if t >= truth["event_time"]), None)
        if start is None or noticed is None:
            continue
        at = bisect.bisect_left(times, noticed)
        if start <= at < start + WITHIN_EVENTS:
            noticed_in_time += 1
            if start >= BEFORE:
                found.append((truth, start, at))
    recommendations = _by_user(read_records(out, "recommendations"), {truth["user_id"] for truth, _, _ in found})
    best: tuple[tuple[bool, int], Story] | None = None
    for truth, start, at in found:
        log = events[truth["user_id"]]
        lists = sorted(recommendations.get(truth["user_id"], ()), key=lambda value: (value["event_time"], value["sequence"]))
        before = [value for value in lists if value["event_time"] < truth["event_time"]]
        after = [value for value in lists if value["event_time"] >= log[at]["event_time"]]
        if not before or not after:
            continue
        first = max(0, start - BEFORE)
        gain = _share(after[0], truth["to"], categories) - _share(before[-1], truth["to"], categories)
        shown = log[first : at + AFTER - BEFORE]
        story = Story(truth, shown, start - first, at - first, before[-1], after[0], (noticed_in_time, len(truths)))
        # Best to see: her segment changes, too, and what is recommended changes most.
        merit = (before[-1]["segment_id"] != after[0]["segment_id"], gain)
        if best is None or merit > best[0]:
            best = (merit, story)
    return best[1] if best else None


def _by_user(records: Iterable[dict[str, Any]], users: set[str]) -> dict[str, list[dict[str, Any]]]:
    logs: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for record in records:
        if record["user_id"] in users:
            logs[record["user_id"]].append(record)
    return logs


def _share(value: dict[str, Any], category: str, categories: dict[str, str]) -> int:
    return sum(categories.get(item["item_id"]) == category for item in value["items"])
