"""What the job makes of a clustering: each shopper goes to the nearest centroid, so a cluster is served as its centroid."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

SMALLEST, LARGEST = 0.01, 0.6
"""Least and greatest share of the shoppers that a segment may hold."""
DIGITS = 6
Floats = NDArray[np.float64]
Labels = NDArray[np.int64]


def assign(rows: Floats, centroids: Floats) -> Labels:
    """Give each row its nearest centroid, as `udfs.segments.nearest` does: the lowest among equals.

    Parameters
    ----------
    rows : f8[n, d]
    centroids : f8[S, d]
        At least one.

    Returns
    -------
    i8[n]
    """
    nearest: Labels = cdist(rows, centroids, "sqeuclidean").argmin(1).astype(np.int64)
    return nearest


def centroids_of(rows: Floats, labels: Labels) -> Floats:
    """Compute the means of the clusters; noise (-1) belongs to none.

    Returns
    -------
    f8[S, d]
        Rounded to `DIGITS`, so that the last bits of a sum do not make another bundle.
    """
    count = int(labels.max(initial=-1)) + 1
    means = [rows[labels == number].mean(0) for number in range(count)]
    return np.round(np.array(means).reshape(count, rows.shape[1]), DIGITS)


def without_small(rows: Floats, centroids: Floats) -> Floats:
    """Leave out centroids, the smallest first, until each has its least share of the rows; what was theirs goes to their neighbours.

    Parameters
    ----------
    rows : f8[n, d]
        All rows, n > 0.
    centroids : f8[S, d]

    Returns
    -------
    f8[<= S, d]
    """
    while len(centroids):
        sizes = np.bincount(assign(rows, centroids), minlength=len(centroids))
        smallest = int(sizes.argmin())
        if sizes[smallest] >= SMALLEST * len(rows):
            break
        centroids = np.delete(centroids, smallest, 0)
    return centroids
