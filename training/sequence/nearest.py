"""The items that a network puts first among all: candidates for a session, or, for a table, after a single item."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from training.sequence.network import Network, score_all, session_vectors
from udfs.profile import RING

SESSIONS_A_PART = 512


def top_items(network: Network, sequence: NDArray[np.int32], keep: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Find the items of the highest scores.

    Parameters
    ----------
    network
        The network.
    sequence : i4[n, 12]
        Item numbers, newest first, -1: none.
    keep
        n, items for each session.

    Returns
    -------
    i4[n, keep], f4[n, keep]
        Items, best first, and their scores; -1 and 0 where the network knows no more, or nothing of the session.
    """
    found = np.full((len(sequence), keep), -1, np.int32)
    kept = np.zeros(found.shape, np.float32)
    known = np.flatnonzero(network.items.any(1))
    keep = min(keep, len(known))
    with threadpool_limits(1):
        for start in range(0, len(sequence) if keep else 0, SESSIONS_A_PART):
            part = slice(start, start + SESSIONS_A_PART)
            scores = score_all(network, sequence[part])[:, known]
            best = np.argpartition(-scores, keep - 1, 1)[:, :keep]
            values = np.take_along_axis(scores, best, 1)
            order = np.lexsort((best, -values))
            some = session_vectors(network, sequence[part]).any(1, keepdims=True)
            found[part, :keep] = np.where(some, known[np.take_along_axis(best, order, 1)], -1)
            kept[part, :keep] = np.where(some, np.take_along_axis(values, order, 1), 0.0)
    return found, kept


def following_items(network: Network, keep: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Make a table of what follows each item, as if a session consisted of it alone.

    Parameters
    ----------
    network
        The network.
    keep
        n, items for each item.

    Returns
    -------
    i4[I, keep], f4[I, keep]
        Other items, best first, -1 where there are no more, and their scores.
    """
    count = len(network.items)
    alone = np.full((count, RING), -1, np.int32)
    alone[:, 0] = np.arange(count)
    items, kept = top_items(network, alone, keep + 1)
    # Where an item does not follow itself, the worst of all goes.
    itself = items == alone[:, :1]
    itself[~itself.any(1), -1] = True
    return items[~itself].reshape(count, keep), kept[~itself].reshape(count, keep)
