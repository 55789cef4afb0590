"""Segment: calls of its HTTP API (`track`, `page`, `screen`, or a batch of them) with the events of its e-commerce spec."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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
    "Products Searched": "search",
    "Product List Viewed": "view_item_list",
    "Product List Filtered": "view_item_list",
    "Promotion Viewed": "view_promotion",
    "Promotion Clicked": "select_promotion",
    "Product Clicked": "select_item",
    "Product Viewed": "view_item",
    "Product Added": "add_to_cart",
    "Product Removed": "remove_from_cart",
    "Cart Viewed": "view_cart",
    "Checkout Started": "begin_checkout",
    "Payment Info Entered": "add_payment_info",
    "Order Completed": "purchase",
    "Order Refunded": "refund",
    "Product Added to Wishlist": "add_to_wishlist",
}
"""The e-commerce spec's names; any other event is `other`."""
CALLS = ("track", "page", "screen")
CATEGORIES = {"analytics_storage": ("analytics", "performance"), "personalization_storage": ("personalization", "functional")}
"""Which of a consent manager's usual categories answer for which of Google's."""


def from_segment(body: Any, received: int, otherwise: Mapping[str, str]) -> Adapted:
    """Read a call or a batch; calls about users and groups (`identify`, `group`, `alias`) are no events and are passed over.

    Raises
    ------
    Unreadable
        It is neither.
    """
    document = obj(body)
    calls = document.get("batch", [document] if "type" in document else None)
    if not isinstance(calls, list):
        raise Unreadable("a Segment body has a list `batch`, or is a call with a `type`")
    events: list[dict[str, Any]] = []
    for call in calls:
        call = obj(call)
        if call.get("type") in CALLS or not call.get("type"):
            events += _events(call, obj(document.get("context")), received, otherwise)
    sent = milliseconds(first(document, "sentAt") or next((first(obj(call), "sentAt") for call in calls), None))
    return Adapted(events, sent if isinstance(sent, int) else None)


def _events(call: Mapping[str, Any], shared: Mapping[str, Any], received: int, otherwise: Mapping[str, str]) -> list[dict[str, Any]]:
    context, properties = {**shared, **obj(call.get("context"))}, obj(call.get("properties"))
    user = text(first(call, "userId", "anonymousId"))
    time = first(call, "originalTimestamp", "timestamp")
    base = {
        "event_id": text(first(call, "messageId") or content_id(user, time or received, call.get("event"), properties)),
        "user_id": user,
        "session_id": text(first(context, "sessionId") or first(properties, "session_id")),
        "event_name": NAMES.get(str(call.get("event")), "other") if call.get("type") == "track" else "page_view",
        "event_time": received if time is None else milliseconds(time),
        "currency": properties.get("currency"),
        "transaction_id": text(first(properties, "order_id")),
        "search_term": first(properties, "query"),
        "referrer": first(properties, "referrer") or obj(context.get("page")).get("referrer"),
        "recommendation_id": properties.get("recommendation_id"),
        **consent(_agreed(obj(obj(context.get("consent")).get("categoryPreferences"))), otherwise),
    }
    products = objects(properties.get("products")) or ([properties] if first(properties, "product_id", "sku") else [])
    return expand(base, [_item(product, properties) for product in products])


def _item(product: Mapping[str, Any], properties: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "item_id": text(first(product, "product_id", "sku")),
        "item_name": product.get("name"),
        **levels(first(product, "category")),
        "item_brand": product.get("brand"),
        "price": number(product.get("price")),
        "currency": first(product, "currency") or properties.get("currency"),
        "quantity": whole(product.get("quantity")),
        "recommendation_id": first(product, "recommendation_id") or properties.get("recommendation_id"),
        "recommendation_position": whole(first(product, "recommendation_position")),
    }


def _agreed(preferences: Mapping[str, Any]) -> dict[str, Any]:
    said = {name.lower(): value for name, value in preferences.items() if isinstance(value, bool)}
    return {ours: next((said[theirs] for theirs in names if theirs in said), None) for ours, names in CATEGORIES.items()}
