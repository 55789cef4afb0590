"""Item-to-item from what is looked at in the same visit."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

REACH = 8
BACKWARD = 0.5
SHRINK = 2.0


def find_neighbours(
    user: NDArray[np.int64], visit: NDArray[np.int64], item: NDArray[np.int64], weight: NDArray[np.float64], items: int, keep: int
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Find the items that follow an item in visits.

    The similarity of y to x is the cosine of "Amazon.com recommendations: item-to-item collaborative filtering" (Linden, Smith, York, 2003)
    over visits, where a pair counts 1 / distance, less if y came before x, and is shrunk where it was seen seldom.

    Parameters
    ----------
    user, visit, item : i8[n]
        Views in the order of users and time.
    weight : f8[n]
        How much seeing the item means.
    items
        I.
    keep
        n, the most neighbours of an item.

    Returns
    -------
    i4[I, n], f4[I, n]
        Neighbours, best first, -1 where there are no more, and their similarity.
    """
    total = sparse.csr_array((items, items), dtype=np.float64)
    for distance in range(1, min(REACH, len(item) - 1) + 1):
        first, second = slice(None, -distance), slice(distance, None)
        same = (user[first] == user[second]) & (visit[first] == visit[second]) & (item[first] != item[second])
        x, y = item[first][same], item[second][same]
        for a, b, part in ((x, y, weight[second][same]), (y, x, BACKWARD * weight[first][same])):
            total = total + sparse.coo_array((part / distance, (a, b)), shape=(items, items)).tocsr()
    seen = np.bincount(item, weights=weight, minlength=items)
    near = np.full((items, keep), -1, np.int32)
    similarity = np.zeros((items, keep), np.float32)
    for x in range(items):
        begin, end = total.indptr[x], total.indptr[x + 1]
        if begin == end:
            continue
        others, counts = total.indices[begin:end], total.data[begin:end]
        values = counts / np.sqrt(seen[x] * seen[others]) * (counts / (counts + SHRINK))
        best = np.lexsort((others, -values))[:keep]
        near[x, : len(best)], similarity[x, : len(best)] = others[best], values[best]
    return near, similarity
