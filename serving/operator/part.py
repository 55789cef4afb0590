"""The operator's page as a part of the application: the page, and below ``/v1/operator`` what it shows, for who has the key."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
from redis import RedisError
from redis.asyncio import Redis
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

from serving.hub import Hub
from serving.live.part import EventStream
from serving.look.assets import Assets
from serving.look.pages import Look, Pages
from serving.operator.board import STEP_SECONDS, Board
from serving.operator.feeds import Feed
from serving.operator.freshness import Freshness
from serving.operator.meters import Counts, Meters
from serving.problems import Problem
from serving.redis_client import make_client
from udfs.errors import SwerveError
from udfs.keys import VERSION_BYTES, profile_key
from udfs.model_status import read_serving, summarise
from udfs.redis_connection import connect

FOLDER = Path(__file__).parent
#: Between two looks at the lag and the model.
GAUGES_SECONDS = 2.0
MOST_STREAMS = 16

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class OperatorOptions:
    """What the page is made of.

    Attributes
    ----------
    redis_url, password, prefix, surfaces
        Where the job writes, and for which places in the shop.
    authorise
        Raises a `Problem` where a request may not see it.
    segment_name
        Names a segment.
    counts
        Counters that others keep: ``rejected`` by reason, ``requests`` by route, ``latency`` by the upper end of its bucket in seconds.
    gauges
        What others measure: ``lag``. May wait for a moment.
    feeds
        What the job says.
    """

    redis_url: str = field(repr=False)
    authorise: Callable[[Request], None]
    segment_name: Callable[[int], str]
    password: str | None = field(default=None, repr=False)
    prefix: str = ""
    surfaces: Sequence[str] = ("home",)
    counts: Callable[[], Counts] | None = None
    gauges: Callable[[], Mapping[str, Any]] | None = None
    feeds: Sequence[Feed] = ()


class Operator:
    """The operator's page.

    Parameters
    ----------
    options
        What it is made of.
    hub
        Tells of accepted events.
    look
        What it shares with other pages.
    """

    def __init__(self, options: OperatorOptions, hub: Hub, look: Look) -> None:
        self._options, self._hub = options, hub
        self._assets = Assets("/operator/static", FOLDER / "static")
        self._pages = Pages(FOLDER / "templates", look=look.assets.url, asset=self._assets.url)
        self._meters = Meters(options.segment_name, options.surfaces, options.counts)
        self._board = Board(self._meters)
        self._freshness = Freshness(self._clock, self._meters.seen_after)
        self._streams: set[asyncio.Queue[bytes | None]] = set()
        self._tasks: list[asyncio.Task[None]] = []
        # One thread for what waits: Redis' keys of models, Kafka's lag, the job's records.
        self._threads = ThreadPoolExecutor(2, "operator")
        self._redis: Redis | None = None
        self._closed = False

    def routes(self) -> Sequence[BaseRoute]:
        """The page and what it shows."""
        return [
            Route("/operator", self._page),
            Route("/v1/operator/state", self._state),
            Route("/v1/operator/stream", self._stream),
            *self._assets.routes(),
        ]

    def hot(self) -> Mapping[str, ASGIApp]:
        """Nothing."""
        return {}

    async def start(self) -> None:
        """Begin to count."""
        options = self._options
        self._redis = make_client(options.redis_url, options.password)
        self._hub.tap(self._accepted)
        self._tasks = [asyncio.create_task(run()) for run in (self._tick, self._freshness.run, self._measure, self._listen)]

    async def stop(self) -> None:
        """End the streams and stop counting."""
        self.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._threads.shutdown(wait=True, cancel_futures=True)
        for feed in self._options.feeds:
            feed.close()
        if self._redis is not None:
            await self._redis.aclose()

    def close(self) -> None:
        """End the streams."""
        self._closed = True
        for queue in self._streams:
            _put(queue, None)

    async def _page(self, _: Request) -> Response:
        return self._pages.page("operator.html")

    async def _state(self, request: Request) -> Response:
        self._options.authorise(request)
        return Response(orjson.dumps(self._board.state()), headers={"Cache-Control": "no-store"}, media_type="application/json")

    async def _stream(self, request: Request) -> Response:
        self._options.authorise(request)
        if self._closed or len(self._streams) >= MOST_STREAMS:
            raise Problem(503, "too many are looking now", {"Retry-After": "5"})
        queue: asyncio.Queue[bytes | None] = asyncio.Queue(30)
        self._streams.add(queue)
        return EventStream(_messages(queue), lambda: self._streams.discard(queue))

    def _accepted(self, event: Mapping[str, Any]) -> None:
        self._meters.accepted(event)
        self._freshness.accepted(event)

    async def _tick(self) -> None:
        """Push how things are, each second, and keep each tenth."""
        began, second = time.monotonic(), 0
        while True:
            second += 1
            await asyncio.sleep(max(0.0, began + second - time.monotonic()))
            self._tell("now", self._board.second())
            if second % STEP_SECONDS == 0:
                self._tell("sample", self._board.step())

    async def _measure(self) -> None:
        while True:
            for name, look in (("model", self._model), ("measured", self._options.gauges)):
                if look is not None:
                    try:
                        found = await self._in_thread(look)
                        self._board.gauges.update(found)
                    except (SwerveError, RedisError, OSError) as error:
                        log.warning("the operator's page cannot read its %s: %s", name, type(error).__name__)
            await asyncio.sleep(GAUGES_SECONDS)

    async def _listen(self) -> None:
        while True:
            for feed in self._options.feeds:
                try:
                    self._meters.said(await self._in_thread(feed.poll))
                except (SwerveError, OSError) as error:
                    log.warning("the operator's page cannot follow the job: %s", type(error).__name__)
            await asyncio.sleep(1)

    def _model(self) -> dict[str, Any]:
        options = self._options
        with connect(options.redis_url, options.password) as client:
            return {"model": summarise(read_serving(client, options.prefix))}

    async def _in_thread(self, call: Callable[[], Any]) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._threads, call)

    async def _clock(self, user: str) -> int:
        assert self._redis is not None
        try:
            stored = await self._redis.getrange(profile_key(user, self._options.prefix), 0, VERSION_BYTES // 2 - 1)
        except RedisError as error:
            raise OSError(type(error).__name__) from None
        return int.from_bytes(stored, "big")

    def _tell(self, name: str, document: Mapping[str, Any]) -> None:
        if self._streams:
            message = b"event: %s\ndata: %s\n\n" % (name.encode(), orjson.dumps(document))
            for queue in self._streams:
                _put(queue, message)


async def _messages(queue: asyncio.Queue[bytes | None]) -> AsyncIterator[bytes]:
    yield b": welcome\n\n"
    while (message := await queue.get()) is not None:
        yield message


def _put(queue: asyncio.Queue[bytes | None], message: bytes | None) -> None:
    with contextlib.suppress(asyncio.QueueEmpty):
        if queue.full():
            queue.get_nowait()
    queue.put_nowait(message)
