"""Bytes written by compiled code: texts, decimals, numbers as Avro encodes them. Each function gives the position after what it wrote."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numba
import numpy as np
import orjson
from numpy.typing import NDArray

SCORE_UNITS = 10_000
SCORE_LIMIT = 999_999_999.0
QUOTE, BACKSLASH, CONTROLS = 0x22, 0x5C, 0x20


def as_array(data: bytes) -> NDArray[np.uint8]:
    """View bytes as an array (read-only)."""
    return np.frombuffer(data, np.uint8)


def spans(texts: Sequence[bytes]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Put texts behind each other.

    Returns
    -------
    u1[bytes], i8[n]
        The bytes, and where each text ends.
    """
    return as_array(b"".join(texts)), np.cumsum(np.fromiter(map(len, texts), np.int64, len(texts)))


def escape(data: NDArray[np.uint8], ends: NDArray[np.int64]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Escape texts for JSON, without quotes around them.

    Parameters
    ----------
    data : u1[bytes]
        UTF-8 texts behind each other.
    ends : i8[n]
        Where each ends.
    """
    if not np.any((data < CONTROLS) | (data == QUOTE) | (data == BACKSLASH)):
        return data, ends
    starts = [0, *ends[:-1].tolist()]
    return spans([orjson.dumps(bytes(data[a:b]).decode())[1:-1] for a, b in zip(starts, ends.tolist(), strict=True)])


@numba.njit(cache=True, nogil=True)
def put(out: Any, at: int, data: Any, start: int, end: int) -> int:
    """Write ``data[start:end]``."""
    for i in range(end - start):
        out[at + i] = data[start + i]
    return at + end - start


@numba.njit(cache=True, nogil=True)
def put_all(out: Any, at: int, data: Any) -> int:
    """Write all of a text."""
    return int(put(out, at, data, 0, len(data)))


@numba.njit(cache=True, nogil=True)
def put_decimal(out: Any, at: int, value: int) -> int:
    """Write an integer."""
    if value < 0:
        out[at] = 45
        at += 1
        value = -value
    digits = 1
    limit = 10
    while digits < 18 and value >= limit:
        digits += 1
        limit *= 10
    if value >= limit:
        digits += 1
    for i in range(digits - 1, -1, -1):
        out[at + i] = 48 + value % 10
        value //= 10
    return at + digits


@numba.njit(cache=True, nogil=True)
def put_score(out: Any, at: int, score: float) -> int:
    """Write a score with four decimals, rounded half up."""
    units = math.floor(min(max(score, -SCORE_LIMIT), SCORE_LIMIT) * SCORE_UNITS + 0.5)
    if units < 0:
        out[at] = 45
        at += 1
        units = -units
    at = put_decimal(out, at, units // SCORE_UNITS)
    out[at] = 46
    rest = units % SCORE_UNITS
    for i in range(4, 0, -1):
        out[at + i] = 48 + rest % 10
        rest //= 10
    return at + 5


@numba.njit(cache=True, nogil=True)
def put_long(out: Any, at: int, value: int) -> int:
    """Write an Avro int or long: zigzag, seven bits a byte."""
    rest = np.uint64((value << 1) ^ (value >> 63))
    while rest >= np.uint64(0x80):
        out[at] = np.uint8(rest & np.uint64(0x7F)) | np.uint8(0x80)
        rest >>= np.uint64(7)
        at += 1
    out[at] = np.uint8(rest)
    return at + 1


@numba.njit(cache=True, nogil=True)
def put_text(out: Any, at: int, data: Any, start: int, end: int) -> int:
    """Write an Avro string."""
    return int(put(out, put_long(out, at, end - start), data, start, end))
