"""Counts of the last hour in memory, for the operator's page: cheap enough to be kept for every event."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from typing import Any

from serving.collector.log import Event

STEP_SECONDS, STEPS = 10, 360
IMPRESSION, CLICK = "view_item_list", "select_item"
GROUPS = ("events", "rejected", "feedback", "other")
"""Events by name; refusals by reason; ``impressions`` and ``clicks`` of recommendations; and what `Counters.other` counts."""


class Counters:
    """Counts since the start, and those of the last hour in steps of ten seconds.

    Parameters
    ----------
    clock
        Seconds since 1970.

    Examples
    --------
    >>> counters = Counters(lambda: 1_700_000_003.0)
    >>> counters.accepted({"event_name": "select_item", "recommendation_id": "r"})
    >>> counters.snapshot()["steps"]
    [{'at': 1700000000000, 'events': {'select_item': 1}, 'feedback': {'clicks': 1}}]
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._totals: dict[str, Counter[str]] = {group: Counter() for group in GROUPS}
        self._steps: deque[tuple[int, dict[str, Counter[str]]]] = deque(maxlen=STEPS)
        self._since = int(clock() * 1000)

    def accepted(self, event: Event) -> None:
        """Count an event that is kept."""
        name = event["event_name"]
        self._count("events", name)
        if name in (IMPRESSION, CLICK) and event.get("recommendation_id"):
            self._count("feedback", "impressions" if name == IMPRESSION else "clicks")

    def rejected(self, reason: str) -> None:
        """Count an event that was refused."""
        self._count("rejected", reason)

    def other(self, what: str, count: int = 1) -> None:
        """Count ``duplicates``, what is ``dropped`` without consent, requests ``limited``, and those that met a log ``unavailable``."""
        if count:
            self._count("other", what, count)

    def totals(self) -> dict[str, dict[str, float]]:
        """Give the counts since the start, by group and label."""
        return {group: dict(counts) for group, counts in self._totals.items()}

    def snapshot(self) -> dict[str, Any]:
        """Give all as plain values.

        Returns
        -------
        dict
            `since` (ms), `step_seconds`, `totals` by group, and `steps`, the oldest first: each its beginning `at` (ms) and its counts by
            group; a step in which nothing happened is left out.
        """
        earliest = self._now() - STEPS + 1
        return {
            "since": self._since,
            "step_seconds": STEP_SECONDS,
            "totals": self.totals(),
            "steps": [_step(number, groups) for number, groups in self._steps if number >= earliest],
        }

    def _now(self) -> int:
        return int(self._clock()) // STEP_SECONDS

    def _count(self, group: str, label: str, count: int = 1) -> None:
        self._totals[group][label] += count
        now = self._now()
        if not self._steps or self._steps[-1][0] != now:
            self._steps.append((now, {group: Counter() for group in GROUPS}))
        self._steps[-1][1][group][label] += count


def _step(number: int, groups: Mapping[str, Counter[str]]) -> dict[str, Any]:
    return {"at": number * STEP_SECONDS * 1000, **{group: dict(counts) for group, counts in groups.items() if counts}}
