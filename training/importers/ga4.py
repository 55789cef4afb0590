"""Rows of Google Analytics 4 as BigQuery exports them: one event a row, its parameters a list of keys and values, its items a list."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from training.importers.reading import BadRow
from training.importers.values import event, event_name, milliseconds, price, required, whole

DEVICES = {"desktop": "desktop", "mobile": "mobile", "tablet": "tablet"}
ITEM_FIELDS = ("item_id", "item_name", "item_category", "item_category2", "item_category3", "item_brand")
UNSET = ("", "(not set)")


def row_events(line: int, row: list[str]) -> Iterator[dict[str, Any]]:  # noqa: ARG001 — all formats have this signature
    """Give the events of a row: one for each of its items, or one.

    The user is `user_id`, else `user_pseudo_id`. A row that was collected without consent for statistics is none of ours.

    Parameters
    ----------
    line
        Its place in the file.
    row
        The line, as its only field.

    Raises
    ------
    BadRow
        It is no event, or lacks what an event must have.
    """
    try:
        document = json.loads(row[0])
    except ValueError:
        raise BadRow("no JSON") from None
    if not isinstance(document, dict):
        raise BadRow("no JSON object")
    if str(_obj(document.get("privacy_info")).get("analytics_storage")).lower() == "no":
        raise BadRow("collected without consent")
    params = _params(document.get("event_params"))
    micros = required(_text(document.get("event_timestamp")), "event_timestamp")
    if not micros.isdecimal():
        raise BadRow(f"no event_timestamp in microseconds: {micros}")
    time = milliseconds(str(int(micros) // 1000))
    shared = {
        "session_id": _text(params.get("ga_session_id")) or None,
        "transaction_id": _text(_obj(document.get("ecommerce")).get("transaction_id") or params.get("transaction_id")) or None,
        "search_term": _text(params.get("search_term")) or None,
        "engagement_ms": whole(_text(params.get("engagement_time_msec"))),
        "referrer": _text(params.get("page_referrer")).partition("?")[0] or None,
        "currency": _text(params.get("currency")) or None,
        "device": DEVICES.get(_text(_obj(document.get("device")).get("category")), "unknown"),
    }
    user = required(_text(document.get("user_id")) or _text(document.get("user_pseudo_id")), "user_id or user_pseudo_id")
    name = event_name(_text(document.get("event_name")))
    items = document.get("items")
    for item in [_obj(one) for one in items] if isinstance(items, list) and items else [{}]:
        yield event(user, time, name, **{field: value for field, value in {**shared, **_item(item)}.items() if value is not None})


def _item(item: Mapping[str, Any]) -> dict[str, Any]:
    fields: dict[str, Any] = {name: _text(item.get(name)) or None for name in ITEM_FIELDS}
    return {**fields, "price": price(_text(item.get("price"))), "quantity": whole(_text(item.get("quantity")))}


def _params(given: Any) -> dict[str, Any]:
    """Lay the parameters out by key, each with whichever of its values is set."""
    found = {}
    for pair in given if isinstance(given, list) else ():
        values = _obj(_obj(pair).get("value"))
        value = next(
            (values[kind] for kind in ("string_value", "int_value", "double_value", "float_value") if values.get(kind) is not None), None
        )
        if value is not None:
            found[str(_obj(pair).get("key"))] = value
    return found


def _obj(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(value: Any) -> str:
    """Write a value as text, as BigQuery writes whole numbers; nothing for what it calls not set."""
    text = "" if value is None or isinstance(value, bool | list | dict) else str(value).strip()
    return "" if text in UNSET else text
