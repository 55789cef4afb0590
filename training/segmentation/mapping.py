"""A map of the shoppers: the two directions in which their vectors differ most."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

POINTS, DIGITS = 1_000, 3
Floats = NDArray[np.float64]


def draw_map(rows: Floats, labels: NDArray[np.int64], centroids: Floats, seed: int) -> dict[str, Any]:
    """Project vectors onto their first two principal components.

    Parameters
    ----------
    rows : f8[n, d]
        Vectors, n > 0, d > 1.
    labels : i8[n]
        Segments.
    centroids : f8[S, d]
    seed
        Of the sample that is drawn.

    Returns
    -------
    dict
        `points` (x, y, segment) of at most `POINTS` rows, `centroids` (x, y), and `explained`, the two directions' share of the variance.

    Notes
    -----
    K. Pearson, "On lines and planes of closest fit to systems of points in space", Philosophical Magazine 2, 1901. The sign of a component
    is chance: the greatest of its weights is made positive.
    """
    middle = rows.mean(0)
    variances, directions = np.linalg.eigh(np.cov(rows - middle, rowvar=False))
    axes = directions[:, [-1, -2]]
    axes = axes * np.sign(axes[np.abs(axes).argmax(0), [0, 1]])
    total = float(np.maximum(variances, 0).sum())
    some = np.sort(np.random.default_rng(seed).choice(len(rows), min(POINTS, len(rows)), replace=False))
    places = np.round((rows[some] - middle) @ axes, DIGITS) + 0.0
    return {
        "points": [[x, y, label] for (x, y), label in zip(places.tolist(), labels[some].tolist())],
        "centroids": (np.round((centroids - middle) @ axes, DIGITS) + 0.0).tolist(),
        "explained": round(float(variances[-2:].sum()) / total, 4) if total > 0 else 0.0,
    }
