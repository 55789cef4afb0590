"""What is counted, for Prometheus: plain numbers, read when they are asked for.

A counter of the client library has a lock, which costs more than the parsing of a request.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from itertools import accumulate

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

BUCKETS = (0.0005, 0.001, 0.002, 0.003, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class Meters(Collector):
    """Counts what is served.

    Attributes
    ----------
    nothing
        Requests that there was no list for at all.
    numbers
        Counters that others keep: their name, what they count, and what gives them.
    """

    def __init__(self) -> None:
        self._requests: Counter[tuple[str, int]] = Counter()
        self._sources: Counter[str] = Counter()
        self._times: defaultdict[str, list[int]] = defaultdict(lambda: [0] * (len(BUCKETS) + 1))
        self._sums: defaultdict[str, float] = defaultdict(float)
        self.nothing = 0
        self.numbers: list[tuple[str, str, Callable[[], float]]] = []
        self.gauges: list[tuple[str, str, Callable[[], float]]] = []

    def answered(self, route: str, status: int, seconds: float) -> None:
        """Count an answer."""
        self._requests[route, status] += 1
        self._times[route][bisect_left(BUCKETS, seconds)] += 1
        self._sums[route] += seconds

    def source(self, name: str) -> None:
        """Count where a list came from."""
        self._sources[name] += 1

    def requests(self) -> dict[str, int]:
        """Count answers by route."""
        found: Counter[str] = Counter()
        for (route, _), count in self._requests.items():
            found[route] += count
        return dict(found)

    def durations(self, route: str) -> dict[float, int]:
        """Count the answers of a route by the upper end of their bucket, in seconds."""
        return dict(zip((*BUCKETS, float("inf")), self._times[route], strict=True)) if route in self._times else {}

    def collect(self) -> Iterator[Metric]:
        """Give everything, for the registry that this was put into."""
        requests = CounterMetricFamily("swerve_api_requests", "Requests answered.", labels=("route", "status"))
        for (route, status), count in sorted(self._requests.items()):
            requests.add_metric((route, str(status)), count)
        yield requests
        times = HistogramMetricFamily("swerve_api_seconds", "How long an answer took.", labels=("route",))
        for route, counts in sorted(self._times.items()):
            bounds = [*(str(bound) for bound in BUCKETS), "+Inf"]
            times.add_metric((route,), list(zip(bounds, accumulate(counts), strict=True)), self._sums[route])
        yield times
        sources = CounterMetricFamily("swerve_api_lists", "Lists given, by where they came from.", labels=("source",))
        for source, count in sorted(self._sources.items()):
            sources.add_metric((source,), count)
        yield sources
        yield CounterMetricFamily("swerve_api_no_list", "Requests that there was no list for at all.", value=self.nothing)
        for name, what, number in self.numbers:
            yield CounterMetricFamily(name, what, value=number())
        for name, what, number in self.gauges:
            yield GaugeMetricFamily(name, what, value=number())
