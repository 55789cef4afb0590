"""Recommendations and events for tests of what became of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from udfs.archive import ArchiveWriter
from udfs.schemas import load

START = 1_709_510_400_000
MINUTE = 60_000


def recommendation(number: int, user: str, minute: float, items: Sequence[str], **changes: Any) -> dict[str, Any]:
    """Recommendation ``r<number>``; item ``a`` has the reason ``similar:x``, every other ``popular``."""
    scored = [
        {"item_id": item, "score": 1.0 - place / 10, "reason": "similar:x" if item == "a" else "popular"}
        for place, item in enumerate(items)
    ]
    return {
        "recommendation_id": f"r{number}", "user_id": user, "surface": "home", "sequence": number, "generated_at": 0, "segment_id": 0,
        "event_time": START + int(minute * MINUTE), "segment_name": "lamps", "model_name": "m", "model_version": "1", "reasons": 1,
        "items": scored, **changes,
    }  # fmt: skip


def event(name: str, user: str, minute: float, item: str | None, recommendation: str | None = None, **changes: Any) -> dict[str, Any]:
    return {
        "event_name": name, "user_id": user, "event_time": START + int(minute * MINUTE), "item_id": item,
        "recommendation_id": recommendation, "analytics_storage": "GRANTED", "personalization_storage": "GRANTED", **changes,
    }  # fmt: skip


def write(
    folder: Path, shown: Iterable[Mapping[str, Any]], events: Iterable[Mapping[str, Any]], schema: Mapping[str, Any] | None = None
) -> Path:
    """Write both into one folder; events get the ids that they lack."""
    numbered = [{"event_id": f"e{number}", **one} for number, one in enumerate(events)] or [
        event("search", "nobody", 0, None, event_id="0")
    ]
    with ArchiveWriter(folder, load("recommendation"), prefix="recommendations") as writer:
        writer.append_records(shown, 2)
    with ArchiveWriter(folder, schema or load("shop_event")) as writer:
        writer.append_records(numbered)
    return folder
