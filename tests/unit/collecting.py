"""A collector before a log in memory, and events to send it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

import orjson
from prometheus_client import CollectorRegistry

from serving.app import Application
from serving.collector import Collector, CollectorOptions, Event, EventLog, LogUnavailable
from serving.hub import Hub
from tests.unit.asgi import Answer, call

NOW = 1_764_000_000_000
T = TypeVar("T")


class Memory:
    """A log in memory that can be told to refuse."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.refuses = False

    async def start(self) -> None:
        """Nothing to open."""

    async def stop(self) -> None:
        """Nothing to close."""

    async def append(self, events: Sequence[Event]) -> None:
        """Keep, or refuse."""
        if self.refuses:
            raise LogUnavailable("the brokers are away", 7)
        self.events += events

    @property
    def waiting_bytes(self) -> int:
        """Nothing."""
        return 0

    @property
    def waiting_seconds(self) -> float:
        """None."""
        return 0.0


class Setting:
    """A collector, its log and what it tells."""

    def __init__(self, log: EventLog | None = None, **options: Any) -> None:
        self.memory = Memory()
        self.hub, self.registry = Hub(), CollectorRegistry()
        self.collector = Collector(CollectorOptions(**options), log or self.memory, self.hub, self.registry, lambda: NOW / 1000)
        self.app = Application([self.collector])

    async def post(self, body: Any, path: str = "/v1/events", **headers: str) -> Answer:
        """Send a body as JSON, or bytes as they are."""
        raw = body if isinstance(body, bytes) else orjson.dumps(body)
        given = {"content-type": "application/json", **{name.replace("_", "-"): value for name, value in headers.items()}}
        return await call(self.app, "POST", path, raw, given)

    def metric(self, name: str, **labels: str) -> float | None:
        """Give a metric's value."""
        return self.registry.get_sample_value(f"swerve_collector_{name}", labels)


def event(number: int = 1, **fields: Any) -> dict[str, Any]:
    """An event that is fine."""
    fine = {
        "event_id": f"e{number}",
        "user_id": "u",
        "event_name": "view_item",
        "event_time": NOW - 1000,
        "item_id": "i1",
        "personalization_storage": "GRANTED",
    }
    return {**fine, **fields}


def run(work: Callable[[], Awaitable[T]]) -> T:
    """Run in an event loop."""

    async def inside() -> T:
        return await work()

    return asyncio.run(inside())


def post(body: Any, path: str = "/v1/events", setting: Setting | None = None, **headers: str) -> tuple[Answer, Setting]:
    """Send one request."""
    setting = setting or Setting()
    return run(lambda: setting.post(body, path, **headers)), setting
