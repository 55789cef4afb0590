"""What is chosen of the scored candidates: best first, with diversity across categories.

Defined in docs/semantics.md, section "Score". What must not be shown at all (bought, just seen, out of stock) never becomes a candidate.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from udfs.candidates import Candidates

POSITION_BITS = 20


class Chosen(NamedTuple):
    """What R users get, N places each.

    Attributes
    ----------
    filled : i4[R]
        Places filled.
    position : i4[R, N]
        Positions among the candidates, best first, -1 where not filled.
    held_back : bool[R, N]
        Places filled after all others, because there was enough of their category.
    dropped : i8[1]
        Candidates dropped because their score is not finite.
    """

    filled: NDArray[np.int32]
    position: NDArray[np.int32]
    held_back: NDArray[np.bool_]
    dropped: NDArray[np.int64]


def most_of_a_category(top: int, percent: int = 100) -> int:
    """Give how many of N items may be of one category while there are others.

    Examples
    --------
    >>> most_of_a_category(20, 60)
    12
    """
    return max(1, top * percent // 100)


def choose(
    item_category: NDArray[np.uint32], found: Candidates, scores: NDArray[np.float32], rows: int, top: int, most: int | None = None
) -> Chosen:
    """Choose the items to show.

    Parameters
    ----------
    item_category : u4[I]
        Category of each item.
    found
        Candidates of R users.
    scores : f4[R * rows]
        Their scores, `rows` places a user.
    rows
        Rows a user.
    top
        N.
    most
        How many of them may be of one category while there are others; None: all.
    """
    users = len(found.filled)
    chosen = Chosen(np.zeros(users, np.int32), np.full((users, top), -1, np.int32), np.zeros((users, top), np.bool_), np.zeros(1, np.int64))
    _choose(item_category, found.item, found.filled, scores, rows, top if most is None else most, chosen)
    return chosen


@numba.njit(cache=True, nogil=True)
def _choose(item_category: Any, item: Any, counts: Any, scores: Any, rows: int, most: int, chosen: Any) -> None:
    heap = np.empty(item.shape[1], np.int64)
    left_out = np.empty(item.shape[1], np.int32)
    top = chosen.position.shape[1]
    categories = np.empty(top, np.uint32)
    bits = np.empty(1, np.float32)
    for r in range(len(counts)):
        size = 0
        for k in range(counts[r]):
            score = scores[r * rows + k]
            if not np.isfinite(score):
                chosen.dropped[0] += 1
                continue
            heap[size] = _key(score, k, bits)
            size += 1
        for start in range(size // 2 - 1, -1, -1):
            _sift_down(heap, start, size)
        count, held = 0, 0
        while size > 0 and count < top:
            best = np.int32(heap[0] & ((1 << POSITION_BITS) - 1))
            size -= 1
            heap[0] = heap[size]
            _sift_down(heap, 0, size)
            category = item_category[item[r, best]]
            same = 0
            for i in range(count):
                same += categories[i] == category
            if same >= most:
                left_out[held] = best
                held += 1
            else:
                categories[count] = category
                chosen.position[r, count] = best
                count += 1
        for i in range(min(held, top - count)):
            chosen.position[r, count + i] = left_out[i]
            chosen.held_back[r, count + i] = True
        chosen.filled[r] = min(top, count + held)


@numba.njit(cache=True, nogil=True)
def _key(score: Any, position: Any, bits: Any) -> Any:
    """Give a number whose ascending order is score descending, then position ascending."""
    bits[0] = score + np.float32(0.0)  # -0 becomes 0: they are equal
    raw = np.int64(bits.view(np.int32)[0])
    ascending = raw if raw >= 0 else -(raw & 0x7FFFFFFF)
    return (-ascending << POSITION_BITS) + position


@numba.njit(cache=True, nogil=True)
def _sift_down(heap: Any, at: int, size: int) -> None:
    moved = heap[at]
    while True:
        child = 2 * at + 1
        if child >= size:
            break
        if child + 1 < size and heap[child + 1] < heap[child]:
            child += 1
        if heap[child] >= moved:
            break
        heap[at] = heap[child]
        at = child
    heap[at] = moved
