"""Segments that stay keep their number and their name from one bundle to the next."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from udfs.segments import SegmentModel

FAR = 0.35
"""Centroids further apart than this are not the same segment. Two segments with one category each are 1.4 apart."""


class Previous(NamedTuple):
    """The segments that serve now.

    Attributes
    ----------
    model
        Their centroids.
    names
        One each.
    """

    model: SegmentModel
    names: tuple[str, ...]


def match(new: SegmentModel, old: SegmentModel) -> dict[int, int]:
    """Find the old segment that each new one goes on from.

    Parameters
    ----------
    new, old
        Segments, perhaps over other categories: what both know is compared.

    Returns
    -------
    dict
        Old row by new row, without those that are too far from any.

    Notes
    -----
    The pairs with the least sum of distances: H. W. Kuhn, "The Hungarian method for the assignment problem", Naval Research Logistics
    Quarterly 2, 1955. A pair that is too far counts as just too far, so that it cannot push others apart.
    """
    common, of_new, of_old = np.intersect1d(new.categories, old.categories, return_indices=True)
    if not len(new.centroids) or not len(old.centroids):
        return {}
    if not len(common) and (len(new.categories) or len(old.categories)):
        return {}
    distances = cdist(_common(new, of_new), _common(old, of_old))
    rows, columns = linear_sum_assignment(np.minimum(distances, FAR))
    return {int(row): int(column) for row, column in zip(rows, columns) if distances[row, column] < FAR}


def keep_rows(new: SegmentModel, matched: dict[int, int]) -> tuple[NDArray[np.int64], dict[int, int]]:
    """Put matched segments into the rows that they had, and the others into the free ones.

    Parameters
    ----------
    new
        Segments, in the order in which free rows are filled.
    matched
        What `match` gave.

    Returns
    -------
    i8[S], dict
        The new row that goes to each place, and the old row of each place that goes on from one. An old row beyond the number of new
        segments cannot be kept: its segment gets a free one.
    """
    count = len(new.centroids)
    places = np.full(count, -1, np.int64)
    for row, old in matched.items():
        if old < count:
            places[old] = row
    placed = set(places[places >= 0].tolist())
    places[places < 0] = [row for row in range(count) if row not in placed]
    return places, {place: matched[row] for place, row in enumerate(places.tolist()) if row in matched}


def _common(model: SegmentModel, columns: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.hstack([model.centroids[:, columns], model.centroids[:, len(model.categories) :]])
