"""Raw records: the records of a topic as a file keeps them, read in columns without looking into the values."""

# Compiled code: Numba's types are not those that mypy sees.
# mypy: disable-error-code="assignment, arg-type, return-value"

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from udfs.avro_bytes import read_number
from udfs.blocks import pack_block

COLUMNS = 9


@dataclass
class RawColumns:
    """Records of a topic, one list a column, in log order."""

    partition: list[int] = field(default_factory=list)
    offset: list[int] = field(default_factory=list)
    timestamp: list[int] = field(default_factory=list)
    key: list[bytes | None] = field(default_factory=list)
    value: list[bytes | None] = field(default_factory=list)
    headers: list[dict[str, bytes | None]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.offset)


def raw_times(body: bytes, count: int) -> NDArray[np.int64]:
    """Read the timestamps of a block's records.

    Parameters
    ----------
    body
        Datums of `raw_record`, decompressed.
    count
        How many there should be; where the bytes say otherwise, those that are whole count.
    """
    spans, _ = _walk(np.frombuffer(body, np.uint8), max(0, min(count, len(body))))
    times: NDArray[np.int64] = spans[:, 2]
    return times


def read_raw(body: bytes, count: int, into: RawColumns) -> int:
    """Append a block's records to columns.

    Returns
    -------
    int
        Where the last whole record ends: the length of `body`, if all is well.
    """
    spans, end = _walk(np.frombuffer(body, np.uint8), max(0, min(count, len(body))))
    for partition, offset, timestamp, key, key_end, value, value_end, headers, headers_end in spans.tolist():
        into.partition.append(partition)
        into.offset.append(offset)
        into.timestamp.append(timestamp)
        into.key.append(None if key < 0 else body[key:key_end])
        into.value.append(None if value < 0 else body[value:value_end])
        into.headers.append({} if headers_end - headers == 1 else _headers(body, headers))
    return int(end)


def pack_raw(records: RawColumns) -> list[tuple[int, bytes]]:
    """Encode records as blocks of ``raw_record``.

    Returns
    -------
    list of tuple of int and bytes
        A partition and its block, for each partition that there is.
    """
    by_partition: dict[int, list[dict[str, Any]]] = {}
    for values in zip(*vars(records).values(), strict=True):
        record = dict(zip(vars(records), values, strict=True))
        by_partition.setdefault(record["partition"], []).append(record)
    return [(partition, pack_block("raw_record", rows)) for partition, rows in by_partition.items()]


def _headers(body: bytes, at: int) -> dict[str, bytes | None]:
    from udfs.container import read_varint

    def text() -> bytes:
        nonlocal at
        size, at = read_varint(body, at)
        at += size
        return body[at - size : at]

    headers: dict[str, bytes | None] = {}
    while True:
        count, at = read_varint(body, at)
        if count == 0:
            return headers
        if count < 0:
            count, (_, at) = -count, read_varint(body, at)
        for _ in range(count):
            name = text().decode("utf-8", "replace")
            branch, at = read_varint(body, at)
            headers[name] = text() if branch else None


@njit(cache=True, nogil=True)
def _span(data: NDArray[np.uint8], at: int) -> tuple[int, int]:
    """Where the bytes that follow begin and end; the end is negative if they do not."""
    size, at = read_number(data, at, data.size)
    if at < 0 or size < 0 or size > data.size - at:
        return 0, -1
    return at, at + size


@njit(cache=True, nogil=True)
def _optional(data: NDArray[np.uint8], at: int) -> tuple[int, int, int]:
    """A union of null and bytes: begin (-1: null), end, and where to go on (negative: nowhere)."""
    branch, at = read_number(data, at, data.size)
    if at < 0 or branch < 0 or branch > 1:
        return 0, 0, -1
    if branch == 0:
        return -1, -1, at
    begin, end = _span(data, at)
    return begin, end, end


@njit(cache=True, nogil=True)
def _skip_headers(data: NDArray[np.uint8], at: int) -> int:
    while True:
        count, at = read_number(data, at, data.size)
        if at < 0 or count == 0:
            return at
        if count < 0:
            count = -count
            _, at = read_number(data, at, data.size)
            if at < 0:
                return -1
        for _ in range(count):
            _, at = _span(data, at)
            if at < 0:
                return -1
            _, _, at = _optional(data, at)
            if at < 0:
                return -1


@njit(cache=True, nogil=True)
def _walk(data: NDArray[np.uint8], count: int) -> tuple[NDArray[np.int64], int]:
    """Positions of each record's parts, up to the first that is not whole, and where the last whole one ends."""
    spans = np.empty((count, COLUMNS), np.int64)
    at = 0
    for row in range(count):
        here = at
        for column in range(3):
            spans[row, column], here = read_number(data, here, data.size)
            if here < 0:
                return spans[:row], at
        for column in (3, 5):
            spans[row, column], spans[row, column + 1], here = _optional(data, here)
            if here < 0:
                return spans[:row], at
        spans[row, 7] = here
        here = _skip_headers(data, here)
        if here < 0:
            return spans[:row], at
        spans[row, 8] = here
        at = here
    return spans, at
