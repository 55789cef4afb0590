"""Google Analytics 4: bodies of the Measurement Protocol, and what a page pushes into its data layer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from serving.adapters.adapted import Adapted, Unreadable, consent, content_id, expand, first, number, obj, objects, text, whole

#: Fields of an item that have our names already.
SAME = ("item_name", "item_category", "item_category2", "item_category3", "item_brand")


def from_ga4(body: Any, received: int, otherwise: Mapping[str, str]) -> Adapted:
    """Read a body: ``{client_id | user_id, events: [{name, params}]}`` or ``[{event, ecommerce}]`` under `events`.

    An event has no id in GA4: it gets one from who, when and what, so that a body that is sent again is known again. Without
    `timestamp_micros` the time of receipt counts.

    Raises
    ------
    Unreadable
        There are no events in it.
    """
    document = obj(body)
    entries = document.get("events")
    if not isinstance(entries, list):
        raise Unreadable("a GA4 body has a list `events`")
    agreed = consent(obj(document.get("consent")), otherwise)
    user = text(first(document, "user_id", "client_id", "app_instance_id"))
    events: list[dict[str, Any]] = []
    for place, entry in enumerate(entries):
        entry = obj(entry)
        params = {**obj(entry.get("ecommerce")), **obj(entry.get("params"))}
        micros = whole(first(entry, "timestamp_micros") or first(params, "timestamp_micros") or first(document, "timestamp_micros"))
        name = first(entry, "name", "event")
        base = {
            "event_id": text(first(params, "event_id") or content_id(user, micros or received, place, name, params)),
            "user_id": user,
            "session_id": text(first(params, "session_id", "ga_session_id")),
            "event_name": name,
            "event_time": micros // 1000 if isinstance(micros, int) else received if micros is None else micros,
            "currency": params.get("currency"),
            "transaction_id": text(first(params, "transaction_id")),
            "search_term": params.get("search_term"),
            "engagement_ms": whole(first(params, "engagement_time_msec")),
            "referrer": params.get("page_referrer"),
            "recommendation_id": params.get("recommendation_id"),
            **agreed,
        }
        events += expand(base, [item_of(item, params) for item in objects(params.get("items"))])
    return Adapted(events)


def item_of(item: Mapping[str, Any], params: Mapping[str, Any]) -> dict[str, Any]:
    """Give the fields of an item; `index` counts from 1 in some shops and from 0 in others, so it is no position."""
    return {
        "item_id": text(first(item, "item_id", "id")),
        **{name: item[name] for name in SAME if item.get(name)},
        "price": number(item.get("price")),
        "currency": first(item, "currency") or params.get("currency"),
        "quantity": whole(item.get("quantity")),
        "recommendation_id": first(item, "recommendation_id") or params.get("recommendation_id"),
        "recommendation_position": whole(first(item, "recommendation_position")),
    }
