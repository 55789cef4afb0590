"""Counts of what happens, and what they amount to over a span."""

from __future__ import annotations

import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from serving.operator.feeds import DEAD_LETTERS, RECOMMENDATIONS, SEGMENTS, Said

IMPRESSION, CLICK = "view_item_list", "select_item"
#: So many recommendations are remembered with their surface, and so many shoppers with their segment.
REMEMBERED, SHOPPERS = 100_000, 500_000
#: What a job says of older events while it catches up says nothing about now.
RECENT_MS = 600_000

Counts = Mapping[str, Mapping[str, float]]
"""Counters that grow, by group and label."""


class Meters:
    """All counts.

    Parameters
    ----------
    segment_name
        Names a segment.
    surfaces
        Places in the shop; an impression whose list we did not see is counted for the first.
    others
        Gives counters that others keep, such as ``{"rejected": {"bad_price": 3}}``; none: there are none.
    """

    def __init__(self, segment_name: Callable[[int], str], surfaces: Sequence[str], others: Callable[[], Counts] | None = None) -> None:
        self._segment_name, self._surfaces, self._others = segment_name, surfaces, others
        self._counts: dict[str, Counter[str]] = {
            name: Counter() for name in ("events", "impressions", "clicks", "dead", "swerves", "rankings", "changes")
        }
        self._surface_of: OrderedDict[str, str] = OrderedDict()
        self._segment_of: OrderedDict[str, int] = OrderedDict()
        self._sizes: Counter[int] = Counter()
        self._fresh: list[float] = []

    def accepted(self, event: Mapping[str, Any]) -> None:
        """Count an event that the collector has kept."""
        name = event.get("event_name", "other")
        self._counts["events"][name] += 1
        if name in (IMPRESSION, CLICK) and (shown := event.get("recommendation_id")):
            surface = self._surface_of.get(shown, self._surfaces[0])
            self._counts["impressions" if name == IMPRESSION else "clicks"][surface] += 1

    def said(self, records: Sequence[Said], now_ms: int | None = None) -> None:
        """Count what the job says."""
        recent = (time.time_ns() // 1_000_000 if now_ms is None else now_ms) - RECENT_MS
        for kind, record in records:
            if kind == SEGMENTS:
                self._segment_changed(record, recent)
            elif kind == RECOMMENDATIONS:
                self._counts["rankings"][record["surface"]] += record["event_time"] >= recent
                _remember(self._surface_of, record["recommendation_id"], record["surface"], REMEMBERED)
            elif kind == DEAD_LETTERS:
                self._counts["dead"][record["reason"]] += 1

    def seen_after(self, ms: float) -> None:
        """Note how long an accepted event took into its shopper's profile."""
        self._fresh.append(ms)

    def take_fresh(self) -> list[float]:
        """Give what was noted since the last call."""
        fresh, self._fresh = self._fresh, []
        return fresh

    def counts(self) -> dict[str, dict[str, float]]:
        """Give all counters as they are now."""
        ours = {name: {label: float(count) for label, count in counter.items()} for name, counter in self._counts.items()}
        return {**ours, **{group: dict(labels) for group, labels in (self._others() if self._others else {}).items()}}

    def segments(self) -> dict[str, int]:
        """Give the sizes of the segments, the largest first."""
        sizes: Counter[str] = Counter()
        for segment, size in self._sizes.items():
            if size > 0:
                sizes[self._segment_name(segment)] += size
        return dict(sizes.most_common())

    def _segment_changed(self, record: Mapping[str, Any], recent: int) -> None:
        if record["event_time"] >= recent:
            self._counts["changes"][record["cause"]] += 1
            if record["cause"] == "shift":
                self._counts["swerves"]["all"] += 1
        user, segment = record["user_id"], record["to_segment"]
        before = self._segment_of.pop(user, None)
        if before is not None:
            self._sizes[before] -= 1
        self._sizes[segment] += 1
        gone = _remember(self._segment_of, user, segment, SHOPPERS)
        if gone is not None:
            self._sizes[gone] -= 1


class Spans:
    """Turns counters into rates, from one call to the next."""

    def __init__(self, meters: Meters, clock: Callable[[], float] = time.monotonic) -> None:
        self._meters, self._clock = meters, clock
        self._at, self._before = clock(), meters.counts()

    def next(self) -> dict[str, Any]:
        """Give what happened since the last call: ``seconds``, and how often by group and label."""
        now, counts = self._clock(), self._meters.counts()
        seconds, before = now - self._at, self._before
        self._at, self._before = now, counts
        grown = {
            group: {label: count - before.get(group, {}).get(label, 0) for label, count in labels.items()}
            for group, labels in counts.items()
        }
        return {"seconds": seconds, **{group: {k: v for k, v in labels.items() if v > 0} for group, labels in grown.items()}}


def percentile(values: Sequence[float], share: float) -> float | None:
    """Give the smallest value that the share of all does not exceed.

    Examples
    --------
    >>> percentile([3.0, 1.0, 2.0], 0.5), percentile([], 0.5)
    (2.0, None)
    """
    if not values:
        return None
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, -(-int(share * 1000) * len(ordered) // 1000) - 1))]


def _remember(there: OrderedDict[str, Any], key: str, value: Any, most: int) -> Any:
    """Keep a value; gives the one that had to go for it."""
    there[key] = value
    return there.popitem(last=False)[1] if len(there) > most else None
