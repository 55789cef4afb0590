"""From text to the values of an event."""

from __future__ import annotations

import datetime as dt
import math
from typing import Any

from training.importers.reading import BadRow
from udfs.schemas import load

MILLISECONDS_FROM = 1e11
"""A number of this size or more is milliseconds, below it seconds."""
YEAR_2000, YEAR_2200 = 946_684_800_000, 7_258_118_400_000
INT_LIMIT = 2**31

EVENT_NAMES: dict[str, str] = {
    name: name for field in load("shop_event")["fields"] if field["name"] == "event_name" for name in field["type"]["symbols"]
} | {
    "view": "view_item",
    "click": "view_item",
    "cart": "add_to_cart",
    "addtocart": "add_to_cart",
    "add": "add_to_cart",
    "remove": "remove_from_cart",
    "transaction": "purchase",
    "buy": "purchase",
    "order": "purchase",
    "wishlist": "add_to_wishlist",
}
"""What shops call events; anything else is `other`."""


def event_name(text: str) -> str:
    """Translate the name of an event."""
    return EVENT_NAMES.get(text.strip().lower(), "other")


def milliseconds(text: str) -> int:
    """Read a time: seconds or milliseconds since 1970, or ISO 8601; UTC where it does not say.

    Raises
    ------
    BadRow
        If it is none, or lies before 2000 or after 2200.
    """
    text = text.strip()
    try:
        number = float(text)
    except ValueError:
        number = _iso(text)
    else:
        if math.isfinite(number) and abs(number) < MILLISECONDS_FROM:
            number = round(number * 1000)
    if not YEAR_2000 <= number < YEAR_2200:
        raise BadRow(f"time out of range: {text}")
    return int(number)


def price(text: str) -> float | None:
    """Read a price; absent if empty.

    Raises
    ------
    BadRow
        If it is no number, or negative or not finite.
    """
    if not text.strip():
        return None
    try:
        number = float(text)
    except ValueError:
        raise BadRow(f"no price: {text}") from None
    if not 0 <= number < math.inf:
        raise BadRow(f"no price: {text}")
    return number


def whole(text: str) -> int | None:
    """Read a whole number of 32 bits; absent if empty.

    Raises
    ------
    BadRow
        If it is none.
    """
    if not text.strip():
        return None
    try:
        number = float(text)
        if number.is_integer() and -INT_LIMIT <= number < INT_LIMIT:
            return int(number)
    except ValueError:
        pass
    raise BadRow(f"no whole number: {text}")


def required(text: str, name: str) -> str:
    """Give a text that must be there.

    Raises
    ------
    BadRow
        If it is empty.
    """
    text = text.strip()
    if not text:
        raise BadRow(f"no {name}")
    return text


def optional(text: str) -> str | None:
    """Give a text; absent if empty."""
    return text.strip() or None


def event(user_id: str, time: int, name: str, **fields: Any) -> dict[str, Any]:
    """Make an event. Imported history counts as collected with consent."""
    return {
        "user_id": user_id,
        "event_time": time,
        "event_name": name,
        "analytics_storage": "GRANTED",
        "personalization_storage": "GRANTED",
        **fields,
    }


def _iso(text: str) -> float:
    if text.endswith(" UTC"):
        text = text[:-4]
    elif text.endswith(("Z", "z")):
        text = text[:-1]
    try:
        time = dt.datetime.fromisoformat(text)
    except ValueError:
        try:
            time = dt.datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%f")  # noqa: DTZ007 — made aware below
        except ValueError:
            raise BadRow(f"no time: {text}") from None
    if time.tzinfo is None:
        time = time.replace(tzinfo=dt.timezone.utc)
    return round(time.timestamp() * 1000)
