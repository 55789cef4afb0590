"""Values that are no good events, each spoilt from a good one."""

from __future__ import annotations

import io
import math
from collections import Counter
from collections.abc import Callable
from typing import Any

import fastavro
import numpy as np

from udfs.schemas import load, plain

FRAMING = b"\x00\x00\x00\x00\x01"
CATALOG_FRAMING = b"\x00\x00\x00\x00\x02"
UNKNOWN_FRAMING = b"\x00\x00\x01\xf4\x07"
HUGE_BYTES, HUGE_AT_MOST = 5_000_000, 2
FAR_FUTURE, LONG_AGO = 4_102_444_800_000, 631_152_000_000  # 2100, 1990

Spoil = Callable[[bytes, np.random.Generator], bytes | None]


class Poisoner:
    """Makes poison, every kind as often as any other, but for the huge ones.

    Parameters
    ----------
    seed, partition
        The same give the same poison.
    huge
        How many of it may be too large.

    Attributes
    ----------
    made
        How many there were of each kind, by the reason that a dead letter gives.
    """

    def __init__(self, seed: int, partition: int, huge: int) -> None:
        self._random = np.random.default_rng([seed, 5, partition])
        self._huge = huge
        self._schema = fastavro.parse_schema(plain(load("shop_event")))
        self.made: Counter[str] = Counter()

    def spoil(self, datum: bytes) -> tuple[bytes | None, int | None]:
        """Spoil an event.

        Parameters
        ----------
        datum
            A good one, without framing.

        Returns
        -------
        bytes or None
            What stands in the log instead.
        int or None
            The time that it claims for itself, if that is what is wrong with it.
        """
        kind = KINDS[int(self._random.integers(len(KINDS)))]
        if kind == "too_large" and self.made[kind] == self._huge:
            kind = "truncated"
        self.made[kind] += 1
        if kind in RAW:
            return RAW[kind](datum, self._random), None
        event: Any = fastavro.schemaless_reader(io.BytesIO(datum), self._schema, None)
        event |= FIELDS[kind](self._random)
        out = io.BytesIO()
        fastavro.schemaless_writer(out, self._schema, event)
        return FRAMING + out.getvalue(), event["event_time"] if kind in ("time_in_future", "time_too_old") else None


def _random_bytes(datum: bytes, random: np.random.Generator) -> bytes:
    # A first byte of 0 could be taken for framing.
    return b"\x7b" + random.bytes(len(datum))


def _catalog_item(datum: bytes, random: np.random.Generator) -> bytes:  # noqa: ARG001 — one of several with this signature
    out = io.BytesIO()
    record = {"item_id": "i1", "title": "Somebody published it to the wrong topic"}
    fastavro.schemaless_writer(out, fastavro.parse_schema(load("catalog_item")), record)
    return CATALOG_FRAMING + out.getvalue()


def _bad_text(datum: bytes, random: np.random.Generator) -> bytes:  # noqa: ARG001
    # The first byte of the event's id; 0xff is in no UTF-8.
    return FRAMING + datum[:1] + b"\xff" + datum[2:]


RAW: dict[str, Spoil] = {
    "empty": lambda datum, random: None if random.random() < 0.5 else b"",  # noqa: ARG005
    "truncated": lambda datum, random: FRAMING + datum[: int(random.integers(1, len(datum)))],
    "bad_framing": _random_bytes,
    "unknown_schema": lambda datum, random: UNKNOWN_FRAMING + datum,  # noqa: ARG005
    "wrong_type": _catalog_item,
    "malformed": lambda datum, random: FRAMING + b"\xff" * 11 + datum[11:],  # noqa: ARG005 — a length of more than 64 bits
    "trailing_bytes": lambda datum, random: FRAMING + datum + random.bytes(3),
    "invalid_utf8": _bad_text,
    "too_large": lambda datum, random: FRAMING + datum + bytes(HUGE_BYTES - len(datum)),  # noqa: ARG005
}

FIELDS: dict[str, Callable[[np.random.Generator], dict[str, Any]]] = {
    "missing_event_id": lambda random: {"event_id": ""},  # noqa: ARG005
    "missing_user_id": lambda random: {"user_id": ""},  # noqa: ARG005
    "bad_price": lambda random: {"price": (-19.99, math.nan, math.inf)[int(random.integers(3))]},
    "time_in_future": lambda random: {"event_time": FAR_FUTURE + int(random.integers(1_000_000))},
    "time_too_old": lambda random: {"event_time": LONG_AGO + int(random.integers(1_000_000))},
}

KINDS = (*RAW, *FIELDS)
