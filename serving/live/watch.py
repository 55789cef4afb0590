"""Watching a shopper: while somebody looks, her keys in Redis are read a few times a second, and more often right after an event."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from models.bundle import Bundle
from serving.hub import Hub
from serving.live.trail import Message, Trail
from serving.problems import Problem
from udfs.errors import SwerveError

#: Between two looks: usually, and while an event waits for its list; for so long after the event.
QUIET_SECONDS, ALERT_SECONDS, ALERT_FOR = 0.25, 0.04, 3.0
#: So long a story is followed after the last watcher has gone: a page that is left is soon followed by the next.
LINGER_SECONDS = 20.0
#: A comment keeps proxies from taking the stream for dead.
HEARTBEAT_SECONDS = 10.0
WAITING = 200

Read = Callable[[str], Awaitable[tuple[bytes | None, bytes | None]]]
"""Reads a user's recommendations and her profile."""

log = logging.getLogger(__name__)


class Watchers:
    """All who watch.

    Parameters
    ----------
    hub
        Tells of accepted events.
    read
        Reads Redis.
    bundle
        Gives the bundle that serves.
    most, most_of_one
        Streams at a time, and those of one shopper.
    """

    def __init__(self, hub: Hub, read: Read, bundle: Callable[[], Bundle], most: int, most_of_one: int) -> None:
        self._hub, self._read, self._bundle = hub, read, bundle
        self._most, self._most_of_one = most, most_of_one
        self._watches: dict[str, _Watch] = {}
        # What a profile holds is worked out beside the loop that serves: the first time compiles.
        self._thread = ThreadPoolExecutor(1, "live")
        self._closed = False

    @property
    def streams(self) -> int:
        """How many there are now."""
        return sum(len(watch.streams) for watch in self._watches.values())

    def enter(self, user: str) -> tuple[AsyncIterator[bytes], Callable[[], None]]:
        """Begin a stream of server-sent events about a shopper; gives it, and what to call when it is over.

        Raises
        ------
        Problem
            There are too many.
        """
        watch = self._watches.get(user)
        if self._closed or self.streams >= self._most or (watch is not None and len(watch.streams) >= self._most_of_one):
            raise Problem(503, "too many are watching now", {"Retry-After": "5"})
        if watch is None:
            watch = self._watches[user] = _Watch(self, user)
        stream = _Stream()
        watch.streams.add(stream)
        return self._stream(watch, stream), lambda: watch.leave(stream)

    def close(self) -> None:
        """End all streams; who comes later is turned away."""
        self._closed = True
        for watch in self._watches.values():
            watch.task.cancel()
            for stream in watch.streams:
                stream.end()

    async def finish(self) -> None:
        """Return when nothing is under way any more."""
        self.close()
        await asyncio.gather(*(watch.task for watch in self._watches.values()), return_exceptions=True)
        self._watches.clear()
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def look(self, user: str, trail: Trail) -> list[Message]:
        """Read a shopper's keys; gives what is new."""
        stored = await self._read(user)
        if stored == trail.stored:
            return []
        return await asyncio.get_running_loop().run_in_executor(self._thread, lambda: trail.read(*stored, self._bundle()))

    def watch_events(self, user: str) -> contextlib.AbstractContextManager[asyncio.Queue[Any]]:
        """Receive a shopper's events."""
        return self._hub.watch(user)

    def forget(self, watch: _Watch) -> None:
        """Drop a story that nobody follows."""
        if self._watches.get(watch.user) is watch:
            del self._watches[watch.user]

    async def _stream(self, watch: _Watch, stream: _Stream) -> AsyncIterator[bytes]:
        yield b"retry: 2000\n\n"
        yield watch.trail.snapshot().as_event()
        while not stream.ended:
            try:
                yield await asyncio.wait_for(stream.queue.get(), HEARTBEAT_SECONDS)
            except asyncio.TimeoutError:
                yield b": still here\n\n"


class _Stream:
    """One watcher's messages; who does not take them is cut off, and asks anew."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[bytes] = asyncio.Queue(WAITING)
        self.ended = False

    def put(self, message: bytes) -> None:
        if self.queue.full():
            self.end()
        else:
            self.queue.put_nowait(message)

    def end(self) -> None:
        self.ended = True
        if self.queue.full():
            self.queue.get_nowait()
        self.queue.put_nowait(b": over\n\n")


class _Watch:
    def __init__(self, watchers: Watchers, user: str) -> None:
        self.user, self.trail = user, Trail()
        self.streams: set[_Stream] = set()
        self._watchers = watchers
        self._left = time.monotonic()
        self.task = asyncio.create_task(self._follow())

    def leave(self, stream: _Stream) -> None:
        self.streams.discard(stream)
        self._left = time.monotonic()

    def _tell(self, messages: list[Message]) -> None:
        for message in messages:
            told = message.as_event()
            for stream in self.streams:
                stream.put(told)

    async def _follow(self) -> None:
        alert_until = 0.0
        try:
            with self._watchers.watch_events(self.user) as events:
                while self.streams or time.monotonic() - self._left < LINGER_SECONDS:
                    alert = time.monotonic() < alert_until
                    with contextlib.suppress(asyncio.TimeoutError):
                        event = await asyncio.wait_for(events.get(), ALERT_SECONDS if alert else QUIET_SECONDS)
                        self._tell([self.trail.happened(event)])
                        alert_until = time.monotonic() + ALERT_FOR
                    try:
                        self._tell(await self._watchers.look(self.user, self.trail))
                    except (SwerveError, OSError) as error:
                        log.warning("the live view cannot read: %s", type(error).__name__)
                        await asyncio.sleep(1)
        finally:
            self._watchers.forget(self)
            for stream in self.streams:
                stream.end()
