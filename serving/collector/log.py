"""Where accepted events go, and what it says when it cannot take them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

Event = Mapping[str, Any]
"""Fields of ``shop_event`` that were checked; those that are absent have their defaults."""


class LogUnavailable(Exception):
    """Nothing of these events is acknowledged: they have to be sent again.

    Parameters
    ----------
    detail
        Why, for the sender; nothing personal.
    retry_seconds
        When it may be worth another try.
    """

    def __init__(self, detail: str, retry_seconds: int = 5) -> None:
        super().__init__(detail)
        self.detail = detail
        self.retry_seconds = retry_seconds


class EventLog(Protocol):
    """Keeps events; those of one user in the order in which they were appended."""

    async def start(self) -> None:
        """Open it; called once, in the event loop that serves."""

    async def append(self, events: Sequence[Event]) -> None:
        """Return when the events are kept, whatever happens to this process then.

        Raises
        ------
        LogUnavailable
            If they could not be kept.
        """

    async def stop(self) -> None:
        """Keep what is under way, and close it."""

    @property
    def waiting_bytes(self) -> int:
        """What is kept here, but not yet where it belongs."""

    @property
    def waiting_seconds(self) -> float:
        """For how long something has been."""
