"""A request's body in its shape, ours or another's → events, and what holds for all of them."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from starlette.requests import Request

from serving.adapters import Adapter, Unreadable
from serving.collector.checks import CONSENTS, DEFAULTS
from serving.collector.clock import AHEAD_MS
from serving.problems import Problem

GRANTED = {"granted": "GRANTED"}


class Batch(NamedTuple):
    """A body that was read: its events, when its sender says it was sent, what stands in front of the events, and the key in it."""

    events: list[Any]
    sent_at: int | None
    defaults: Mapping[str, Any] = {}
    key: str | None = None


Read = Callable[[Request, Any, int], Batch]
"""From a request, its body and the time it was received."""


def ours(_: Request, body: Any, received: int) -> Batch:
    """Read our own shape.

    Raises
    ------
    Problem
        400, if it is another.
    """
    if not isinstance(body, dict) or not isinstance(body.get("events"), list):
        raise Problem(400, "a body is an object with a list `events`")
    sent_at = body.get("sent_at")
    if sent_at is not None and (type(sent_at) not in (int, float) or abs(received - sent_at) > AHEAD_MS):
        raise Problem(400, "sent_at is the sender's clock in milliseconds since 1970")
    defaults = {name: body[name] for name in (*DEFAULTS, "consent") if body.get(name) is not None}
    return Batch(body["events"], None if sent_at is None else int(sent_at), defaults, body.get("write_key"))


def adapted(adapter: Adapter) -> Read:
    """Make a reader of the shape of others. Who forwards can often set nothing but the address: key and consent may stand in it."""

    def read(request: Request, body: Any, received: int) -> Batch:
        query = request.query_params
        consent = {name: GRANTED.get(query.get(name, "").lower(), "DENIED") for name in CONSENTS}
        try:
            events, sent_at = adapter(body, received, consent)
        except Unreadable as error:
            raise Problem(400, str(error)) from None
        return Batch(events, sent_at if type(sent_at) is int else None, {}, _key(request, body))

    return read


def _key(request: Request, body: Any) -> str | None:
    """Find the key where senders of these shapes have a place for one: GA4's ``api_secret``, Segment's ``writeKey`` or user of Basic."""
    query = request.query_params
    given = query.get("key") or query.get("api_secret") or (body.get("writeKey") if isinstance(body, dict) else None)
    kind, _, login = request.headers.get("authorization", "").partition(" ")
    if given or kind.lower() != "basic":
        return given
    try:
        return b64decode(login, validate=True).decode().partition(":")[0]
    except ValueError:
        return None
