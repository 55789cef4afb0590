"""The collector as a part of the application: events come in, and are acknowledged when they are kept."""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson
from prometheus_client import CollectorRegistry
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

from serving.adapters import ADAPTERS
from serving.collector.checks import Checker, Context
from serving.collector.clock import skew_of
from serving.collector.counters import Counters
from serving.collector.intake import Sorted, sort_out
from serving.collector.limits import Buckets
from serving.collector.log import EventLog, LogUnavailable
from serving.collector.metrics import Metrics
from serving.collector.options import CollectorOptions
from serving.collector.origins import Origins
from serving.collector.reading import read_json
from serving.collector.recent import Recent
from serving.collector.shapes import Read, adapted, ours
from serving.collector.visitor import visitor_of
from serving.hub import Hub
from serving.problems import MEDIA_TYPE, Problem, document, response

KEY_HEADER = "x-write-key"
ANYBODY = "-"
#: When it is worth another try, where there is only too much at once.
RETRY_SECONDS = 1


class Collector:
    """Takes events.

    Parameters
    ----------
    options
        Limits, keys and origins.
    event_log
        Where events go; it is started and stopped with this.
    hub
        Is told of the events that are kept.
    registry
        Where its metrics are shown; none: a registry of its own.
    clock
        Seconds since 1970.

    Attributes
    ----------
    counters
        What happened in the last hour.
    """

    def __init__(
        self,
        options: CollectorOptions,
        event_log: EventLog,
        hub: Hub | None = None,
        registry: CollectorRegistry | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._options, self._log, self._hub, self._clock = options, event_log, hub, clock
        self._checker, self._recent, self._origins = Checker(options), Recent(options.remember), Origins(options.allow_origins)
        self._of_key = Buckets(options.key_rate, options.burst_seconds)
        self._of_address = Buckets(options.address_rate, options.burst_seconds)
        self._metrics = Metrics(CollectorRegistry() if registry is None else registry)
        self._metrics.waiting.set_function(lambda: event_log.waiting_bytes)
        self._metrics.behind.set_function(lambda: event_log.waiting_seconds)
        self._under_way = 0
        self.counters = Counters(clock)
        self._trouble: tuple[str, float] | None = None

    def checks(self) -> Mapping[str, Callable[[], str | None]]:
        """Say what is the matter with the log, while senders are told to come back later; none: nothing."""
        return {"log": lambda: self._trouble[0] if self._trouble and time.monotonic() < self._trouble[1] else None}

    def routes(self) -> Sequence[BaseRoute]:
        """Give the routes: ours, and one for each shape of others'."""
        shapes: dict[str, Read] = {"events": ours, **{name: adapted(adapter) for name, adapter in ADAPTERS.items()}}
        return [route for name, read in shapes.items() for route in self._pair(name, read)]

    def hot(self) -> Mapping[str, ASGIApp]:
        """Nothing: events are no GET."""
        return {}

    async def start(self) -> None:
        """Open the log."""
        await self._log.start()

    async def stop(self) -> None:
        """Keep what is under way."""
        await self._log.stop()

    def _pair(self, name: str, read: Read) -> list[BaseRoute]:
        path = f"/v1/{name}"

        async def take(request: Request) -> Response:
            answer = await self._answer(request, read)
            self._metrics.requests.labels(name, str(answer.status_code)).inc()
            return answer

        return [Route(path, take, methods=["POST"]), Route(path, self._preflight, methods=["OPTIONS"])]

    async def _preflight(self, request: Request) -> Response:
        return await self._origins.preflight(request)

    async def _answer(self, request: Request, read: Read) -> Response:
        """Take a request; what is refused is told to the page as well, for which its browser wants the origin in every answer."""
        try:
            origin = self._origins.headers(request.headers)
        except Problem as problem:
            return _refusal(problem, {})
        try:
            return await self._take(request, read, origin)
        except Problem as problem:
            return _refusal(problem, origin)

    async def _take(self, request: Request, read: Read, origin: Mapping[str, str]) -> Response:
        address = self._address(request)
        self._let_in(self._of_address, address)
        # Whoever sends what cannot be read, or tries keys, is counted too.
        self._of_address.take(address, 1)
        body, size = await read_json(request, self._options.body_bytes)
        self._metrics.bytes.inc(size)
        if self._under_way + size > self._options.under_way_bytes:
            raise self._unavailable(LogUnavailable("more comes in than can be written", RETRY_SECONDS))
        self._under_way += size
        try:
            return await self._sort(request, read, body, address, origin)
        finally:
            self._under_way -= size

    async def _sort(self, request: Request, read: Read, body: Any, address: str, origin: Mapping[str, str]) -> Response:
        options, received = self._options, int(self._clock() * 1000)
        batch = read(request, body, received)
        key = self._known(request.headers.get(KEY_HEADER) or batch.key)
        self._let_in(self._of_key, key)
        if len(batch.events) > options.batch_events:
            raise Problem(413, f"a body has at most {options.batch_events} events")
        self._of_address.take(address, max(0, len(batch.events) - 1))
        self._of_key.take(key, max(1, len(batch.events)))
        context = Context(
            received,
            skew_of(batch.sent_at, received, options.skew_ms),
            batch.defaults,
            visitor_of(request.headers, options.country_header),
        )
        done = sort_out(batch.events, context, self._checker, self._recent)
        await self._keep(done)
        if done.all_rejected:
            detail = "no event could be taken: `rejected` says why"
            return Response(orjson.dumps(document(422, detail, **done.answer)), 422, origin, MEDIA_TYPE)
        return Response(orjson.dumps(done.answer), 202, origin, "application/json")

    async def _keep(self, done: Sorted) -> None:
        """Return when the events are kept; only then are they counted, remembered and shown."""
        if done.kept:
            began = time.perf_counter()
            try:
                await self._log.append(done.kept)
            except LogUnavailable as error:
                raise self._unavailable(error) from None
            self._trouble = None
            self._metrics.seconds.observe(time.perf_counter() - began)
        for event in done.kept:
            self._recent.add((event["user_id"], event["event_id"]))
            self.counters.accepted(event)
            if self._hub is not None:
                self._hub.publish(event)
        for reason in done.reasons:
            self._metrics.rejected.labels(reason).inc()
            self.counters.rejected(reason)
        for what, counter, count in (
            ("duplicates", self._metrics.duplicates, done.duplicates),
            ("dropped", self._metrics.dropped, done.dropped),
        ):
            counter.inc(count)
            self.counters.other(what, count)
        self._metrics.accepted.inc(len(done.kept))

    def _unavailable(self, error: LogUnavailable) -> Problem:
        self.counters.other("unavailable")
        # Not for longer: where a balancer asks, nothing would come in that could end it.
        self._trouble = error.detail, time.monotonic() + error.retry_seconds
        return Problem(503, error.detail, {"Retry-After": str(error.retry_seconds)})

    def _let_in(self, buckets: Buckets, sender: str) -> None:
        wait = buckets.wait_of(sender)
        if wait:
            self.counters.other("limited")
            raise Problem(429, "too many events: send more slowly", {"Retry-After": str(wait)})

    def _known(self, given: str | None) -> str:
        """Give the write key that was shown, or `ANYBODY` where none is asked for; takes as long whichever it is."""
        keys = self._options.write_keys
        if not keys:
            return ANYBODY
        shown = (given if isinstance(given, str) else "").encode()
        fits = [hmac.compare_digest(shown, key.encode()) for key in keys]
        if not any(fits):
            raise Problem(401, "the write key is missing or wrong: in the header X-Write-Key, or `write_key` in the body")
        return keys[fits.index(True)]

    def _address(self, request: Request) -> str:
        """Give where a request comes from, to count by; of a list, the last, which the nearest proxy wrote."""
        header = self._options.address_header
        given = request.headers.get(header, "").rpartition(",")[2].strip() if header else ""
        return given or (request.client.host if request.client else "")


def _refusal(problem: Problem, origin: Mapping[str, str]) -> Response:
    return response(problem.status_code, problem.detail, {**(problem.headers or {}), **origin}, **problem.more)
