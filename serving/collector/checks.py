"""An event as a page sends it → the event that is kept, or the reason why it is not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from serving.collector.clock import AHEAD_MS, settle
from serving.collector.fields import Fields, Refused
from serving.collector.options import CollectorOptions
from serving.collector.visitor import UNKNOWN, Visitor
from udfs.archive import YEAR_2000
from udfs.schemas import load

CONSENTS = ("analytics_storage", "personalization_storage")
DENIED = "DENIED"
DEFAULTS = ("user_id", "session_id", "device", "referrer")
"""Fields that may stand once in front of all events."""


class Context(NamedTuple):
    """What holds for all events of a request.

    Attributes
    ----------
    received
        When it came, in ms.
    skew
        By how much its sender's clock is behind.
    defaults
        Fields of the events that do not have them.
    visitor
        Who sends, as far as headers tell.
    """

    received: int
    skew: int = 0
    defaults: Mapping[str, Any] = {}
    visitor: Visitor = Visitor()


class Checker:
    """Checks events.

    Parameters
    ----------
    options
        Its limits.
    """

    def __init__(self, options: CollectorOptions) -> None:
        self._fields = Fields(load("shop_event"), options.text_bytes, options.id_bytes)
        self._checks, self._oldest, self._most = self._fields.checks, options.oldest_ms, options.event_bytes

    def check(self, event: Any, context: Context, warn: dict[tuple[str, str], int]) -> dict[str, Any]:
        """Check an event; gives the fields that it has, and a name, device and consent in any case.

        Parameters
        ----------
        event
            As it came.
        context
            Of its request.
        warn
            Counts what was changed or left out, by field and detail.

        Raises
        ------
        Refused
            If it cannot be taken.
        """
        if type(event) is not dict:
            raise Refused("not_an_object", None, "an event is an object")
        checks = self._checks
        kept: dict[str, Any] = {}
        size = 0
        for source in (event, context.defaults):
            for name, value in source.items():
                if value is None or name in kept:
                    continue
                check = checks.get(name)
                if check is None:
                    if name != "consent":
                        _count(warn, name, "no field of an event: left out")
                    continue
                value = kept[name] = check(value)
                if type(value) is str:
                    size += len(value) if value.isascii() else len(value.encode())
        self._consent(event, context.defaults, kept)
        for name in ("event_id", "user_id"):
            if name not in kept:
                raise Refused(f"missing_{name}", name, f"{name} is absent")
        if size > self._most:
            raise Refused("too_large", None, f"the texts of an event have at most {self._most} bytes")
        self._symbols(event, kept, warn)
        kept["event_time"] = self._time(kept.get("event_time"), context)
        visitor = context.visitor
        if kept["device"] == UNKNOWN:
            kept["device"] = visitor.device
        if visitor.country is not None and "country" not in kept:
            kept["country"] = visitor.country
        return kept

    def _symbols(self, event: Mapping[str, Any], kept: dict[str, Any], warn: dict[tuple[str, str], int]) -> None:
        for name, default in self._fields.defaults.items():
            if name not in kept:
                kept[name] = default
            elif kept[name] == default and event.get(name) is not None and event[name] not in self._fields.symbols[name]:
                _count(warn, name, f"not one of the schema's: taken as {default}")

    def _consent(self, event: Mapping[str, Any], defaults: Mapping[str, Any], kept: dict[str, Any]) -> None:
        """Consent of the event, else of the request: under its own name, or inside ``consent``."""
        for source in (event, defaults):
            consent = source.get("consent")
            if type(consent) is dict:
                for name in CONSENTS:
                    if name not in kept and consent.get(name) is not None:
                        kept[name] = self._checks[name](consent[name])
            elif consent is not None:
                raise Refused("wrong_type", "consent", "consent is an object")

    def _time(self, event_time: int | None, context: Context) -> int:
        received = context.received
        if event_time is None:
            return received
        if event_time < YEAR_2000:
            raise Refused("time_too_old", "event_time", "event_time is before the year 2000: it is in milliseconds since 1970")
        if event_time > received + AHEAD_MS:
            raise Refused("time_in_future", "event_time", "event_time is years ahead: it is in milliseconds since 1970")
        time = settle(event_time, context.skew, received)
        if time < received - self._oldest:
            raise Refused("time_too_old", "event_time", f"event_time is more than {self._oldest // 3_600_000} hours ago")
        return time


def is_denied(event: Mapping[str, Any]) -> bool:
    """Whether an event that was checked may be used for nothing."""
    return all(event[name] == DENIED for name in CONSENTS)


def _count(warn: dict[tuple[str, str], int], name: str, detail: str) -> None:
    warn[name, detail] = warn.get((name, detail), 0) + 1
