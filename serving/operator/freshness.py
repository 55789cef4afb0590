"""How old the profiles are: one accepted event at a time is followed until its shopper's profile has seen its time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

EVERY_SECONDS, LOOK_SECONDS, PATIENCE_SECONDS = 1.0, 0.02, 30.0

Clock = Callable[[str], Awaitable[int]]
"""Gives the latest time that a user's profile has seen; 0: there is none."""


class Freshness:
    """Follows events.

    Parameters
    ----------
    clock
        Asks Redis.
    took
        Called with the milliseconds that an event took.
    """

    def __init__(self, clock: Clock, took: Callable[[float], None]) -> None:
        self._clock, self._took = clock, took
        self._wanted: asyncio.Future[tuple[str, int, float]] | None = None

    def accepted(self, event: Mapping[str, Any]) -> None:
        """Take an event to follow, if one is wanted and its shopper may be followed."""
        if self._wanted is not None and not self._wanted.done() and event.get("personalization_storage") == "GRANTED":
            self._wanted.set_result((event["user_id"], int(event["event_time"]), time.monotonic()))

    async def run(self) -> None:
        """Follow one event a second, until cancelled."""
        while True:
            self._wanted = asyncio.get_running_loop().create_future()
            user, event_time, accepted = await self._wanted
            await self._follow(user, event_time, accepted)
            await asyncio.sleep(max(0.0, EVERY_SECONDS - (time.monotonic() - accepted)))

    async def _follow(self, user: str, event_time: int, accepted: float) -> None:
        try:
            if await self._clock(user) >= event_time:
                return  # it came late: nothing can be told from it
            while time.monotonic() - accepted < PATIENCE_SECONDS:
                await asyncio.sleep(LOOK_SECONDS)
                if await self._clock(user) >= event_time:
                    break
        except OSError:
            return
        self._took((time.monotonic() - accepted) * 1000)
