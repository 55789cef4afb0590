"""Blocks: some Avro datums behind each other with their count, ready to be appended to a container file or cut into messages."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

import fastavro

from udfs.schemas import load

COUNT_BYTES = 4


@cache
def _parsed(name: str) -> Any:
    return fastavro.parse_schema(load(name))


def pack_block(name: str, records: Iterable[Mapping[str, Any]]) -> bytes:
    """Encode records of one of our schemas.

    Parameters
    ----------
    name
        Schema name, like ``"segment_change"``.
    records
        The records as dictionaries.

    Returns
    -------
    bytes
        Their number (4 bytes, little-endian), then the datums.
    """
    body, schema, count = io.BytesIO(), _parsed(name), 0
    for record in records:
        fastavro.schemaless_writer(body, schema, record)
        count += 1
    return count.to_bytes(COUNT_BYTES, "little") + body.getvalue()


def unpack_block(block: bytes | memoryview) -> tuple[int, bytes]:
    """Split a block into the number of datums and their bytes."""
    return int.from_bytes(block[:COUNT_BYTES], "little"), bytes(block[COUNT_BYTES:])
