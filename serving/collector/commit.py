"""Group commit: what comes in within a moment is written together, by one thread, and everybody waits for the same write."""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Callable, Sequence
from typing import Generic, NamedTuple, TypeVar

from serving.collector.log import LogUnavailable

T = TypeVar("T")


class Waiting(NamedTuple, Generic[T]):
    """Something to write, and who waits for it."""

    what: T
    loop: asyncio.AbstractEventLoop
    done: asyncio.Future[None]


Write = Callable[[Sequence[T]], Sequence[LogUnavailable | None]]
"""Writes in order; gives for each why it could not be kept, or None. What it raises holds for all."""


class GroupCommit(Generic[T]):
    """The thread.

    Parameters
    ----------
    name
        Of the thread.
    write
        Called with what came in, in order.
    linger_ms
        How long the first of a group waits for others.
    most
        Parts of a group.
    """

    def __init__(self, name: str, write: Write[T], linger_ms: float = 2.0, most: int = 1000) -> None:
        self._write, self._linger, self._most = write, linger_ms / 1000, most
        self._queue: queue.SimpleQueue[Waiting[T] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    async def put(self, what: T) -> None:
        """Return when it is written; raises `LogUnavailable` if it could not be."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        self._queue.put(Waiting(what, loop, done))
        await done

    async def stop(self) -> None:
        """Write what is there, and end the thread."""
        self._queue.put(None)
        if self._thread.is_alive():
            await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        ended = False
        while not ended:
            first = self._queue.get()
            if first is None:
                return
            if self._linger:
                time.sleep(self._linger)
            group = [first]
            while len(group) < self._most:
                try:
                    following = self._queue.get_nowait()
                except queue.Empty:
                    break
                if following is None:
                    ended = True
                    break
                group.append(following)
            self._commit(group)

    def _commit(self, group: Sequence[Waiting[T]]) -> None:
        try:
            outcomes = self._write([waiting.what for waiting in group])
        except LogUnavailable as error:
            outcomes = [error] * len(group)
        except Exception as error:  # noqa: BLE001 - whatever it is, nobody may wait for ever, and nothing is acknowledged
            outcomes = [LogUnavailable(f"the log fails: {type(error).__name__}")] * len(group)
        # One call for those of one loop, as each wakes it.
        group[0].loop.call_soon_threadsafe(_settle, list(zip(group, outcomes, strict=True)))


def _settle(outcomes: Sequence[tuple[Waiting[T], LogUnavailable | None]]) -> None:
    for waiting, error in outcomes:
        if waiting.done.done():
            continue  # who waited has gone
        if error is None:
            waiting.done.set_result(None)
        else:
            waiting.done.set_exception(error)
