"""Section "Ranking", tables: the files of a model bundle, read as plain lists."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from tests.oracle.segments import Segments

NONE = -1
TABLES = (
    "item_hash", "item_category", "item_subcategory", "item_brand", "in_stock", "log_price", "popularity", "category_popularity", "trend",
    "conversion", "is_new", "item_vectors", "neighbours", "similarity", "session_items", "session_ends", "session_weight", "item_sessions",
    "item_session_ends", "place_weights", "distance_weights", "blend", "quotas", "categories", "category_items", "segment_items",
    "trending", "new", "popular",
)  # fmt: skip


@dataclass(frozen=True)
class Bundle:
    """A bundle's folder; every table is read when it is first asked for."""

    folder: Path

    @cached_property
    def manifest(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads((self.folder / "manifest.json").read_text(encoding="utf-8"))
        return document

    @cached_property
    def tables(self) -> dict[str, list[Any]]:
        return {name: self.read(name) for name in TABLES}

    @cached_property
    def item_ids(self) -> list[str]:
        ends = self.read("item_id_ends")
        text = bytes(self.read("item_ids"))
        return [text[start:end].decode("utf-8") for start, end in zip([0, *ends][: len(ends)], ends, strict=True)]

    @cached_property
    def number_of(self) -> dict[int, int]:
        """The number of an item by its hash."""
        return {item_hash: number for number, item_hash in enumerate(self.tables["item_hash"])}

    @cached_property
    def segments(self) -> Segments:
        return Segments(tuple(self.read("segment_categories")), tuple(tuple(centroid) for centroid in self.read("centroids")))

    def part(self, table: str, ends: str, number: int) -> list[Any]:
        """Part `number` of a table of lists behind each other."""
        start = self.tables[ends][number - 1] if number else 0
        return self.tables[table][start : self.tables[ends][number]]

    def read(self, name: str) -> list[Any]:
        values: list[Any] = np.load(self.folder / f"{name}.npy").tolist()
        return values

    def segment_name(self, segment: int, devices: tuple[str, ...]) -> str:
        names = self.manifest["segments"]
        if 0 <= segment < len(names):
            return str(names[segment])
        if 1000 <= segment < 1000 + len(devices):
            return f"new:{devices[segment - 1000]}"
        return "unknown"

    def segment_row(self, segment: int) -> int:
        """The row of a segment in `segment_items`."""
        count = len(self.segments.centroids)
        if 0 <= segment < count:
            return segment
        return count + segment - 1000 if 1000 <= segment <= 1004 else count


def up_to_none(row: list[int]) -> list[int]:
    """A list of a table without its padding."""
    return row[: row.index(NONE)] if NONE in row else row
