"""What adapters have in common."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import orjson

ID_BYTES = 16
EXACT = 2**53
"""Below it a double holds every whole number."""
CONSENTS = ("analytics_storage", "personalization_storage")
_WORDS = {True: "GRANTED", False: "DENIED", "granted": "GRANTED", "denied": "DENIED", "yes": "GRANTED", "no": "DENIED"}


class Unreadable(ValueError):
    """A body that is not of the shape at all; the argument is the reason."""


class Adapted(NamedTuple):
    """What a body holds.

    Attributes
    ----------
    events
        Fields of ``shop_event``, as far as the body has them; what is missing or wrong is for the collector to refuse, one by one.
    sent_at
        When the sender's clock says it was sent, milliseconds since 1970; None where the shape does not tell.
    """

    events: list[dict[str, Any]]
    sent_at: int | None = None


Adapter = Callable[[Any, int, Mapping[str, str]], Adapted]
"""From the body, the time it was received (milliseconds since 1970) and the consent where the body says nothing."""


def expand(event: Mapping[str, Any], items: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Make of an event with several items one for each, with ids of their own; values that are None are left out.

    Examples
    --------
    >>> expand({"event_id": "e"}, [{"item_id": "a"}, {"item_id": "b"}])
    [{'event_id': 'e', 'item_id': 'a'}, {'event_id': 'e#1', 'item_id': 'b'}]
    """
    events = []
    for number, item in enumerate(items or ({},)):
        one = {name: value for part in (event, item) for name, value in part.items() if value is not None}
        if number and "event_id" in one:
            one["event_id"] = f"{one['event_id']}#{number}"
        events.append(one)
    return events


def content_id(*parts: Any) -> str:
    """Make an id from what identifies an event, for shapes that give it none: sent twice, it is the same."""
    return hashlib.blake2b(orjson.dumps(parts, option=orjson.OPT_SORT_KEYS, default=str), digest_size=ID_BYTES).hexdigest()


def obj(value: Any) -> Mapping[str, Any]:
    """Give an object; an empty one if it is none."""
    return value if isinstance(value, Mapping) else {}


def objects(value: Any) -> list[Mapping[str, Any]]:
    """Give the objects of a list; none if it is no list."""
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []


def first(source: Mapping[str, Any], *names: str) -> Any:
    """Give the first of some fields that is there and not empty."""
    return next((source[name] for name in names if source.get(name) not in (None, "")), None)


def text(value: Any) -> Any:
    """Write a number or a text as text; anything else stays, to be refused."""
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def number(value: Any) -> Any:
    """Read a number, also one written as text; anything else stays, to be refused."""
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value
    return value


def whole(value: Any) -> Any:
    """Read a whole number, also one written as text; anything else stays, to be refused."""
    value = number(value)
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < EXACT else value


def milliseconds(value: Any) -> Any:
    """Read a time in ISO 8601 (UTC where it does not say) or in milliseconds; anything else stays, to be refused.

    Examples
    --------
    >>> milliseconds("2024-05-01T12:00:00.250Z")
    1714564800250
    """
    if isinstance(value, str) and not value.strip().isdigit():
        try:
            time = dt.datetime.fromisoformat(_padded(value.strip().replace("Z", "+00:00")))
        except ValueError:
            return value
        return round((time if time.tzinfo else time.replace(tzinfo=dt.timezone.utc)).timestamp() * 1000)
    return whole(value)


def levels(category: Any) -> dict[str, str]:
    """Give the fields of a category whose levels stand in one text.

    Examples
    --------
    >>> levels("Baby / Prams")
    {'item_category': 'Baby', 'item_category2': 'Prams'}
    """
    parts = [part.strip() for part in str(category or "").split("/") if part.strip()]
    return dict(zip(("item_category", "item_category2", "item_category3"), parts))


def consent(given: Mapping[str, Any], otherwise: Mapping[str, str]) -> dict[str, str]:
    """Read consent under Google's names; where nothing is said, what holds otherwise, and else denied."""
    said = {name: given.get(name) for name in CONSENTS}
    return {
        name: _WORDS.get(value.lower() if isinstance(value, str) else value, otherwise.get(name, "DENIED"))
        if isinstance(value, str | bool)
        else otherwise.get(name, "DENIED")
        for name, value in said.items()
    }


def _padded(time: str) -> str:
    """Write a fraction of a second with six digits, which is all that Python 3.10 reads."""
    head, point, rest = time.partition(".")
    if not point:
        return time
    digits = rest[: len(rest) - len(rest.lstrip("0123456789"))]
    return f"{head}.{digits[:6]:0<6}{rest[len(digits) :]}"
