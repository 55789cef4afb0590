"""All items that a bundle shall know: those of the catalogue and those that events name."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.history import History, ItemTexts
from udfs.errors import SwerveError
from udfs.hashing import hash_many

CATALOGUE = "catalog.csv"
NEEDED = ("item_id",)


@dataclass
class Items:
    """Items in any order, each once.

    Attributes
    ----------
    ids
        Item ids.
    hash : u8[I]
    category : u4[I]
        Category hash, 0: none.
    subcategory, brand : i4[I]
        Numbers, -1: none.
    price : f8[I]
        0: not known.
    in_stock : bool[I]
    created_at : i8[I]
        In ms; 0: not known.
    titles
        Empty: not known.
    """

    ids: list[str]
    hash: NDArray[np.uint64]
    category: NDArray[np.uint32]
    subcategory: NDArray[np.int32]
    brand: NDArray[np.int32]
    price: NDArray[np.float64]
    in_stock: NDArray[np.bool_]
    created_at: NDArray[np.int64]
    titles: list[str]

    def ordered(self, order: NDArray[np.int64]) -> Items:
        """Give the items in another order."""
        names = ("hash", "category", "subcategory", "brand", "price", "in_stock", "created_at")
        columns: dict[str, Any] = {name: getattr(self, name)[order] for name in names}
        return Items([self.ids[i] for i in order.tolist()], **columns, titles=[self.titles[i] for i in order.tolist()])


def collect_items(archive: Path, history: History) -> tuple[Items, dict[int, str]]:
    """Collect the items of an archive.

    Parameters
    ----------
    archive
        The folder; `catalog.csv` in it is read if it is there, and wins over the events.
    history
        Its events. Only those that shall be known count.

    Returns
    -------
    Items, dict
        The items, and names of categories by hash.

    Raises
    ------
    SwerveError
        The catalogue is no table with a column `item_id`.
    """
    rows = _read_catalogue(archive / CATALOGUE)
    named = set(np.unique(history.events["item"]).tolist()) - {0}
    known = set(hash_many([row["item_id"] for row in rows]).tolist())
    prices = _last_prices(history)
    for item in sorted(named - known):
        texts: ItemTexts = history.items[item]
        rows.append(
            {
                "item_id": texts.item_id,
                "item_category": texts.category,
                "item_category2": texts.subcategory,
                "item_brand": texts.brand,
                "title": texts.title,
                "price": str(prices.get(item, 0.0)),
            }
        )
    categories = [row.get("item_category") or "" for row in rows]
    hashes = (hash_many(categories) >> np.uint64(32)).astype(np.uint32)
    hashes = np.where((hashes == 0) & np.array([bool(name) for name in categories], np.bool_), np.uint32(1), hashes).astype(np.uint32)
    items = Items(
        ids=[row["item_id"] for row in rows],
        hash=hash_many([row["item_id"] for row in rows]),
        category=hashes,
        subcategory=_numbers(
            [f"{row.get('item_category') or ''}\x1f{row['item_category2']}" if row.get("item_category2") else "" for row in rows]
        ),
        brand=_numbers([row.get("item_brand") or "" for row in rows]),
        price=np.array([_number(row.get("price")) for row in rows]),
        in_stock=np.array([(row.get("in_stock") or "true").strip().lower() not in ("false", "0", "no") for row in rows], np.bool_),
        created_at=np.array([int(_number(row.get("created_at"))) for row in rows], np.int64),
        titles=[row.get("title") or "" for row in rows],
    )
    names = {**history.categories, **dict(zip(hashes.tolist(), categories, strict=True))}
    return items, {category: name for category, name in names.items() if category}


def _read_catalogue(path: Path) -> list[dict[str, str]]:
    if not path.exists():
        return []
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file, restval="")
            if "item_id" not in (reader.fieldnames or ()):
                raise SwerveError(f"{path} has no column item_id")
            rows = {row["item_id"]: {key: value for key, value in row.items() if key} for row in reader if row["item_id"]}
    except (UnicodeDecodeError, csv.Error) as error:
        raise SwerveError(f"{path} is not a CSV table: {error}") from None
    return list(rows.values())


def _last_prices(history: History) -> dict[int, float]:
    events = history.events[(history.events["price"] > 0) & (history.events["item"] != 0)]
    return dict(zip(events["item"].tolist(), events["price"].tolist(), strict=True))


def _numbers(texts: Sequence[str]) -> NDArray[np.int32]:
    """Number the texts in the order they first come; an empty one is -1."""
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(text, len(numbers)) if text else -1 for text in texts], np.int32)


def _number(text: str | None) -> float:
    try:
        value = float(text or 0)
    except ValueError:
        return 0.0
    return value if np.isfinite(value) and value > 0 else 0.0
