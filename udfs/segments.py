"""Segments: the nearest centroid of the bundle, and cold-start segments. Defined in `docs/semantics.md`, section "Segment"."""

from __future__ import annotations

import hashlib
import math
from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from udfs.profile import CATEGORIES
from udfs.windows import long_count, short_count

COLD_START = 1000
WARM_FROM = 5
BEHAVIOUR = 3
SHORT_WEIGHT, LONG_WEIGHT = 0.7, 0.3
_VIEWS, _CARTS, _PURCHASES = 2, 5, 8


class SegmentModel(NamedTuple):
    """The segments of a bundle.

    Attributes
    ----------
    categories : u4[C]
        Category hashes, ascending.
    centroids : f8[S, C + 3]
        One a segment, in the space of `vector`.
    """

    categories: NDArray[np.uint32]
    centroids: NDArray[np.float64]


def mark_of(model: SegmentModel) -> int:
    """Give the mark by which a profile knows whose segment it has; 0: a model without segments.

    Parameters
    ----------
    model
        The segments.
    """
    if not len(model.centroids):
        return 0
    parts = np.ascontiguousarray(model.categories, "<u4").tobytes() + np.ascontiguousarray(model.centroids, "<f8").tobytes()
    return int.from_bytes(hashlib.blake2b(parts, digest_size=4).digest(), "little") or 1


def no_segments() -> SegmentModel:
    """Make a model without segments: everybody stays in a cold-start segment."""
    return SegmentModel(np.zeros(0, np.uint32), np.zeros((0, BEHAVIOUR)))


@numba.njit(nogil=True, cache=True)
def vector(profile, categories, v):  # type: ignore[no-untyped-def]
    """Write the vector of a profile into `v` (f8[C + 3])."""
    v[:] = 0.0
    shorts, longs = 0, 0
    for k in range(CATEGORIES):
        shorts += short_count(profile.categories[k])
        longs += long_count(profile.categories[k])
    for k in range(CATEGORIES):
        category = profile.categories[k].category
        if category == 0:
            continue
        at = np.searchsorted(categories, category)
        if at == len(categories) or categories[at] != category:
            continue
        if shorts > 0:
            v[at] = SHORT_WEIGHT * (short_count(profile.categories[k]) / shorts) + LONG_WEIGHT * (long_count(profile.categories[k]) / longs)
        elif longs > 0:
            v[at] = long_count(profile.categories[k]) / longs
    at = len(categories)
    if profile.price_n > 0:
        v[at] = 0.1 * math.log(1.0 + profile.price_sum / profile.price_n)
    views, carts, purchases = int(profile.counts[_VIEWS]), int(profile.counts[_CARTS]), int(profile.counts[_PURCHASES])
    if views + carts > 0:
        v[at + 1] = 0.5 * (carts / (views + carts))
    if views + carts + purchases > 0:
        v[at + 2] = 0.5 * (purchases / (views + carts + purchases))


@numba.njit(nogil=True, cache=True)
def nearest(v, centroids):  # type: ignore[no-untyped-def]
    """Give the index of the nearest centroid, the lowest among equals."""
    best, least = 0, np.inf
    for s in range(len(centroids)):
        distance = 0.0
        for k in range(len(v)):
            distance += (v[k] - centroids[s, k]) * (v[k] - centroids[s, k])
        if distance < least:
            best, least = s, distance
    return best


@numba.njit(nogil=True, cache=True)
def choose(profile, categories, centroids, mark, v, moved):  # type: ignore[no-untyped-def]
    """Give the segment after an event; `moved`: this event shifted or adopted a focus."""
    if profile.n_events < WARM_FROM or len(centroids) == 0:
        return COLD_START + int(profile.device)
    if profile.segment < 0 or profile.segment >= COLD_START or moved or is_foreign(profile, mark):
        vector(profile, categories, v)
        return nearest(v, centroids)
    return int(profile.segment)


@numba.njit(nogil=True, cache=True)
def is_foreign(profile, mark):  # type: ignore[no-untyped-def]
    """Tell whether the segment of a profile is one of another model."""
    return 0 <= profile.segment < COLD_START and profile.segments_of != mark


@numba.njit(nogil=True, cache=True)
def put(profile, segment, mark):  # type: ignore[no-untyped-def]
    """Write a segment into a profile, and whose it is; a cold-start segment is nobody's."""
    profile.segment = segment
    profile.segments_of = mark if segment < COLD_START else 0


def choose_anew(profiles: NDArray[np.void], model: SegmentModel) -> None:
    """Put the users into a segment of this model who are in one of another.

    Parameters
    ----------
    profiles : PROFILE[R]
        Changed in place, and nothing but `segment` and `segments_of`.
    model
        The segments of the bundle that ranks them.
    """
    categories, centroids = np.ascontiguousarray(model.categories, np.uint32), np.ascontiguousarray(model.centroids, np.float64)
    _choose_anew(profiles, categories, centroids, np.uint32(mark_of(model)), np.zeros(centroids.shape[1]))


@numba.njit(nogil=True, cache=True)
def _choose_anew(profiles, categories, centroids, mark, v):  # type: ignore[no-untyped-def]
    for i in range(len(profiles)):
        if is_foreign(profiles[i], mark):
            put(profiles[i], choose(profiles[i], categories, centroids, mark, v, False), mark)


def profile_vectors(profiles: NDArray[np.void], categories: NDArray[np.uint32]) -> NDArray[np.float64]:
    """Give the vectors of many profiles, as the kernel sees them.

    Parameters
    ----------
    profiles : PROFILE[n]
    categories : u4[C]
        Ascending.

    Returns
    -------
    f8[n, C + 3]
    """
    vectors = np.zeros((len(profiles), len(categories) + BEHAVIOUR))
    _vectors(profiles, categories, vectors)
    return vectors


@numba.njit(nogil=True, cache=True)
def _vectors(profiles, categories, vectors):  # type: ignore[no-untyped-def]
    for i in range(len(profiles)):
        vector(profiles[i], categories, vectors[i])
