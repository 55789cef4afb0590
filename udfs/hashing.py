"""Hashes of texts: what items, categories, users and event ids are called inside the job.

Defined in `docs/semantics.md`, section "Hashes".
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numba import njit
from numpy.typing import NDArray

Text = str | bytes | None

FNV_OFFSET = np.uint64(0xCBF29CE484222325)
FNV_PRIME = np.uint64(0x100000001B3)
MIX_1 = np.uint64(0xFF51AFD7ED558CCD)
MIX_2 = np.uint64(0xC4CEB9FE1A85EC53)
SHIFT = np.uint64(33)
ONE = np.uint64(1)
CATEGORY_SHIFT = 32
EVENT_ID_SHIFT = 16


@njit(cache=True, nogil=True)
def finish(h: np.uint64) -> np.uint64:
    """Finalise an FNV-1a sum as MurmurHash3 does; never 0 (compiled)."""
    h ^= h >> SHIFT
    h *= MIX_1
    h ^= h >> SHIFT
    h *= MIX_2
    h ^= h >> SHIFT
    return h if h != np.uint64(0) else ONE


@njit(cache=True, nogil=True)
def hash_span(data: NDArray[np.uint8], start: int, end: int) -> np.uint64:
    """Hash ``data[start:end]``; 0 if that is empty (compiled).

    Parameters
    ----------
    data : u1[n]
        UTF-8 bytes.
    start, end
        Where the text lies.
    """
    if end <= start:
        return np.uint64(0)
    h = FNV_OFFSET
    for at in range(start, end):
        h = (h ^ np.uint64(data[at])) * FNV_PRIME
    return finish(h)


@njit(cache=True, nogil=True)
def _hash_spans(data: NDArray[np.uint8], ends: NDArray[np.int64]) -> NDArray[np.uint64]:
    hashes = np.empty(len(ends), np.uint64)
    start = 0
    for i in range(len(ends)):
        hashes[i] = hash_span(data, start, ends[i])
        start = ends[i]
    return hashes


def hash64(text: Text) -> int:
    """Hash a text: FNV-1a (Fowler, Noll, Vo; 64 bit) with the finaliser of MurmurHash3 (Appleby).

    Parameters
    ----------
    text
        A text, or its UTF-8 bytes.

    Returns
    -------
    int
        1 to 2^64 - 1; 0 for an absent or empty text.

    Examples
    --------
    >>> hex(hash64("u000123"))
    '0xb7ba771089febc5a'
    """
    return int(hash_many([text])[0])


def hash_many(texts: Iterable[Text]) -> NDArray[np.uint64]:
    """Hash several texts: `hash64` of each.

    Parameters
    ----------
    texts
        Texts, or their UTF-8 bytes; None and empty ones hash to 0.

    Returns
    -------
    u8[n]
        One hash for each text.
    """
    parts = [text.encode() if isinstance(text, str) else text or b"" for text in texts]
    ends = np.cumsum(np.fromiter(map(len, parts), np.int64, len(parts)), dtype=np.int64)
    hashes: NDArray[np.uint64] = _hash_spans(np.frombuffer(b"".join(parts), np.uint8), ends)
    return hashes


def item_hashes(items: Iterable[Text]) -> NDArray[np.uint64]:
    """Give what `EVENT.item` holds for item ids; u8[n], 0 for none."""
    return hash_many(items)


def category_hashes(categories: Iterable[Text]) -> NDArray[np.uint32]:
    """Give what `EVENT.category` holds for categories; u4[n], 0 for none."""
    hashes = hash_many(categories)
    return np.where(hashes == 0, 0, np.maximum(hashes >> np.uint64(CATEGORY_SHIFT), ONE)).astype(np.uint32)


def event_id_hashes(event_ids: Iterable[Text]) -> NDArray[np.uint64]:
    """Give what `EVENT.event_id` holds for event ids; u8[n] of 48 bits, 0 for none."""
    hashes = hash_many(event_ids)
    return np.where(hashes == 0, np.uint64(0), np.maximum(hashes >> np.uint64(EVENT_ID_SHIFT), ONE))


def buckets_of(users: Iterable[Text], buckets: int) -> NDArray[np.int32]:
    """Give the buckets of user ids; i4[n]."""
    return (hash_many(users) % np.uint64(buckets)).astype(np.int32)
