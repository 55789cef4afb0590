"""Checked events as datums of ``shop_event``."""

from __future__ import annotations

import io
from typing import Any

import fastavro

from serving.collector.log import Event
from udfs.schemas import load, plain


class Encoder:
    """Encodes with the newest schema."""

    def __init__(self) -> None:
        self._parsed: Any = fastavro.parse_schema(plain(load("shop_event")))

    def datum(self, event: Event) -> bytes:
        """Encode an event; a field that it does not have gets its default."""
        out = io.BytesIO()
        fastavro.schemaless_writer(out, self._parsed, event)
        return out.getvalue()
