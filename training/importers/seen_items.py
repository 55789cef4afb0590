"""A catalogue made from what events say about their items."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

COLUMNS = (
    "item_id", "title", "description", "item_category", "item_category2", "item_brand", "price", "currency", "in_stock", "created_at",
)  # fmt: skip
_KEPT = ("item_name", "item_category", "item_category2", "item_brand", "price", "currency")


class SeenItems:
    """Collects items: the latest thing said about each holds; it was created when it was first seen."""

    def __init__(self) -> None:
        self._items: dict[str, list[Any]] = {}

    def __len__(self) -> int:
        return len(self._items)

    def see(self, event: dict[str, Any]) -> None:
        """Take note of an event's item."""
        item, time = event.get("item_id"), event["event_time"]
        if not item:
            return
        known = self._items.get(item)
        if known is None:
            self._items[item] = [time, time, *(event.get(name) for name in _KEPT)]
            return
        known[0] = min(known[0], time)
        if time >= known[1]:
            known[1] = time
            for place, name in enumerate(_KEPT, 2):
                value = event.get(name)
                if value is not None:
                    known[place] = value

    def write(self, path: Path) -> None:
        """Write the catalogue as CSV; an item without a name is called by its brand, its category or its id."""
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(COLUMNS)
            for item, (created, _, name, category, category2, brand, price, currency) in sorted(self._items.items()):
                title = name or " ".join(part for part in (brand, category2 or category, item) if part)
                row = (item, title, "", category, category2, brand, price, currency, "true", created)
                writer.writerow(["" if value is None else value for value in row])
