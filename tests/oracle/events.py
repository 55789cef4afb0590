"""Section "Events": what the profile sees of a decoded shop event, and which events are rejected for what they say."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from tests.oracle.constants import DEVICES, FUTURE, KINDS, YEAR_2000
from tests.oracle.hashes import category_hash, country_code, event_id_hash, item_hash


@dataclass(frozen=True)
class Event:
    """One good event. Times in milliseconds, hashes as the section "Hashes" says, `price` 0 where absent."""

    user_id: str
    event_name: str
    time: int
    event_id: int
    item: int = 0
    category: int = 0
    device: int = 0
    country: int = 0
    price: float = 0.0
    quantity: int = 1
    engagement_ms: int = 0
    granted: bool = True

    @property
    def kind(self) -> int:
        return KINDS[self.event_name][0]

    @property
    def group(self) -> int:
        return KINDS[self.event_name][1]

    @property
    def is_interest(self) -> bool:
        return KINDS[self.event_name][2]

    @property
    def goes_to_ring(self) -> bool:
        return KINDS[self.event_name][3]


def reject_reason(record: dict[str, Any], now: int | None) -> str | None:
    """Why a decoded record is no good event, or None. `now` is the job's clock; None leaves the future open."""
    if not record.get("event_id"):
        return "missing_event_id"
    if not record.get("user_id"):
        return "missing_user_id"
    price = record.get("price")
    if price is not None and not (math.isfinite(price) and price >= 0):
        return "bad_price"
    if now is not None and record["event_time"] > now + FUTURE:
        return "time_in_future"
    if record["event_time"] < YEAR_2000:
        return "time_too_old"
    return None


def event_of(record: dict[str, Any]) -> Event:
    """The event of a good record (field names and symbols of `avro/shop_event.v1.avsc`)."""
    quantity = record.get("quantity")
    engagement = record.get("engagement_ms")
    name = record["event_name"]
    device = record.get("device")
    return Event(
        user_id=record["user_id"],
        event_name=name if name in KINDS else "other",
        time=record["event_time"],
        event_id=event_id_hash(record["event_id"]),
        item=item_hash(record.get("item_id")),
        category=category_hash(record.get("item_category")),
        device=DEVICES.index(device) if device in DEVICES else 0,
        country=country_code(record.get("country")),
        price=float(record.get("price") or 0.0),
        quantity=max(1, quantity) if quantity is not None else 1,
        engagement_ms=max(0, engagement) if engagement is not None else 0,
        granted=record.get("personalization_storage") == "GRANTED",
    )
