"""Segments: k-means over the vectors of profiles, with names that people understand."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits

from udfs.segments import BEHAVIOUR, SegmentModel, no_segments, profile_vectors

CATEGORIES, SEGMENTS, PROFILES_A_SEGMENT = 64, 12, 20
DIGITS = 6
SECOND = 0.5
OFTEN = 1.5


def most_seen(categories: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Choose the categories of the vectors: the most frequent ones.

    Parameters
    ----------
    categories : u4[n]
        Of events; 0: none.

    Returns
    -------
    u4[C]
        Ascending.
    """
    names, counts = np.unique(categories[categories != 0], return_counts=True)
    return np.sort(names[np.lexsort((names, -counts))][:CATEGORIES]).astype(np.uint32)


def find_segments(profiles: NDArray[np.void], categories: NDArray[np.uint32], seed: int) -> SegmentModel:
    """Cluster profiles.

    Parameters
    ----------
    profiles : PROFILE[n]
        A sample.
    categories : u4[C]
        Ascending.
    seed
        Of k-means.
    """
    vectors = profile_vectors(profiles, categories)
    count = min(SEGMENTS, len(np.unique(vectors, axis=0)) // PROFILES_A_SEGMENT)
    if count < 1:
        return no_segments()
    with threadpool_limits(1):  # sums in one order, whatever the machine
        found = KMeans(count, n_init=3, random_state=seed).fit(vectors)
    centroids = np.round(found.cluster_centers_, DIGITS)
    # The largest first: their numbers are read by people.
    sizes = np.bincount(found.labels_, minlength=count)
    return SegmentModel(categories, np.ascontiguousarray(centroids[np.argsort(-sizes, kind="stable")]))


def name_segments(segments: SegmentModel, names: dict[int, str]) -> tuple[str, ...]:
    """Name the segments after their first categories; no two alike.

    Parameters
    ----------
    segments
        Centroids.
    names
        Names of categories by hash.
    """
    width = len(segments.categories)
    shares = segments.centroids[:, :width]
    bought = segments.centroids[:, width + BEHAVIOUR - 1]
    given: list[str] = []
    for s in range(len(segments.centroids)):
        order = np.argsort(-shares[s], kind="stable")
        first = [names.get(int(segments.categories[k]), "?") for k in order if shares[s, k] > 0]
        alone = len(first) < 2 or shares[s, order[1]] < SECOND * shares[s, order[0]]
        name = (first[0] if alone else f"{first[0]} & {first[1]}") if first else "everything"
        if bought[s] > OFTEN * max(1e-9, float(np.median(bought))) and bought[s] > 0:
            name = f"{name}, buyers"
        if name in given and len(first) > 1:
            name = f"{first[0]} & {first[1]}" if alone else name
        given.append(name if name not in given else f"{name} {1 + sum(other.startswith(name) for other in given)}")
    return tuple(given)
