"""Compiled readers of the smallest parts of Avro data: numbers and texts (specification 1.12, "Binary Encoding")."""

# Compiled code: Numba's types are not those that mypy sees.
# mypy: disable-error-code="assignment, arg-type, return-value"

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from udfs.reasons import MALFORMED, TRUNCATED

ZERO, ONE, SEVEN, LOW, TOP = np.uint64(0), np.uint64(1), np.uint64(7), np.uint64(0x7F), np.uint64(63)
#: A byte below it is a whole number, or a character.
ONE_BYTE = np.uint8(0x80)


@njit(cache=True, nogil=True)
def read_number(data: NDArray[np.uint8], at: int, end: int) -> tuple[int, int]:
    """Read a zigzag varint; gives it and where it ends, or `-TRUNCATED`, or `-MALFORMED` if it has more than 64 bits."""
    if at >= end:
        return 0, -TRUNCATED
    byte = np.uint64(data[at])
    at += 1
    number = byte & LOW
    shift = ZERO
    while byte > LOW:
        if at >= end:
            return 0, -TRUNCATED
        byte = np.uint64(data[at])
        at += 1
        shift += SEVEN
        if shift == TOP and byte > ONE:
            return 0, -MALFORMED
        number |= (byte & LOW) << shift
    return np.int64(number >> ONE) ^ -np.int64(number & ONE), at


@njit(cache=True, nogil=True)
def is_utf8(data: NDArray[np.uint8], at: int, end: int) -> bool:
    """Whether bytes are UTF-8 as RFC 3629 has it: shortest forms, no surrogates, at most U+10FFFF."""
    while at < end:
        byte = data[at]
        at += 1
        if byte < 0x80:
            continue
        least, most = 0x80, 0xBF
        if 0xC2 <= byte <= 0xDF:
            more = 1
        elif 0xE0 <= byte <= 0xEF:
            more = 2
            if byte == 0xE0:
                least = 0xA0
            elif byte == 0xED:
                most = 0x9F
        elif 0xF0 <= byte <= 0xF4:
            more = 3
            if byte == 0xF0:
                least = 0x90
            elif byte == 0xF4:
                most = 0x8F
        else:
            return False
        if end - at < more:
            return False
        for _ in range(more):
            if data[at] < least or data[at] > most:
                return False
            least, most = 0x80, 0xBF
            at += 1
    return True
