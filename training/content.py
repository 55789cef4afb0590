"""Likeness of items by what they are: category, brand, price, words of the title. It speaks for items that nobody has looked at yet."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from scipy import sparse

from training.items import Items

KEEP, CHUNK, MOST_OF_A_TERM = 30, 1024, 1_000
LEAST = 0.05
PRICE_STEPS = 2.0
WORD = re.compile(r"\w{2,}")


def content_similarity(items: Items) -> Any:
    """Compare items by their terms.

    The cosine of TF-IDF vectors (G. Salton, C. Buckley, "Term-weighting approaches in automatic text retrieval", 1988) over the terms
    category, subcategory, brand, price level and the words of the title.

    Parameters
    ----------
    items
        Items; what is not known of them gives no term.

    Returns
    -------
    f8[I, I]
        Sparse: the nearest of each item.
    """
    terms = _terms(items)
    count = len(items.ids)
    if not terms.nnz:
        return sparse.csr_array((count, count), dtype=np.float64)
    frequency = np.bincount(terms.indices, minlength=terms.shape[1])
    weight = np.log((1.0 + count) / (1.0 + frequency))
    terms = sparse.csr_array(terms.multiply(weight[None, :]))
    length = np.sqrt(np.asarray(terms.multiply(terms).sum(axis=1)).ravel())
    terms = sparse.csr_array(sparse.diags_array(1.0 / np.where(length > 0, length, 1.0)) @ terms)
    # What a large part of the shop shares makes no two items near, and costs the most.
    telling = sparse.csr_array(terms[:, frequency <= MOST_OF_A_TERM])
    parts = [_nearest(telling[start : start + CHUNK] @ telling.T, start) for start in range(0, count, CHUNK)]
    return sparse.vstack(parts, format="csr")


def _nearest(cosine: Any, start: int) -> Any:
    rows, columns, values = [], [], []
    matrix = sparse.csr_array(cosine)
    for r in range(matrix.shape[0]):
        begin, end = matrix.indptr[r], matrix.indptr[r + 1]
        others, of = matrix.indices[begin:end], matrix.data[begin:end]
        kept = (others != start + r) & (of > LEAST)
        others, of = others[kept], of[kept]
        best = np.lexsort((others, -of))[:KEEP]
        rows.append(np.full(len(best), r))
        columns.append(others[best])
        values.append(of[best])
    found = sparse.coo_array((np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))), shape=matrix.shape).tocsr()
    found.sort_indices()
    return found


def _terms(items: Items) -> Any:
    number: dict[str, int] = {}
    rows: list[int] = []
    columns: list[int] = []
    for i, title in enumerate(items.titles):
        of = set(WORD.findall(title.lower()))
        if items.category[i]:
            of.add(f"category\x1f{items.category[i]}")
        if items.subcategory[i] >= 0:
            of.add(f"subcategory\x1f{items.subcategory[i]}")
        if items.brand[i] >= 0:
            of.add(f"brand\x1f{items.brand[i]}")
        if items.price[i] > 0:
            of.add(f"price\x1f{items.category[i]}\x1f{round(PRICE_STEPS * float(np.log1p(items.price[i])))}")
        for term in sorted(of):
            rows.append(i)
            columns.append(number.setdefault(term, len(number)))
    shape = (len(items.titles), max(1, len(number)))
    return sparse.coo_array((np.ones(len(rows)), (rows, columns)), shape=shape).tocsr()
