"""What a watcher is told of one shopper: what has happened of late, and then each thing as it happens."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson

from models.bundle import Bundle
from serving.live.changes import describe, list_changes, point
from udfs.keys import VERSION_BYTES
from udfs.profile import ProfileError

EVENTS, POINTS, LISTS, SEGMENTS = 40, 120, 12, 12
FIELDS = ("event_name", "event_time", "item_id", "item_name", "item_category", "search_term", "price", "currency", "engagement_ms")
#: A client's clock that is off by more says nothing about how long something took.
BELIEVED_MS = 60_000


class Message(NamedTuple):
    """One message of the stream: its name and its document."""

    name: str
    document: dict[str, Any]

    def as_event(self) -> bytes:
        """Write it as a server-sent event."""
        return b"event: %s\ndata: %s\n\n" % (self.name.encode(), orjson.dumps(self.document))


class Trail:
    """One shopper's story so far.

    Attributes
    ----------
    stored
        What was last read: her recommendations and her profile, as Redis holds them.
    """

    def __init__(self) -> None:
        self._events: deque[dict[str, Any]] = deque(maxlen=EVENTS)
        self._points: deque[dict[str, Any]] = deque(maxlen=POINTS)
        self._lists: deque[dict[str, Any]] = deque(maxlen=LISTS)
        self._segments: deque[dict[str, Any]] = deque(maxlen=SEGMENTS)
        self._profile: dict[str, Any] | None = None
        self._value: dict[str, Any] | None = None
        self.stored: tuple[bytes | None, bytes | None] = (None, None)

    def snapshot(self) -> Message:
        """Tell it all to one who has just come."""
        return Message(
            "hello",
            {
                "events": list(self._events),
                "points": list(self._points),
                "lists": list(self._lists),
                "segments": list(self._segments),
                "profile": self._profile,
            },
        )

    def happened(self, event: Mapping[str, Any], now_ms: int | None = None) -> Message:
        """Note an event that the collector has kept."""
        now_ms = _now() if now_ms is None else now_ms
        told = {name: event[name] for name in FIELDS if event.get(name) is not None}
        self._events.append({**told, "kept_at": now_ms})
        return Message("event", self._events[-1])

    def read(self, value: bytes | None, profile: bytes | None, bundle: Bundle, now_ms: int | None = None) -> list[Message]:
        """Note what Redis holds now; gives what is new about it."""
        now_ms = _now() if now_ms is None else now_ms
        first = self.stored == (None, None)
        before, self.stored = self.stored, (value, profile)
        messages: list[Message] = []
        if profile is not None and profile != before[1]:
            messages += self._profile_changed(profile[VERSION_BYTES:], bundle, now_ms)
        if value is not None and value != before[0]:
            messages += self._value_changed(value, now_ms, first=first)
        return messages

    def _profile_changed(self, packed: bytes, bundle: Bundle, now_ms: int) -> list[Message]:
        if not packed:
            return []  # the job keeps no profiles
        try:
            told = describe(packed, bundle)
        except ProfileError:
            return []
        before, self._profile = self._profile, told
        self._points.append(point(before, told))
        messages = [Message("profile", {"profile": told, "point": self._points[-1]})]
        if before is not None and before["segment"] != told["segment"]:
            self._segments.append({"from": before["segment"], "to": told["segment"], "at": now_ms})
            messages.append(Message("segment", self._segments[-1]))
        return messages

    def _value_changed(self, value: bytes, now_ms: int, *, first: bool) -> list[Message]:
        try:
            document = orjson.loads(value)
            told = list_changes(self._value, document)
        except (orjson.JSONDecodeError, KeyError, TypeError):
            return []  # another program writes there
        self._value = document
        told |= {"recommendation_id": document.get("recommendation_id"), "at": now_ms, "first": first}
        if not first:
            told |= self._durations(document.get("event_time"), now_ms)
        self._lists.append(told)
        return [Message("list", told)]

    def _durations(self, event_time: int | None, now_ms: int) -> dict[str, Any]:
        """Tell how long it took, if the list answers an event that we have seen."""
        answered = next((event for event in reversed(self._events) if event["event_time"] == event_time), None)
        if answered is None or event_time is None:
            return {}
        since_event = now_ms - event_time
        return {
            "answers": {name: answered[name] for name in ("event_name", "item_id", "item_category") if name in answered},
            "since_kept_ms": now_ms - answered["kept_at"],
            "since_event_ms": since_event if 0 <= since_event <= BELIEVED_MS else None,
        }


def _now() -> int:
    return time.time_ns() // 1_000_000
