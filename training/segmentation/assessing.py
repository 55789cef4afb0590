"""How good a clustering is as it would be served: silhouette, stability, agreement with what the method found, sizes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist
from sklearn.metrics import adjusted_rand_score, silhouette_score

from training.segmentation.methods import Way, cluster
from training.segmentation.serving import LARGEST, assign, centroids_of, without_small

SAMPLE, RESAMPLES = 2_000, 5
"""Rows on which silhouette and stability are computed, and which the slower methods cluster; how often they are resampled."""
ALIKE = 0.01
"""Scores that differ by less are alike."""
DIGITS = 4
Floats = NDArray[np.float64]


@dataclass
class Candidate:
    """A clustering, as it would be served.

    Attributes
    ----------
    method, parameters
        How it was found.
    centroids : f8[S, d]
        What the job would know of it.
    sizes
        Rows by centroid.
    noise
        Share of the rows that the method put into no cluster.
    silhouette
        Mean over the sample, -1 to 1: how much nearer a row is to its own segment than to the next one.
    agreement
        Adjusted Rand index between what the method found (noise as a group of its own) and what is served.
    stability
        Mean adjusted Rand index between the segments of resamples, 1: always the same; 0: as by chance. None: it could not win any more.
    score
        silhouette (0 if below) * agreement * stability, each of which can spoil it.
    refused
        Why it may not be chosen.
    """

    method: str
    parameters: dict[str, float]
    centroids: Floats = field(repr=False)
    sizes: list[int]
    noise: float = 0.0
    silhouette: float | None = None
    agreement: float | None = None
    stability: float | None = None
    score: float | None = None
    refused: str | None = None

    @property
    def bound(self) -> float:
        """What the score comes to if it is perfectly stable."""
        return max(0.0, self.silhouette or 0.0) * max(0.0, self.agreement or 0.0)

    def as_json(self) -> dict[str, Any]:
        """Give it without its centroids."""
        return {"segments": len(self.sizes), **{name: value for name, value in asdict(self).items() if name != "centroids"}}


def assess(rows: Floats, sample: Floats, ways: Sequence[Way], seed: int) -> list[Candidate]:
    """Cluster rows in several ways, and assess what comes of each.

    Stability takes longest: it is measured of the best of each method and where it can still decide.

    Parameters
    ----------
    rows : f8[n, d]
        Vectors.
    sample : f8[m, d]
        Some of them.
    ways
        What to try.
    seed
        Of resamples and k-means.

    Returns
    -------
    list of Candidate
        One a way.
    """
    distances = cdist(sample, sample)
    candidates = [_served(rows, sample, distances, way, seed) for way in ways]
    usable = [place for place, candidate in enumerate(candidates) if len(candidate.sizes) > 1]
    usable = [place for place in usable if candidates[place].refused is None] or usable
    random = np.random.default_rng(seed)
    # Bootstrap draws, each row once: a row that is there twice would be a dense spot to the density methods.
    resamples = [sample[np.unique(random.integers(0, len(sample), len(sample)))] for _ in range(RESAMPLES)]
    best, seen = 0.0, set[str]()
    for place in sorted(usable, key=lambda place: -candidates[place].bound):
        candidate = candidates[place]
        if candidate.method in seen and candidate.bound < best - ALIKE:
            continue
        seen.add(candidate.method)
        stability = _stability(sample, resamples, ways[place], seed)
        candidate.stability = round(stability, DIGITS)
        candidate.score = round(candidate.bound * max(0.0, stability), DIGITS)
        best = max(best, candidate.score)
    return candidates


def _served(rows: Floats, sample: Floats, distances: Floats, way: Way, seed: int) -> Candidate:
    given = rows if way.wants_all else sample
    found = cluster(way, given, seed)
    centroids = without_small(rows, centroids_of(given, found))
    if len(centroids) < 2:
        return Candidate(way.method, way.parameters, centroids, [len(rows)] * len(centroids), refused="fewer than two segments")
    sizes = np.bincount(assign(rows, centroids), minlength=len(centroids))
    served, share = assign(sample, centroids), sizes.max() / len(rows)
    silhouette = silhouette_score(distances, served, metric="precomputed") if len(np.unique(served)) > 1 else 0.0
    return Candidate(
        method=way.method,
        parameters=way.parameters,
        centroids=centroids,
        sizes=sizes.tolist(),
        noise=round(float((found < 0).mean()), DIGITS),
        silhouette=round(float(silhouette), DIGITS),
        agreement=round(float(adjusted_rand_score(found, assign(given, centroids))), DIGITS),
        refused=f"one segment would hold {share:.0%} of the shoppers" if share > LARGEST else None,
    )


def _stability(sample: Floats, resamples: Sequence[Floats], way: Way, seed: int) -> float:
    """Cluster the resamples, put the same rows into the segments of each, and see how alike the segments are.

    The adjusted Rand index: L. Hubert, P. Arabie, "Comparing partitions", Journal of Classification 2, 1985; stability by bootstrap:
    C. Hennig, "Cluster-wise assessment of cluster stability", Computational Statistics & Data Analysis 52, 2007.
    """
    partitions = []
    for resample in resamples:
        centroids = without_small(resample, centroids_of(resample, cluster(way, resample, seed)))
        partitions.append(assign(sample, centroids) if len(centroids) else np.zeros(len(sample), np.int64))
    # Two partitions of one group each agree perfectly, but tell nothing.
    return float(np.mean([adjusted_rand_score(a, b) if a.any() or b.any() else 0.0 for a, b in combinations(partitions, 2)]))
