"""Tells those who look on what the collector has just kept: of one shopper, or of all."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

WAITING = 256


class Hub:
    """Events by shopper, for those that watch now; nobody waits for a slow watcher, whose oldest events are dropped."""

    def __init__(self) -> None:
        self._watchers: defaultdict[str, set[asyncio.Queue[Mapping[str, Any]]]] = defaultdict(set)
        self._taps: list[Callable[[Mapping[str, Any]], None]] = []

    def publish(self, event: Mapping[str, Any]) -> None:
        """Hand an accepted event (fields of ``shop_event``) to those who watch its user, and to those who count."""
        for tap in self._taps:
            tap(event)
        for queue in self._watchers.get(event["user_id"], ()):
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(event)

    def tap(self, call: Callable[[Mapping[str, Any]], None]) -> None:
        """Have something called with every event; it must not wait."""
        self._taps.append(call)

    @contextmanager
    def watch(self, user: str) -> Iterator[asyncio.Queue[Mapping[str, Any]]]:
        """Receive a shopper's events while the block runs."""
        queue: asyncio.Queue[Mapping[str, Any]] = asyncio.Queue(WAITING)
        self._watchers[user].add(queue)
        try:
            yield queue
        finally:
            self._watchers[user].discard(queue)
            if not self._watchers[user]:
                del self._watchers[user]
