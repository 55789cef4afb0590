"""Events in the shapes of GA4, Segment and Snowplow become ours."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.adapters import ADAPTERS, Unreadable, from_ga4, from_segment, from_snowplow
from udfs.schemas import load

NOW = 1_714_564_800_000
GRANTED = {"analytics_storage": "GRANTED", "personalization_storage": "GRANTED"}
DENIED = {"analytics_storage": "DENIED", "personalization_storage": "DENIED"}
FIELDS = {field["name"] for field in load("shop_event")["fields"]}
PLUGIN = "iglu:com.snowplowanalytics.snowplow.ecommerce"

GA4 = {
    "client_id": "123.456",
    "timestamp_micros": "1714564799500000",
    "consent": {"analytics_storage": "granted", "personalization_storage": "GRANTED"},
    "events": [
        {
            "name": "purchase",
            "params": {
                "session_id": 77, "transaction_id": "T1", "currency": "EUR", "engagement_time_msec": "100",
                "items": [
                    {"item_id": "a", "item_name": "Tent", "item_category": "Camping", "item_category2": "Tents",
                     "price": "99.5", "quantity": 2},
                    {"item_id": "b", "price": 5, "currency": "USD", "recommendation_id": "r", "recommendation_position": 3},
                ],
            },
        },
        {"name": "search", "params": {"search_term": "pram"}},
        {"event": "view_item", "ecommerce": {"currency": "EUR", "items": [{"item_id": 7}]}},
    ],
}  # fmt: skip
SEGMENT_CALL = {
    "type": "track",
    "event": "Product Viewed",
    "messageId": "m1",
    "anonymousId": "anon",
    "originalTimestamp": "2024-05-01T11:59:59.250Z",
    "context": {"consent": {"categoryPreferences": {"Analytics": True, "Functional": False}}, "page": {"referrer": "https://x.example/"}},
    "properties": {"product_id": "p1", "name": "Pram", "category": "Baby/Prams", "brand": "B", "price": 199, "currency": "EUR"},
}


def snowplow_product(**fields: Any) -> dict[str, Any]:
    return {"schema": f"{PLUGIN}/product/jsonschema/1-0-0", "data": fields}


def packed(document: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(document).encode()).decode().rstrip("=")


def action(kind: str) -> dict[str, Any]:
    return {
        "schema": "iglu:x/unstruct_event/jsonschema/1-0-0",
        "data": {"schema": f"{PLUGIN}/snowplow_ecommerce_action/jsonschema/1-0-2", "data": {"type": kind}},
    }


def contexts(*entities: dict[str, Any]) -> dict[str, Any]:
    return {"schema": "iglu:x/contexts/jsonschema/1-0-0", "data": list(entities)}


def test_ga4() -> None:
    events = from_ga4(GA4, NOW, DENIED).events
    tent, other, search, view = events
    assert tent == {
        "event_id": tent["event_id"], "user_id": "123.456", "session_id": "77", "event_name": "purchase", "event_time": 1_714_564_799_500,
        "currency": "EUR", "transaction_id": "T1", "engagement_ms": 100, "item_id": "a", "item_name": "Tent", "item_category": "Camping",
        "item_category2": "Tents", "price": 99.5, "quantity": 2, **GRANTED,
    }  # fmt: skip
    assert (other["event_id"], other["currency"]) == (f"{tent['event_id']}#1", "USD")
    assert (other["recommendation_id"], other["recommendation_position"]) == ("r", 3)
    assert (search["event_name"], search["search_term"]) == ("search", "pram")
    assert "item_id" not in search
    assert (view["event_name"], view["item_id"], view["currency"]) == ("view_item", "7", "EUR")


def test_ga4_has_no_ids_so_they_come_from_the_content() -> None:
    ids = [[event["event_id"] for event in from_ga4(GA4, now, DENIED).events] for now in (NOW, NOW + 5)]
    assert ids[0] == ids[1]
    assert len(set(ids[0])) == len(ids[0])
    later = from_ga4({**GA4, "timestamp_micros": 1_714_564_799_600_000}, NOW, DENIED).events
    assert not {event["event_id"] for event in later} & set(ids[0])


def test_ga4_without_a_time_has_that_of_receipt() -> None:
    (event,) = from_ga4({"client_id": "c", "events": [{"name": "page_view"}]}, NOW, DENIED).events
    assert event["event_time"] == NOW


def test_segment() -> None:
    (event,) = from_segment(SEGMENT_CALL, NOW, GRANTED).events
    assert event == {
        "event_id": "m1", "user_id": "anon", "event_name": "view_item", "event_time": 1_714_564_799_250, "referrer": "https://x.example/",
        "item_id": "p1", "item_name": "Pram", "item_category": "Baby", "item_category2": "Prams", "item_brand": "B", "price": 199,
        "currency": "EUR",
        "analytics_storage": "GRANTED", "personalization_storage": "DENIED",
    }  # fmt: skip


def test_segment_batch() -> None:
    order = {"order_id": "o", "currency": "EUR", "products": [{"product_id": "a", "quantity": "2"}, {"sku": "b", "price": "3.5"}]}
    body = {
        "sentAt": "2024-05-01T12:00:00Z",
        "batch": [
            {"type": "track", "event": "Order Completed", "messageId": "m", "userId": "u", "properties": order},
            {"type": "page", "messageId": "n", "userId": "u", "name": "Home"},
            {"type": "identify", "messageId": "i", "userId": "u", "traits": {"email": "somebody"}},
            {"type": "track", "event": "Newsletter Closed", "messageId": "o", "userId": "u"},
            {"type": "track", "event": "Products Searched", "messageId": "q", "userId": "u", "properties": {"query": "tent"}},
        ],
    }
    adapted = from_segment(body, NOW, GRANTED)
    assert adapted.sent_at == NOW
    assert [(event["event_id"], event["event_name"]) for event in adapted.events] == [
        ("m", "purchase"), ("m#1", "purchase"), ("n", "page_view"), ("o", "other"), ("q", "search"),
    ]  # fmt: skip
    first, second, *_ = adapted.events
    assert (first["item_id"], first["quantity"], first["transaction_id"], second["item_id"], second["price"]) == ("a", 2, "o", "b", 3.5)
    assert adapted.events[4]["search_term"] == "tent"
    assert all(event["personalization_storage"] == "GRANTED" for event in adapted.events)


@pytest.mark.parametrize("in_base64", [False, True])
def test_snowplow_payload(in_base64: bool) -> None:
    event, entities = (
        action("add_to_cart"),
        contexts(snowplow_product(id="p", name="Pram", category="Baby/Prams", price=10.5, currency="EUR")),
    )
    data = {"e": "ue", "eid": "e1", "duid": "d", "sid": "s", "dtm": "1714564799000", "stm": "1714564800000", "refr": "https://x.example/"}
    data |= {"ue_px": packed(event), "cx": packed(entities)} if in_base64 else {"ue_pr": json.dumps(event), "co": json.dumps(entities)}
    adapted = from_snowplow({"schema": "iglu:x/payload_data/jsonschema/1-0-4", "data": [data]}, NOW, GRANTED)
    assert adapted.sent_at == NOW
    assert adapted.events == [
        {
            "event_id": "e1", "user_id": "d", "session_id": "s", "event_time": 1_714_564_799_000, "referrer": "https://x.example/",
            "event_name": "add_to_cart", "item_id": "p", "item_name": "Pram", "item_category": "Baby", "item_category2": "Prams",
            "price": 10.5, "currency": "EUR", **GRANTED,
        }
    ]  # fmt: skip


def test_snowplow_enriched() -> None:
    entry = {
        "event": "unstruct", "event_id": "e", "domain_userid": "d", "derived_tstamp": "2024-05-01T12:00:00.000Z", "geo_country": "DE",
        "unstruct_event_com_snowplowanalytics_snowplow_ecommerce_snowplow_ecommerce_action_1": {"type": "transaction"},
        "contexts_com_snowplowanalytics_snowplow_ecommerce_product_1": [{"id": "a", "quantity": 2}, {"id": "b"}],
        "contexts_com_snowplowanalytics_snowplow_ecommerce_transaction_1": [{"transaction_id": "T", "currency": "EUR"}],
    }  # fmt: skip
    first, second = from_snowplow(entry, NOW, DENIED).events
    assert (first["event_name"], first["item_id"], first["transaction_id"], first["currency"]) == ("purchase", "a", "T", "EUR")
    assert (first["event_time"], first["country"], first["quantity"]) == (NOW, "DE", 2)
    assert (second["event_id"], second["item_id"]) == ("e#1", "b")
    assert first["personalization_storage"] == "DENIED"


def test_snowplow_page_views() -> None:
    events = from_snowplow(
        [{"e": "pv", "eid": "1", "uid": "u"}, {"event": "page_view", "event_id": "2", "user_id": "u"}], NOW, DENIED
    ).events
    assert [event["event_name"] for event in events] == ["page_view", "page_view"]
    assert [event["event_time"] for event in events] == [NOW, NOW]


@pytest.mark.parametrize("shape", ADAPTERS)
def test_what_is_of_no_shape_is_unreadable(shape: str) -> None:
    nothing: list[Any] = [None, 3, "x", {}, {"events": 1, "batch": 1, "data": 1}]
    for body in nothing:
        with pytest.raises(Unreadable):
            ADAPTERS[shape](body, NOW, DENIED)


def test_fractions_of_a_second() -> None:
    times = {"2024-05-01T12:00:00.123456789Z": 123, "2024-05-01T12:00:00.5+00:00": 500, "2024-05-01 12:00:00": 0}
    for written, fraction in times.items():
        (event,) = from_segment({**SEGMENT_CALL, "originalTimestamp": written}, NOW, GRANTED).events
        assert event["event_time"] == NOW + fraction


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def shaken(draw: st.DrawFn, document: Any) -> Any:
    """The document, with anything in the place of some of its values."""
    if draw(st.integers(0, 7)) == 0:
        return draw(JSON)
    if isinstance(document, dict):
        return {key: shaken(draw, value) for key, value in document.items() if draw(st.integers(0, 9))}
    if isinstance(document, list):
        return [shaken(draw, value) for value in document]
    return document


@st.composite
def bodies(draw: st.DrawFn) -> tuple[str, Any]:
    tracked = {
        "e": "ue",
        "eid": "e",
        "uid": "u",
        "dtm": "1",
        "ue_pr": json.dumps(action("refund")),
        "co": json.dumps(contexts(snowplow_product(id=1))),
    }
    enriched = {"event": "x", "event_id": "e", "user_id": "u", "contexts_a_product_1": [{"id": "a", "category": "x/y"}]}
    shape, body = draw(
        st.sampled_from(
            [
                ("ga4", GA4),
                ("segment", SEGMENT_CALL),
                ("segment", {"batch": [SEGMENT_CALL]}),
                ("snowplow", {"data": [tracked]}),
                ("snowplow", [enriched]),
            ]
        )
    )
    return shape, shaken(draw, body)


@given(bodies())
def test_whatever_comes_is_events_or_unreadable(one: tuple[str, Any]) -> None:
    shape, body = one
    try:
        events = ADAPTERS[shape](body, NOW, DENIED).events
    except Unreadable:
        return
    for event in events:
        assert set(event) <= FIELDS
        assert {event["analytics_storage"], event["personalization_storage"]} <= {"GRANTED", "DENIED"}
