"""Ways of clustering: k-means, agglomerative clustering (Ward), HDBSCAN and DBSCAN, each with some parameters."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from sklearn.cluster import DBSCAN, HDBSCAN, AgglomerativeClustering, KMeans

COUNTS = (3, 4, 6, 8, 10, 12, 16, 20, 24)
"""How many clusters the methods that want a number are asked for. More than two dozen nobody keeps apart."""
CLUSTER_SHARES = (0.01, 0.02, 0.05)
"""Least size of a cluster for HDBSCAN, as a share of the rows."""
RADII = (0.25, 0.5, 0.75)
"""Radius for DBSCAN, as a quantile of the distance to the neighbour that makes a row a core."""
CORE = 10
"""Neighbours that make a row a core."""
LEAST_CLUSTER = 5
STARTS = 3
KMEANS, AGGLOMERATIVE, HDBSCAN_, DBSCAN_ = "k-means", "agglomerative (Ward)", "HDBSCAN", "DBSCAN"
Floats = NDArray[np.float64]


class Way(NamedTuple):
    """A method with its parameter.

    Attributes
    ----------
    method
        Its name.
    parameters
        `clusters`, `least_share` or `radius_quantile`.
    """

    method: str
    parameters: dict[str, float]

    @property
    def wants_all(self) -> bool:
        """Whether it is quick enough for all rows; the others compare every row with every other."""
        return self.method == KMEANS


def ways(most: int) -> list[Way]:
    """List what is tried, the simplest method first.

    Parameters
    ----------
    most
        Greatest number of clusters that the rows can bear.
    """
    counts = [count for count in COUNTS if count <= most] or [2]
    return [
        *(Way(KMEANS, {"clusters": count}) for count in counts),
        *(Way(AGGLOMERATIVE, {"clusters": count}) for count in counts),
        *(Way(HDBSCAN_, {"least_share": share}) for share in CLUSTER_SHARES),
        *(Way(DBSCAN_, {"radius_quantile": radius}) for radius in RADII),
    ]


def cluster(way: Way, rows: Floats, seed: int) -> NDArray[np.int64]:
    """Cluster rows.

    Parameters
    ----------
    way
        Method and parameter.
    rows : f8[n, d]
        Vectors of profiles, without unit.
    seed
        Of k-means; the others leave nothing to chance.

    Returns
    -------
    i8[n]
        Clusters from 0; -1: noise, which only the density methods know.

    Notes
    -----
    k-means: S. Lloyd, "Least squares quantization in PCM", IEEE Trans. Inf. Theory 28, 1982, begun as D. Arthur and S. Vassilvitskii,
    "k-means++", SODA 2007. Agglomerative: J. H. Ward, JASA 58, 1963. HDBSCAN: R. Campello, D. Moulavi, J. Sander, PAKDD 2013.
    DBSCAN: M. Ester et al., KDD 1996; the radius comes from their sorted k-distance plot.
    """
    labels: NDArray[np.int64] = _estimator(way, rows, seed).fit_predict(rows).astype(np.int64)
    return labels


def _estimator(way: Way, rows: Floats, seed: int) -> Any:
    if "clusters" in way.parameters:
        count = min(int(way.parameters["clusters"]), len(np.unique(rows, axis=0)))
        return KMeans(count, n_init=STARTS, random_state=seed) if way.method == KMEANS else AgglomerativeClustering(count)
    if way.method == HDBSCAN_:
        least = max(LEAST_CLUSTER, int(way.parameters["least_share"] * len(rows)))
        return HDBSCAN(min_cluster_size=least, min_samples=LEAST_CLUSTER, copy=True)
    neighbours = min(CORE, len(rows) - 1)
    distance = cKDTree(rows).query(rows, k=[neighbours + 1])[0][:, 0]
    return DBSCAN(eps=max(1e-6, float(np.quantile(distance, way.parameters["radius_quantile"]))), min_samples=CORE)
