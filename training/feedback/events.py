"""Events that tell what became of a recommendation, in columns."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fastavro
import numpy as np
import polars as pl
from numpy.typing import NDArray

from training.decoding import decode_archive
from udfs.archive_records import UNDECODABLE
from udfs.decode import Decoded, Decoder
from udfs.events import KIND
from udfs.schemas import LocalSchemas, load, plain

TEXTS = ("user_id", "item_id", "recommendation_id")
CLICKS = (KIND["select_item"], KIND["view_item"])
CART, PURCHASE, EXPOSURE = KIND["add_to_cart"], KIND["purchase"], KIND["view_item_list"]
ANALYTICS = "analytics_storage"
POSITION = "recommendation_position"
SCHEMA = {
    "event_id": pl.UInt64, "kind": pl.UInt8, "event_time": pl.Int64, "user_id": pl.String, "item_id": pl.String,
    "recommendation_id": pl.String, "position": pl.Int32, "value": pl.Float64,
}  # fmt: skip

Progress = Callable[[int, int], None]


@dataclass
class Reactions:
    """What shoppers did.

    Attributes
    ----------
    events : DataFrame
        Clicks, carts, purchases, and lists that were seen with a recommendation's id: columns `SCHEMA`, `value` being price * quantity; in
        order of time; no event twice.
    read, rejects
        Events of every kind, and values that are none.
    denied : set of str
        Shoppers with an event that may not be used for statistics.
    """

    events: pl.DataFrame
    read: int
    rejects: int
    denied: set[str]


def read_reactions(archive: Path, progress: Progress | None = None) -> Reactions:
    """Read an archive.

    Parameters
    ----------
    archive
        The folder.
    progress
        Called with events read and to read.

    Raises
    ------
    udfs.archive.ArchiveError
        It cannot be read.
    """
    decoder = Decoder(LocalSchemas(), keep=TEXTS, consent=ANALYTICS)
    positions = _Positions()
    frames, denied = [pl.DataFrame(schema=SCHEMA)], set[str]()
    read = rejects = 0
    for data, decoded, lost in decode_archive(archive, decoder, progress):
        schemas: Any = [value[:5] if value else b"" for value in data.raw.value] if data.kind == "raw" else data.schema
        read += int(decoded.good.sum())
        rejects += lost
        denied |= _denied(decoded)
        rows = _telling(decoded)
        frames.append(_frame(decoded, rows, positions.of(decoded, rows, schemas)))
    events = pl.concat(frames).unique("event_id", keep="first", maintain_order=True).sort("event_time", maintain_order=True)
    return Reactions(events, read, rejects, denied)


def _denied(decoded: Decoded) -> set[str]:
    rows = np.flatnonzero(decoded.good & ~decoded.granted)
    _, first = np.unique(decoded.users[rows], return_index=True)
    return {str(user) for user in decoded.strings("user_id", rows[first])}


def _telling(decoded: Decoded) -> NDArray[np.int64]:
    """Rows that can tell something; a list that was seen only if it says which recommendation it was."""
    kind = decoded.events["kind"]
    from_list = decoded.spans[:, TEXTS.index("recommendation_id"), 0] >= 0
    about = (np.isin(kind, (*CLICKS, CART, PURCHASE)) & (decoded.events["item"] != 0)) | ((kind == EXPOSURE) & from_list)
    return np.flatnonzero(decoded.good & decoded.granted & about)


def _frame(decoded: Decoded, rows: NDArray[np.int64], positions: list[int | None]) -> pl.DataFrame:
    events = decoded.events[rows]
    columns: dict[str, Any] = {
        "event_id": events["event_id"],
        "kind": events["kind"],
        "event_time": events["event_time"],
        **{name: decoded.strings(name, rows) for name in TEXTS},
        "position": positions,
        "value": events["price"] * events["quantity"],
    }
    return pl.DataFrame({name: pl.Series(name, columns[name], kind) for name, kind in SCHEMA.items()})


class _Positions:
    """Reads the positions of events that have a recommendation's id: few, so one at a time."""

    def __init__(self) -> None:
        ours = plain(load("shop_event"))
        self._ours = fastavro.parse_schema({**ours, "fields": [field for field in ours["fields"] if field["name"] == POSITION]})
        self._writers: dict[Any, Any] = {}
        self._store = LocalSchemas()

    def of(self, decoded: Decoded, rows: NDArray[np.int64], schemas: Any) -> list[int | None]:
        """Give the positions of some rows.

        Parameters
        ----------
        decoded, rows
            What was read, and which of it.
        schemas
            Framing of each row, or the one writer schema of all.
        """
        from_list = decoded.spans[rows, TEXTS.index("recommendation_id"), 0] >= 0
        found: list[int | None] = [None] * len(rows)
        data = memoryview(decoded.data)  # type: ignore[arg-type]
        for place in np.flatnonzero(from_list).tolist():
            row = int(rows[place])
            writer = self._writer(schemas[row] if isinstance(schemas, list) else schemas)
            try:
                record: Any = fastavro.schemaless_reader(io.BytesIO(data[decoded.starts[row] : decoded.ends[row]]), writer, self._ours)
            except UNDECODABLE:
                continue
            found[place] = record[POSITION]
        return found

    def _writer(self, schema: Any) -> Any:
        key = schema if isinstance(schema, bytes) else repr(schema)
        if key not in self._writers:
            known = self._store.get(int.from_bytes(schema[1:], "big")) if isinstance(schema, bytes) else schema
            self._writers[key] = fastavro.parse_schema(plain(known))
        return self._writers[key]
