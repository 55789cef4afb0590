"""What the page shows: the last hour in steps of ten seconds, and now."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from serving.operator.meters import Meters, Spans, percentile

STEP_SECONDS, STEPS = 10, 360
#: Segments that have a line of their own.
SEGMENTS = 12


class Board:
    """The samples.

    Parameters
    ----------
    meters
        What is counted.

    Attributes
    ----------
    gauges
        What is measured, not counted, as it was last: lag, model and so on.
    """

    def __init__(self, meters: Meters) -> None:
        self._meters = meters
        self._samples: deque[dict[str, Any]] = deque(maxlen=STEPS)
        self._steps, self._seconds = Spans(meters), Spans(meters)
        self._fresh: list[float] = []
        self._recent: deque[dict[str, Any]] = deque(maxlen=STEP_SECONDS)
        self.gauges: dict[str, Any] = {}
        self.totals_since = time.time_ns() // 1_000_000

    def second(self) -> dict[str, Any]:
        """End a second; gives how things are now, rates over the last ten seconds."""
        fresh = self._meters.take_fresh()
        self._fresh += fresh
        self._recent.append({**self._seconds.next(), "fresh": fresh})
        return self._document(_sum(self._recent), [ms for one in self._recent for ms in one["fresh"]])

    def step(self) -> dict[str, Any]:
        """End a step; gives the sample of it."""
        fresh, self._fresh = self._fresh, []
        self._samples.append(self._document(self._steps.next(), fresh))
        return self._samples[-1]

    def state(self) -> dict[str, Any]:
        """Give all samples and the totals since the start."""
        counts = self._meters.counts()
        return {
            "samples": list(self._samples),
            "step_seconds": STEP_SECONDS,
            "since": self.totals_since,
            "totals": {name: counts.get(name, {}) for name in ("events", "rejected", "dead", "impressions", "clicks", "changes")},
        }

    def _document(self, span: Mapping[str, Any], fresh: Sequence[float]) -> dict[str, Any]:
        seconds = max(span["seconds"], 0.001)
        segments = self._meters.segments()
        shown = dict(list(segments.items())[:SEGMENTS])
        rest = sum(segments.values()) - sum(shown.values())
        return {
            "at": time.time_ns() // 1_000_000,
            "events": _rates(span.get("events", {}), seconds),
            "rejected": span.get("rejected", {}),
            "dead": span.get("dead", {}),
            "fresh": {"p50": percentile(fresh, 0.5), "p99": percentile(fresh, 0.99), "n": len(fresh)},
            "segments": {**shown, **({"others": rest} if rest else {})},
            "swerves": sum(span.get("swerves", {}).values()) * 60 / seconds,
            "rankings": sum(span.get("rankings", {}).values()) / seconds,
            "impressions": span.get("impressions", {}),
            "clicks": span.get("clicks", {}),
            "requests": _rates(span.get("requests", {}), seconds),
            "latency": {f"p{share * 100:g}": quantile(span.get("latency", {}), share) for share in (0.5, 0.99)},
            **self.gauges,
        }


def quantile(buckets: Mapping[str, float], share: float) -> float | None:
    """Estimate a percentile, in milliseconds, from counts by the upper end of their bucket in seconds; evenly spread inside of one.

    Examples
    --------
    >>> quantile({"0.001": 2.0, "0.002": 2.0}, 0.75), quantile({}, 0.5)
    (1.5, None)
    """
    wanted, below, least = share * sum(buckets.values()), 0.0, 0.0
    for end, count in sorted((float(end), count) for end, count in buckets.items()):
        if count and below + count >= wanted:
            return round(1000 * (least if end == float("inf") else least + (end - least) * (wanted - below) / count), 3)
        below, least = below + count, end
    return None


def _rates(counts: Mapping[str, float], seconds: float) -> dict[str, float]:
    return {label: round(count / seconds, 3) for label, count in counts.items()}


def _sum(spans: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    total: dict[str, Any] = {"seconds": sum(span["seconds"] for span in spans)}
    for span in spans:
        for group, labels in span.items():
            if isinstance(labels, dict):
                into = total.setdefault(group, {})
                for label, count in labels.items():
                    into[label] = into.get(label, 0) + count
    return total
