"""A shopper's list: her own, else her segment's, else everybody's, else the last that this process has seen."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeVar

from serving.api.access import NOBODY
from serving.api.cut import segment_of
from serving.api.redis_gets import NO_ANSWER, RedisAway, RedisGets
from udfs.keys import fallback_key, recommendations_key

USER, SEGMENT, DEFAULT, LAST_KNOWN = SOURCES = ("user", "segment", "default", "last-known")
REFRESH_SECONDS = 10.0

T = TypeVar("T")


class Found(NamedTuple):
    """A list and where it comes from.

    Attributes
    ----------
    value
        The stored document.
    source
        One of `SOURCES`.
    """

    value: bytes
    source: str


class Nothing(Exception):
    """There is no list at all: no job has written here, and nothing is remembered."""


class Lists:
    """Finds lists.

    Parameters
    ----------
    gets
        Redis.
    prefix
        What stands before every key.
    surfaces
        Places in the shop.
    remember
        How many shoppers' last lists are kept, for when Redis is away and for the segments that they name.
    """

    def __init__(self, gets: RedisGets, prefix: str, surfaces: Sequence[str], remember: int = 4096) -> None:
        self._gets, self._prefix, self._surfaces, self._remember = gets, prefix, surfaces, remember
        around = {surface: recommendations_key("\0", surface, prefix).split("\0") for surface in surfaces}
        self._around = {surface: (before.encode(), behind.encode()) for surface, (before, behind) in around.items()}
        self._default = {surface: fallback_key(surface, None, prefix).encode() for surface in surfaces}
        #: Her last values by key, the one that was not asked for the longest first.
        self._last: dict[bytes, bytes] = {}
        #: The segments of those whose lists have expired.
        self._segments: dict[bytes, int] = {}
        #: What everybody and the segments were shown last, by key.
        self._fallbacks: dict[bytes, bytes] = {}
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Read what everybody gets, now and again: it is there when Redis is not."""
        await self._refresh()
        self._task = asyncio.create_task(self._go_on(), name="fallbacks")

    async def stop(self) -> None:
        """End."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def seed(self, fallbacks: Mapping[str, bytes]) -> None:
        """Take a bundle's fall-backs (`Ranker.fallbacks`) as what was seen last; what Redis says is taken instead when it says it."""
        for key, value in fallbacks.items():
            self._fallbacks.setdefault((self._prefix + key).encode(), value)

    async def find(self, user: str, surface: str, segment: int | None = None) -> Found:
        """Find a shopper's list.

        Parameters
        ----------
        user
            Her id; `NOBODY` for what everybody gets.
        surface
            One of the surfaces.
        segment
            Hers, where the caller knows it.

        Raises
        ------
        Nothing
            If there is none.
        """
        key = None
        if user != NOBODY:
            before, behind = self._around[surface]
            key = before + user.encode() + behind
        try:
            if key is not None:
                value = await self._gets.get(key)
                if isinstance(value, bytes):
                    _keep(self._last, key, value, self._remember)
                    return Found(value, USER)
                self._forget(key)
            return await self._fall_back(key, surface, segment)
        except NO_ANSWER:
            return self._remembered(key, surface, segment)

    async def _fall_back(self, key: bytes | None, surface: str, segment: int | None) -> Found:
        """Ask for both fall-backs at once."""
        of_segment = self._segment_key(key, surface, segment)
        default = self._default[surface]
        asked = [(SEGMENT, of_segment)] if of_segment is not None else []
        asked.append((DEFAULT, default))
        futures = [self._gets.get(name) for _, name in asked]
        values = await asyncio.gather(*futures, return_exceptions=True)
        for (source, name), value in zip(asked, values, strict=True):
            if isinstance(value, bytes):
                self._note(name, value)
                return Found(value, source)
        if any(isinstance(value, BaseException) for value in values):
            raise RedisAway
        return self._remembered(key, surface, segment)

    def _remembered(self, key: bytes | None, surface: str, segment: int | None) -> Found:
        of_segment = self._segment_key(key, surface, segment)
        for name, memory in ((key, self._last), (of_segment, self._fallbacks), (self._default[surface], self._fallbacks)):
            if name is not None and name in memory:
                return Found(memory[name], LAST_KNOWN)
        raise Nothing

    def _segment_key(self, key: bytes | None, surface: str, segment: int | None) -> bytes | None:
        if segment is None and key is not None:
            segment = segment_of(self._last[key]) if key in self._last else self._segments.get(key)
        return None if segment is None else fallback_key(surface, segment, self._prefix).encode()

    def _forget(self, key: bytes) -> None:
        """Keep nothing of an expired list but its segment."""
        value = self._last.pop(key, None)
        segment = None if value is None else segment_of(value)
        if segment is not None:
            _keep(self._segments, key, segment, self._remember)

    def _note(self, key: bytes, value: bytes) -> None:
        # There are as many as segments, but anybody may ask for one: only those that Redis holds come here.
        self._fallbacks[key] = value

    async def _refresh(self) -> None:
        for key in self._default.values():
            try:
                value = await self._gets.get(key)
            except NO_ANSWER:
                return
            if isinstance(value, bytes):
                self._note(key, value)

    async def _go_on(self) -> None:
        while True:
            await asyncio.sleep(REFRESH_SECONDS)
            await self._refresh()


def _keep(memory: dict[bytes, T], key: bytes, value: T, most: int) -> None:
    if memory.pop(key, None) is None and len(memory) >= most:
        del memory[next(iter(memory))]
    memory[key] = value
