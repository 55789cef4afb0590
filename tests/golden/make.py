"""Golden bytes of the schemas: one record each, and the bytes it has had since the version came out.

A file here is never changed. A new version gets one of its own: `python -m tests.golden.make NAME VERSION` prints it.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import fastavro

from udfs.schemas import load, plain

FOLDER = Path(__file__).parent
TIME = 1_709_553_851_297

RECORDS: dict[tuple[str, int], dict[str, Any]] = {
    ("shop_event", 1): {
        "event_id": "2f4af65af02fc3a4",
        "user_id": "u000824",
        "session_id": "s000001",
        "event_name": "purchase",
        "event_time": TIME,
        "item_id": "i000054",
        "item_name": "Grünwerk Pulse Tent 420, sky blue",
        "item_category": "Camping",
        "item_category2": "Tents",
        "item_category3": None,
        "item_brand": "Grünwerk",
        "price": 129.99,
        "currency": "EUR",
        "quantity": 2,
        "transaction_id": "t000007",
        "search_term": None,
        "engagement_ms": 12_500,
        "device": "mobile",
        "country": "DE",
        "referrer": "https://www.google.com/",
        "analytics_storage": "GRANTED",
        "personalization_storage": "GRANTED",
        "recommendation_id": "r1",
        "recommendation_position": 3,
    },
    ("catalog_item", 1): {
        "item_id": "i000054",
        "title": "Grünwerk Pulse Tent 420, sky blue",
        "description": "Tent of the Pulse line.",
        "item_category": "Camping",
        "item_category2": "Tents",
        "item_brand": "Grünwerk",
        "price": 129.99,
        "currency": "EUR",
        "in_stock": True,
        "created_at": TIME,
    },
    ("segment_change", 1): {
        "change_id": "8c1fd2",
        "user_id": "u000824",
        "sequence": 17,
        "event_time": TIME,
        "from_segment": -1,
        "to_segment": 1002,
        "cause": "shift",
        "focus_before": 0,
        "focus_after": 4_294_967_295,
        "model_version": "7",
    },
    ("segment_change", 2): {
        "change_id": "8c1fd2",
        "user_id": "u000824",
        "sequence": 17,
        "event_time": TIME,
        "from_segment": 3,
        "to_segment": 3,
        "cause": "model",
        "focus_before": 0,
        "focus_after": 4_294_967_295,
        "model_version": "8",
    },
    ("recommendation", 1): {
        "recommendation_id": "r1",
        "user_id": "u000824",
        "surface": "home",
        "sequence": 17,
        "event_time": TIME,
        "generated_at": TIME + 900,
        "segment_id": 3,
        "segment_name": "Camping",
        "model_name": "shop",
        "model_version": "7",
        "reasons": 6,
        "items": [
            {"item_id": "i000054", "score": 0.5, "reason": "bought together"},
            {"item_id": "i000055", "score": -0.25, "reason": "new"},
        ],
    },
    ("dead_letter", 1): {
        "topic": "shop.events.v1",
        "partition": 3,
        "offset": 2**40,
        "timestamp": TIME,
        "key": b"u000824",
        "value": b"\x00\x00\x00\x00\x01\xff",
        "headers": {"trace": b"\x01\x02", "empty": None},
        "reason": "malformed",
        "detail": "a length of more than 64 bits",
        "failed_at": TIME + 900,
    },
    ("raw_record", 1): {
        "partition": 3,
        "offset": 2**40,
        "timestamp": TIME,
        "key": None,
        "value": b"\x00\x00\x00\x00\x01\x02",
        "headers": {"trace": b"\x01\x02"},
    },
}


def encode(name: str, version: int) -> bytes:
    """The bytes of the golden record."""
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(plain(load(name, version))), RECORDS[name, version])
    return out.getvalue()


def stored(name: str, version: int) -> bytes:
    """The bytes as they were when the version came out."""
    return bytes.fromhex((FOLDER / f"{name}.v{version}.hex").read_text(encoding="ascii"))


if __name__ == "__main__":
    text = encode(sys.argv[1], int(sys.argv[2])).hex()
    sys.stdout.write("\n".join(text[at : at + 120] for at in range(0, len(text), 120)) + "\n")
