"""Tables of a bundle that candidates and features are read from; `models.bundle` fills them from files."""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from udfs.errors import SwerveError
from udfs.profile import RING
from udfs.segments import COLD_START

COLD_SEGMENTS = 5
#: Item-to-item methods, in the order of the columns of `similarity`.
ITEM_METHODS = ("association", "sequential", "content")
METHODS, QUOTAS = len(ITEM_METHODS), 8


class BundleError(SwerveError):
    """A bundle that does not keep the contract."""


class RankTables(NamedTuple):
    """Tables over the items 0..I-1; the section "Ranking" of docs/semantics.md says what each means.

    Attributes
    ----------
    item_ids : u1[bytes]
        UTF-8 of all item ids behind each other.
    item_id_ends : i8[I]
        Where each id ends.
    item_hash : u8[I]
    item_category : u4[I]
    item_subcategory, item_brand : i4[I]
    in_stock : u1[I]
    log_price, popularity, category_popularity, trend, conversion, is_new : f4[I]
    item_vectors : i1[I, d]
    neighbours : i4[I, n]
    similarity : f4[I, n, 3]
    session_items : i4[m]
    session_ends : i8[T]
    session_weight : f4[T]
    item_sessions : i4[q]
    item_session_ends : i8[I]
    place_weights : f8[12]
    distance_weights : f8[D]
    blend : f8[4]
    quotas : i4[8]
    categories : u4[L]
    category_items : i4[L, m]
    segment_items : i4[S + 5, m]
    trending, new, popular : i4[m]
    """

    item_ids: NDArray[np.uint8]
    item_id_ends: NDArray[np.int64]
    item_hash: NDArray[np.uint64]
    item_category: NDArray[np.uint32]
    item_subcategory: NDArray[np.int32]
    item_brand: NDArray[np.int32]
    in_stock: NDArray[np.uint8]
    log_price: NDArray[np.float32]
    popularity: NDArray[np.float32]
    category_popularity: NDArray[np.float32]
    trend: NDArray[np.float32]
    conversion: NDArray[np.float32]
    is_new: NDArray[np.float32]
    item_vectors: NDArray[np.int8]
    neighbours: NDArray[np.int32]
    similarity: NDArray[np.float32]
    session_items: NDArray[np.int32]
    session_ends: NDArray[np.int64]
    session_weight: NDArray[np.float32]
    item_sessions: NDArray[np.int32]
    item_session_ends: NDArray[np.int64]
    place_weights: NDArray[np.float64]
    distance_weights: NDArray[np.float64]
    blend: NDArray[np.float64]
    quotas: NDArray[np.int32]
    categories: NDArray[np.uint32]
    category_items: NDArray[np.int32]
    segment_items: NDArray[np.int32]
    trending: NDArray[np.int32]
    new: NDArray[np.int32]
    popular: NDArray[np.int32]

    def item_id(self, item: int) -> str:
        """Give the id of an item."""
        start = self.item_id_ends[item - 1] if item else 0
        return bytes(self.item_ids[start : self.item_id_ends[item]]).decode()


# dtype and shape; letters are sizes that must agree, None is free.
LAYOUT: dict[str, tuple[str, tuple[str | int | None, ...]]] = {
    "item_ids": ("u1", (None,)),
    "item_id_ends": ("i8", ("I",)),
    "item_hash": ("u8", ("I",)),
    "item_category": ("u4", ("I",)),
    "item_subcategory": ("i4", ("I",)),
    "item_brand": ("i4", ("I",)),
    "in_stock": ("u1", ("I",)),
    "log_price": ("f4", ("I",)),
    "popularity": ("f4", ("I",)),
    "category_popularity": ("f4", ("I",)),
    "trend": ("f4", ("I",)),
    "conversion": ("f4", ("I",)),
    "is_new": ("f4", ("I",)),
    "item_vectors": ("i1", ("I", None)),
    "neighbours": ("i4", ("I", "n")),
    "similarity": ("f4", ("I", "n", METHODS)),
    "session_items": ("i4", (None,)),
    "session_ends": ("i8", ("T",)),
    "session_weight": ("f4", ("T",)),
    "item_sessions": ("i4", (None,)),
    "item_session_ends": ("i8", ("I",)),
    "place_weights": ("f8", (RING,)),
    "distance_weights": ("f8", (None,)),
    "blend": ("f8", (1 + METHODS,)),
    "quotas": ("i4", (QUOTAS,)),
    "categories": ("u4", ("L",)),
    "category_items": ("i4", ("L", None)),
    "segment_items": ("i4", ("G", None)),
    "trending": ("i4", (None,)),
    "new": ("i4", (None,)),
    "popular": ("i4", (None,)),
}


