"""What a sequence model learns from: the beginning of a session, and the item that she turned to next."""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from udfs.profile import RING


class Steps(NamedTuple):
    """Steps of sessions.

    Attributes
    ----------
    sequence : i4[n, 12]
        Items that she had seen in the session, newest first, as a profile's item ring holds them: an item several times in a row once.
        -1: none, or one without a number.
    following : i4[n]
        The next item.
    """

    sequence: NDArray[np.int32]
    following: NDArray[np.int32]


def make_steps(items: NDArray[np.int32], ends: NDArray[np.int64]) -> Steps:
    """Make the steps of sessions: one for each click but the first, in the order of the clicks.

    Parameters
    ----------
    items : i4[m]
        Item of each click, -1 for one without a number.
    ends : i8[S]
        Where each session ends.

    Returns
    -------
    Steps
        Those that lead to an item with a number, from at least one.
    """
    sequence, following = _steps(np.ascontiguousarray(items, np.int32), np.ascontiguousarray(ends, np.int64))
    useful = (following >= 0) & (sequence >= 0).any(1)
    return Steps(sequence[useful], following[useful])


def join_steps(first: Steps, second: Steps) -> Steps:
    """Put steps behind each other."""
    return Steps(np.concatenate([first.sequence, second.sequence]), np.concatenate([first.following, second.following]))


def reverse(items: NDArray[np.int32], ends: NDArray[np.int64]) -> NDArray[np.int32]:
    """Turn every session round: what led to an item says about it what follows it does.

    Parameters
    ----------
    items : i4[m]
        Item of each click.
    ends : i8[S]
        Where each session ends.

    Returns
    -------
    i4[m]
    """
    lengths = np.diff(ends, prepend=0)
    within = np.arange(len(items)) - np.repeat(ends - lengths, lengths)
    turned: NDArray[np.int32] = items[np.repeat(ends, lengths) - 1 - within]
    return turned


@numba.njit(cache=True)
def _steps(items: Any, ends: Any) -> Any:
    count, start = 0, 0
    for end in ends:
        count += max(0, end - start - 1)
        start = end
    sequence = np.full((count, RING), -1, np.int32)
    following = np.empty(count, np.int32)
    row, start = 0, 0
    for end in ends:
        for at in range(start, end - 1):
            places, earlier = 0, at
            while earlier >= start and places < RING:
                if earlier == at or items[earlier] != items[earlier + 1]:
                    sequence[row, places] = items[earlier]
                    places += 1
                earlier -= 1
            following[row] = items[at + 1]
            row += 1
        start = end
    return sequence, following
