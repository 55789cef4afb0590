"""Item-to-item: what goes with an item, what follows it, and what is like it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from training.session_index import SessionIndex

KEEP, LISTED = 20, 45
FOLLOW_REACH, TOGETHER_REACH = 10, 30
PRIOR = 2.0
Matrix = Any


def association_rules(index: SessionIndex, items: int) -> Matrix:
    """Count how often two items occur in one session.

    Association rules of size two: R. Agrawal, T. Imieliński, A. Swami, "Mining association rules between sets of items in large
    databases", SIGMOD 1993. The confidence of x → y, drawn to 0 where x was seen seldom.

    Parameters
    ----------
    index
        Past sessions.
    items
        I.

    Returns
    -------
    f8[I, I]
        Sparse, 0 to about 1.
    """
    counts = _pairs(index, items, TOGETHER_REACH, lambda _: 1.0)
    return _confidence(counts + counts.T.tocsr(), index, items)


def sequential_rules(index: SessionIndex, items: int) -> Matrix:
    """Count how often one item follows another, less the further it does.

    Sequential rules: I. Kamehkhosh, D. Jannach, M. Ludewig, "A comparison of frequent pattern techniques and a deep learning method for
    session-based recommendation", RecTemp 2017. An item that follows itself counts too.

    Returns
    -------
    f8[I, I]
        Sparse, as of `association_rules`.
    """
    return _confidence(_pairs(index, items, FOLLOW_REACH, lambda distance: 1.0 / distance), index, items)


def merge_methods(
    methods: list[Matrix], near: NDArray[np.int32], blend: NDArray[np.float64]
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Merge the lists of several methods into one table.

    Parameters
    ----------
    methods
        Sparse f8[I, I] each, in the order of `udfs.tables.ITEM_METHODS`.
    near : i4[I, k]
        Items that shall be listed as well, with what the methods say of them.
    blend : f8[M]
        Weights that decide which are kept and which come first.

    Returns
    -------
    i4[I, n], f4[I, n, M]
        Neighbours, -1 where there are no more; the similarity by method.
    """
    items = len(near)
    table = np.full((items, LISTED), -1, np.int32)
    values = np.zeros((items, LISTED, len(methods)), np.float32)
    lists = [_best_of(matrix, KEEP) for matrix in methods]
    for x in range(items):
        # An item that follows itself stands in its own list.
        others = np.unique(np.concatenate([*(rows[x] for rows in lists), near[x]]))
        others = others[others >= 0]
        if not len(others):
            continue
        of = np.stack([_row(matrix, x, others) for matrix in methods], axis=1)
        strength = of @ (blend / np.array([max(1e-12, float(of[:, m].max())) for m in range(len(methods))]))
        best = np.lexsort((others, -strength))[:LISTED]
        table[x, : len(best)] = others[best]
        values[x, : len(best)] = of[best]
    return table, values


def _pairs(index: SessionIndex, items: int, reach: int, weight: Any) -> Matrix:
    session = np.repeat(np.arange(len(index.ends)), np.diff(index.ends, prepend=0))
    total = sparse.csr_array((items, items), dtype=np.float64)
    for distance in range(1, min(reach, len(session) - 1) + 1):
        same = session[distance:] == session[:-distance]
        if not same.any():
            break
        x, y = index.items[:-distance][same], index.items[distance:][same]
        total = total + sparse.coo_array((np.full(len(x), weight(distance)), (x, y)), shape=(items, items)).tocsr()
    return total


def _confidence(counts: Matrix, index: SessionIndex, items: int) -> Matrix:
    seen = np.bincount(index.items, minlength=items)
    matrix = sparse.csr_array(counts)
    matrix.data = matrix.data / np.repeat(seen + PRIOR, np.diff(matrix.indptr))
    matrix.sort_indices()
    return matrix


def _best_of(matrix: Matrix, keep: int) -> list[NDArray[np.int32]]:
    lists = []
    for x in range(matrix.shape[0]):
        begin, end = matrix.indptr[x], matrix.indptr[x + 1]
        others, values = matrix.indices[begin:end], matrix.data[begin:end]
        lists.append(others[np.lexsort((others, -values))[:keep]].astype(np.int32))
    return lists


def _row(matrix: Matrix, x: int, others: NDArray[np.int32]) -> NDArray[np.float64]:
    begin, end = matrix.indptr[x], matrix.indptr[x + 1]
    there = matrix.indices[begin:end]
    if not len(there):
        return np.zeros(len(others))
    at = np.minimum(np.searchsorted(there, others), len(there) - 1)
    return np.where(there[at] == others, matrix.data[begin:end][at], 0.0)