def check_tables(tables: RankTables, segments: int) -> None:
    """Refuse tables that a kernel could not read safely.

    Parameters
    ----------
    tables
        The tables.
    segments
        Number of centroids.

    Raises
    ------
    BundleError
        A wrong type or shape, sizes that do not agree, an item number out of range, or two items with one hash.
    """
    sizes: dict[str, int] = {"G": segments + COLD_SEGMENTS}
    for name, (dtype, shape) in LAYOUT.items():
        table: NDArray[Any] = getattr(tables, name)
        if table.dtype != np.dtype(dtype) or table.ndim != len(shape):
            raise BundleError(f"table {name} is {table.dtype}{list(table.shape)}, expected {dtype} with {len(shape)} dimensions")
        for size, letter in zip(table.shape, shape, strict=True):
            if isinstance(letter, int) and size != letter:
                raise BundleError(f"table {name} has the shape {list(table.shape)}, expected {letter} where {size} is")
            if isinstance(letter, str) and sizes.setdefault(letter, size) != size:
                raise BundleError(f"table {name} has the shape {list(table.shape)}, but {letter} is {sizes[letter]}")
    items = sizes["I"]
    for name in ("neighbours", "category_items", "segment_items", "trending", "new", "popular"):
        numbers: NDArray[np.int32] = getattr(tables, name)
        if numbers.size and (numbers.min() < -1 or numbers.max() >= items):
            raise BundleError(f"table {name} names an item that is not there (0 to {items - 1} are)")
    _check_ranges("item_id_ends", tables.item_id_ends, "item_ids", tables.item_ids)
    _check_ranges("session_ends", tables.session_ends, "session_items", tables.session_items)
    _check_ranges("item_session_ends", tables.item_session_ends, "item_sessions", tables.item_sessions)
    _check_numbers("session_items", tables.session_items, items)
    _check_numbers("item_sessions", tables.item_sessions, len(tables.session_ends))
    _check_quotas(tables)
    if len(np.unique(tables.item_hash)) != items:
        raise BundleError("table item_hash has a value twice")
    if np.any(tables.categories[1:] <= tables.categories[:-1]):
        raise BundleError("table categories is not ascending")


def _check_ranges(name: str, ends: NDArray[np.int64], of: str, table: NDArray[Any]) -> None:
    if (len(ends) and (ends[0] < 0 or np.any(np.diff(ends) < 0))) or (ends[-1] if len(ends) else 0) != len(table):
        raise BundleError(f"table {name} does not fit {of}")


def _check_numbers(name: str, numbers: NDArray[np.int32], count: int) -> None:
    if numbers.size and (numbers.min() < 0 or numbers.max() >= count):
        raise BundleError(f"table {name} names something that is not there (0 to {count - 1} are)")


def _check_quotas(tables: RankTables) -> None:
    if np.any(tables.quotas < 0) or tables.quotas[1:].sum() > 100 or tables.quotas[0] > 1:
        raise BundleError(f"table quotas is {tables.quotas.tolist()}: 0 or 1, then percentages of at most 100 together")
    for name in ("place_weights", "distance_weights", "blend", "session_weight", "similarity"):
        numbers = getattr(tables, name)
        if not np.all(np.isfinite(numbers)) or np.any(numbers < 0):
            raise BundleError(f"table {name} has numbers that are negative or not finite")


def item_slots(item_hash: NDArray[np.uint64]) -> NDArray[np.int32]:
    """Build the hash table that `find_item` looks in.

    Parameters
    ----------
    item_hash : u8[I]
        Distinct hashes.

    Returns
    -------
    i4[2^k]
        Open addressing, at most half full; -1 is free.
    """
    slots = np.full(1 << max(3, (2 * len(item_hash)).bit_length()), -1, np.int32)
    _fill(slots, item_hash)
    return slots


@numba.njit(cache=True, nogil=True)
def _fill(slots: Any, item_hash: Any) -> None:
    mask = np.uint64(len(slots) - 1)
    for item in range(len(item_hash)):
        at = item_hash[item] & mask
        while slots[at] >= 0:
            at = (at + np.uint64(1)) & mask
        slots[at] = item


@numba.njit(cache=True, nogil=True)
def find_item(slots: Any, item_hash: Any, wanted: Any) -> int:
    """Find the number of an item by its hash; -1 if the bundle does not know it."""
    mask = np.uint64(len(slots) - 1)
    at = wanted & mask
    while slots[at] >= 0:
        if item_hash[slots[at]] == wanted:
            return int(slots[at])
        at = (at + np.uint64(1)) & mask
    return -1


@numba.njit(cache=True, nogil=True)
def find_category(categories: Any, wanted: Any) -> int:
    """Find the row of a category in an ascending table; -1 if it has none."""
    low, high = 0, len(categories)
    while low < high:
        middle = (low + high) >> 1
        if categories[middle] < wanted:
            low = middle + 1
        else:
            high = middle
    return low if low < len(categories) and categories[low] == wanted else -1


@numba.njit(cache=True, nogil=True)
def segment_row(segment: int, segments: int) -> int:
    """Give the row of a segment in `segment_items`; one that the bundle does not have counts as cold start."""
    if 0 <= segment < segments:
        return segment
    if COLD_START <= segment < COLD_START + COLD_SEGMENTS:
        return segments + segment - COLD_START
    return segments
