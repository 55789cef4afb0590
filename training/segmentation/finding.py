"""Profiles → segments with names, and the report of how they were found and what marks them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from training.segmentation.assessing import SAMPLE, Candidate, assess
from training.segmentation.choosing import choose, explain
from training.segmentation.describing import describe, marks_of
from training.segmentation.mapping import draw_map
from training.segmentation.matching import Previous, keep_rows, match
from training.segmentation.methods import ways
from training.segmentation.naming import name_segments
from training.segmentation.serving import assign
from udfs.segments import SegmentModel, no_segments, profile_vectors

CATEGORIES, PROFILES_A_SEGMENT = 64, 20
FORMAT = 1


@dataclass(frozen=True)
class Segmentation:
    """Segments, named.

    Attributes
    ----------
    model
        Categories and centroids.
    names
        One a centroid, no two alike.
    report
        Ready for JSON: `format`, `profiles`, `seed`, `why`, `chosen`, `candidates`, `shop`, `segments`, `map`.
    """

    model: SegmentModel
    names: tuple[str, ...]
    report: dict[str, Any]


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


def segment(
    profiles: NDArray[np.void], categories: NDArray[np.uint32], names: Mapping[int, str], seed: int, previous: Previous | None = None
) -> Segmentation:
    """Find segments: cluster in several ways, take the best as it would be served, name what comes out.

    Parameters
    ----------
    profiles : PROFILE[n]
        A sample of shoppers, some 20 000 at most.
    categories : u4[C]
        Of the vectors, ascending; may be empty.
    names
        Names of categories by hash.
    seed
        The same profiles and seed, the same segments.
    previous
        The segments that serve now: those that stay keep their number and name.

    Returns
    -------
    Segmentation
        Without segments where there are too few profiles, or they are too much alike.
    """
    with threadpool_limits(1):  # sums in one order, whatever the machine
        vectors = profile_vectors(profiles, categories)
        candidates = _candidates(vectors, seed)
        chosen = choose(candidates)
        model = _largest_first(categories, chosen) if chosen else no_segments()
        kept: dict[int, int] = {}
        if previous is not None:
            places, kept = keep_rows(model, match(model, previous.model))
            model = SegmentModel(model.categories, np.ascontiguousarray(model.centroids[places]))
        labels = assign(vectors, model.centroids) if chosen else np.full(len(vectors), -1)
        shop, segments = describe(profiles, labels, model, names)
        given = name_segments(
            previous.names[kept[number]] if previous is not None and number in kept else marks_of(one)
            for number, one in enumerate(segments)
        )
        report = {
            "format": FORMAT,
            "profiles": len(profiles),
            "seed": seed,
            "why": explain(chosen, candidates),
            "chosen": candidates.index(chosen) if chosen else None,
            "candidates": [candidate.as_json() for candidate in candidates],
            "shop": shop,
            "segments": [
                {"id": number, "name": name, "before": kept.get(number), **one} for number, (name, one) in enumerate(zip(given, segments))
            ],
            "map": draw_map(vectors, labels, model.centroids, seed) if chosen else None,
        }
    return Segmentation(model, given, report)


def _candidates(vectors: NDArray[np.float64], seed: int) -> list[Candidate]:
    some = np.random.default_rng(seed).permutation(len(vectors))[:SAMPLE]
    sample = vectors[np.sort(some)]
    most = min(len(sample) // PROFILES_A_SEGMENT, len(np.unique(sample, axis=0)))
    return assess(vectors, sample, ways(most), seed) if most > 1 else []


def _largest_first(categories: NDArray[np.uint32], chosen: Candidate) -> SegmentModel:
    """Number the segments by size: the numbers are read by people."""
    order = np.argsort(-np.array(chosen.sizes), kind="stable")
    return SegmentModel(categories, np.ascontiguousarray(chosen.centroids[order]))
