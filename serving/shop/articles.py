"""An article as others need it: the widget, the collector, a reader."""

from __future__ import annotations

import hashlib
from typing import Any

from serving.shop.catalogue import Item
from serving.shop.pictures import FOLDER

PICTURES = hashlib.sha256(b"".join(file.read_bytes() for file in sorted(FOLDER.glob("*.svg")))).hexdigest()[:8]
"""Changes when the drawings do."""


def details(item: Item) -> dict[str, Any]:
    """Give what the widget shows of an article."""
    return {
        "item_id": item.item_id,
        "title": item.name,
        "url": f"/shop/p/{item.item_id}",
        "image": picture_url(item),
        "price": item.price,
        "currency": item.currency,
        "brand": item.brand,
        "category": item.category,
    }


def facts(item: Item) -> dict[str, Any]:
    """Give the fields of an event that say which article it is about."""
    return {
        "item_id": item.item_id,
        "item_name": item.title,
        "item_category": item.category,
        "item_category2": item.subcategory or None,
        "item_brand": item.brand or None,
        "price": item.price,
        "currency": item.currency,
    }


def picture_url(item: Item) -> str:
    """Give the address of an article's picture, which is another one when the drawings are."""
    return f"/shop/picture/{item.item_id}.svg?v={PICTURES}"


def money(amount: float, currency: str = "EUR") -> str:
    """Write a price.

    Examples
    --------
    >>> money(1299.9)
    '€1,299.90'
    """
    sign = {"EUR": "€", "USD": "$", "GBP": "£"}.get(currency, f"{currency} ")
    return f"{sign}{amount:,.2f}"
