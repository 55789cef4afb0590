"""Item embeddings: what is looked at in the same sessions lies close together."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.utils.extmath import randomized_svd
from threadpoolctl import threadpool_limits

from training.session_index import SessionIndex

DIMENSIONS, REACH, SMOOTHING, ITERATIONS = 24, 5, 0.75, 4
BYTE = 127


def embed_items(index: SessionIndex, items: int, seed: int) -> NDArray[np.int8]:
    """Embed items by what they occur with.

    The positive pointwise mutual information of pairs within a few clicks, factorised: O. Levy, Y. Goldberg, "Neural word embedding as
    implicit matrix factorization", NeurIPS 2014, with its smoothing of contexts.

    Parameters
    ----------
    index
        Past sessions.
    items
        I.
    seed
        Of the factorisation.

    Returns
    -------
    i1[I, d]
        Vectors of length 1 in units of 1 / 127; 0 for items that occur with none.
    """
    session = np.repeat(np.arange(len(index.ends)), np.diff(index.ends, prepend=0))
    together = sparse.csr_array((items, items), dtype=np.float64)
    for distance in range(1, min(REACH, len(session) - 1) + 1):
        first, second = index.items[:-distance], index.items[distance:]
        pair = (session[distance:] == session[:-distance]) & (first != second)
        x, y = first[pair], second[pair]
        part = sparse.coo_array((np.full(len(x), 1.0 / distance), (x, y)), shape=(items, items)).tocsr()
        together = together + part + part.T.tocsr()
    if together.nnz <= DIMENSIONS or items <= DIMENSIONS:
        return np.zeros((items, DIMENSIONS), np.int8)
    counts = together.tocoo()
    of_item = np.asarray(together.sum(axis=1)).ravel()
    context = of_item**SMOOTHING
    chance = of_item[counts.row] * context[counts.col] / context.sum()
    information = np.maximum(0.0, np.log(counts.data / chance))
    matrix = sparse.coo_array((information, (counts.row, counts.col)), shape=(items, items)).tocsr()
    with threadpool_limits(1):  # sums in one order, whatever the machine
        left, values, _ = randomized_svd(matrix, DIMENSIONS, n_iter=ITERATIONS, random_state=seed)
    vectors = left * np.sqrt(values)
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    # Beyond this many digits, the last bits of the factorisation would show.
    stored: NDArray[np.int8] = np.rint(BYTE * np.round(vectors / np.where(length > 1e-9, length, np.inf), 6)).astype(np.int8)
    return stored
