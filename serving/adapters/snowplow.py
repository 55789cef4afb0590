"""Snowplow: payloads of its trackers (protocol 2) with the e-commerce plug-in's entities, and enriched events as JSON."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

import orjson

from serving.adapters.adapted import (
    Adapted,
    Unreadable,
    consent,
    content_id,
    expand,
    first,
    levels,
    milliseconds,
    number,
    obj,
    objects,
    text,
    whole,
)

NAMES = {
    "product_view": "view_item",
    "list_view": "view_item_list",
    "list_click": "select_item",
    "add_to_cart": "add_to_cart",
    "remove_from_cart": "remove_from_cart",
    "checkout_step": "begin_checkout",
    "transaction": "purchase",
    "refund": "refund",
    "promo_view": "view_promotion",
    "promo_click": "select_promotion",
}
"""The plug-in's actions; any other event is `other`, a page view `page_view`."""
ACTION = "snowplow_ecommerce_action"
ENTITIES = ("product", "transaction", "refund")
PAGE_VIEWS = ("pv", "page_view")


def from_snowplow(body: Any, received: int, otherwise: Mapping[str, str]) -> Adapted:
    """Read a payload ``{schema, data: [...]}``, an enriched event, or a list of those.

    Raises
    ------
    Unreadable
        It is none of them.
    """
    document = obj(body)
    entries = body if isinstance(body, list) else document.get("data", [document] if "event_id" in document else None)
    if not isinstance(entries, list):
        raise Unreadable("a Snowplow body is a payload with a list `data`, or enriched events")
    events: list[dict[str, Any]] = []
    for entry in entries:
        entry = obj(entry)
        events += _enriched(entry, received, otherwise) if "e" not in entry else _tracked(entry, received, otherwise)
    sent = milliseconds(next((first(obj(entry), "stm", "dvce_sent_tstamp") for entry in entries), None))
    return Adapted(events, sent if isinstance(sent, int) else None)


def _tracked(entry: Mapping[str, Any], received: int, otherwise: Mapping[str, str]) -> list[dict[str, Any]]:
    action = obj(obj(_decoded(entry, "ue_pr", "ue_px").get("data")))
    contexts: dict[str, list[Mapping[str, Any]]] = {}
    for context in objects(_decoded(entry, "co", "cx").get("data")):
        contexts.setdefault(_name(context.get("schema")), []).append(obj(context.get("data")))
    base = {
        "event_id": text(first(entry, "eid") or content_id(entry)),
        "user_id": text(first(entry, "uid", "duid", "nuid")),
        "session_id": text(first(entry, "sid")),
        "event_time": milliseconds(first(entry, "ttm", "dtm")) if first(entry, "ttm", "dtm") is not None else received,
        "referrer": entry.get("refr"),
    }
    kind = obj(action.get("data")).get("type") if _name(action.get("schema")) == ACTION else None
    return _events(base, kind, entry.get("e"), contexts, otherwise)


def _enriched(entry: Mapping[str, Any], received: int, otherwise: Mapping[str, str]) -> list[dict[str, Any]]:
    contexts: dict[str, list[Mapping[str, Any]]] = {}
    kind = None
    for field, value in entry.items():
        if field.startswith("unstruct_event_") and f"_{ACTION}_" in field:
            kind = obj(value).get("type")
        elif field.startswith("contexts_"):
            # contexts_<vendor>_<name>_<version>, all with underscores: no entity of ours is the end of another's name.
            name = next((name for name in ENTITIES if field.rstrip("0123456789").endswith(f"_{name}_")), "")
            contexts.setdefault(name, []).extend(objects(value))
    time = first(entry, "true_tstamp", "derived_tstamp", "dvce_created_tstamp", "collector_tstamp")
    base = {
        "event_id": text(first(entry, "event_id")),
        "user_id": text(first(entry, "user_id", "domain_userid", "network_userid")),
        "session_id": text(first(entry, "domain_sessionid")),
        "event_time": received if time is None else milliseconds(time),
        "referrer": entry.get("page_referrer"),
        "country": entry.get("geo_country"),
    }
    return _events(base, kind, entry.get("event"), contexts, otherwise)


def _events(
    base: Mapping[str, Any], kind: Any, event: Any, contexts: Mapping[str, list[Mapping[str, Any]]], otherwise: Mapping[str, str]
) -> list[dict[str, Any]]:
    order: Mapping[str, Any] = next(iter([*contexts.get("transaction", ()), *contexts.get("refund", ())]), {})
    known = {
        "event_name": NAMES.get(str(kind), "page_view" if event in PAGE_VIEWS else "other"),
        "transaction_id": text(first(order, "transaction_id")),
        "currency": order.get("currency"),
        # Its trackers tell consent in an event of its own, not with each.
        **consent({}, otherwise),
    }
    return expand({**base, **known}, [_item(product) for product in contexts.get("product", [])])


def _item(product: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "item_id": text(first(product, "id")),
        "item_name": product.get("name"),
        **levels(first(product, "category")),
        "item_brand": product.get("brand"),
        "price": number(product.get("price")),
        "currency": product.get("currency"),
        "quantity": whole(product.get("quantity")),
    }


def _decoded(entry: Mapping[str, Any], plain: str, packed: str) -> Mapping[str, Any]:
    """Read a part that is JSON in a text, in base64 where it has the other name."""
    try:
        if isinstance(entry.get(plain), str):
            return obj(orjson.loads(entry[plain]))
        if isinstance(entry.get(packed), str):
            code = entry[packed]
            return obj(orjson.loads(base64.urlsafe_b64decode(code + "=" * (-len(code) % 4))))
    except (ValueError, binascii.Error):
        return {}
    return {}


def _name(schema: Any) -> str:
    """Give the name in an address such as ``iglu:vendor/name/jsonschema/1-0-0``."""
    parts = schema.split("/") if isinstance(schema, str) else []
    return parts[1] if len(parts) == 4 else ""
