"""The counters that all operators report, as Flink metrics; names in `udfs.metric_names`.

They are counted here, in one place, because metrics of a pandas UDF pass through a second runner that loses some of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pyflink.common import Row
from pyflink.datastream import ProcessFunction, RuntimeContext

from udfs import metric_names as names

OF_COLLAPSE = {"events": names.EVENTS, "denied": names.DENIED, "waiting": names.HELD, "released": names.RELEASED}
OF_MODELS = {"model_swaps": names.SWAPS, "model_refusals": names.REFUSALS}
OF_PROFILES = {
    "duplicates": names.DUPLICATES,
    "too_late": names.TOO_LATE,
    "shifts": names.SHIFTS,
    "deadlines": names.DEADLINES,
    "requests": names.REQUESTS,
    "new_users": names.USERS,
    **OF_MODELS,
}
OF_RANK = {"written": names.WRITTEN, "stale": names.STALE, "retries": names.RETRIES, **OF_MODELS}
STAGES = {"collapse": OF_COLLAPSE, "profiles": OF_PROFILES, "rank": OF_RANK}


class MetricsFunction(ProcessFunction):
    """Takes report rows, gives nothing. Counters begin at 0 with every start, as Prometheus expects of them."""

    def open(self, runtime_context: RuntimeContext) -> None:
        """Make every metric, so that it can be seen before it counts."""
        self._group = runtime_context.get_metrics_group().add_group(names.GROUP)
        self._counters: dict[tuple[str, ...], Any] = {}
        for name in names.COUNTERS:
            self._counter(name)
        for name, ends in names.HISTOGRAMS.items():
            for end in (*ends, names.INFINITE):
                self._counter(f"{name}_le", "le", str(end))
            self._counter(f"{name}_count")
            self._counter(f"{name}_sum")

    def process_element(self, value: Row, ctx: ProcessFunction.Context) -> Iterator[Row]:
        """Count one report."""
        import orjson

        report = orjson.loads(bytes(value[0])[1:])
        for field, name in STAGES[report["stage"]].items():
            if count := report.get(field):
                self._counter(name).inc(count)
        if report["stage"] == "collapse":
            for reason, count in report["reasons"].items():
                self._counter(names.REJECTS, "reason", reason).inc(count)
            if not report.get("released"):
                batch = report["events"] + sum(report["reasons"].values()) + report.get("waiting", 0)
                self._observe(names.BATCH_EVENTS, [int(batch <= end) for end in names.BATCH_BUCKETS], 1, batch)
        elif report["stage"] == "rank":
            self._counter(names.RANKED, "model", report["model"], "model_version", report["model_version"]).inc(report["ranked"])
            self._observe(names.LAG_MS, report["lag_le"], report["ranked"], report["lag_sum"])
        yield from ()

    def _observe(self, name: str, upto: list[int], count: int, total: int) -> None:
        for end, number in zip((*names.HISTOGRAMS[name], names.INFINITE), (*upto, count), strict=True):
            if number:
                self._counter(f"{name}_le", "le", str(end)).inc(number)
        self._counter(f"{name}_count").inc(count)
        self._counter(f"{name}_sum").inc(total)

    def _counter(self, name: str, *labels: str) -> Any:
        key = (name, *labels)
        if key not in self._counters:
            group = self._group
            for at in range(0, len(labels), 2):
                group = group.add_group(labels[at], labels[at + 1])
            self._counters[key] = group.counter(name)
        return self._counters[key]
