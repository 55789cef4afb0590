"""How stored profiles of older versions become those of the next one. What is written here about a version never changes."""

from __future__ import annotations

import struct

# Version 1: a header whose last numbers count the items, the bought and the seen ones; how many categories are used; then the rings.
_HEADER_1 = 138
_COUNTS_1 = struct.Struct("<II")
_ITEM_1, _BOUGHT_1, _CATEGORY_1 = 10, 4, 22
_RING_1, _BOUGHT_RING_1 = 12, 8


def from_version_1(record: bytes) -> bytes:
    """Make a version 2: the header gains `segments_of` and three estimates, each category its affinity; none of them is known.

    Parameters
    ----------
    record
        As it was stored. A damaged one stays damaged: who unpacks it sees that.
    """
    if len(record) <= _HEADER_1:
        return b"\2" + record[1:]
    items, bought = _COUNTS_1.unpack_from(record, _HEADER_1 - 12)
    at = _HEADER_1 + 1 + min(items, _RING_1) * _ITEM_1 + min(bought, _BOUGHT_RING_1) * _BOUGHT_1
    end = at + record[_HEADER_1] * _CATEGORY_1
    categories = [record[start : start + _CATEGORY_1] + b"\0" for start in range(at, end, _CATEGORY_1)]
    return b"".join([b"\2", record[1:_HEADER_1], bytes(16), record[_HEADER_1:at], *categories, record[end:]])
