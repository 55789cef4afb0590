"""A first ranker: a small perceptron that tells what a user turns to next from what else she could have been shown."""

from __future__ import annotations

import warnings
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits

from training.ranker_file import Layer, export_mlp
from udfs.candidates import Quotas, find_candidates
from udfs.features import FEATURES, columns, compute_features
from udfs.tables import RankTables, item_slots

CANDIDATES, NEGATIVES = 100, 16
HIDDEN = (32, 16)
EPOCHS, BATCH, RATE, DECAY = 12, 256, 2e-3, 1e-4
LEAST_EXAMPLES = 50
PRIOR = {"similar_score": 3.0, "category_short": 2.0, "category_long": 1.0, "popularity": 1.0}


class Examples(NamedTuple):
    """Rows that a ranker learns from.

    Attributes
    ----------
    features : f4[n, F]
        In the order of `udfs.features.FEATURES`.
    chosen : bool[n]
        Whether she turned to that item.
    lists
        How many users' lists they come from.
    """

    features: NDArray[np.float32]
    chosen: NDArray[np.bool_]
    lists: int


def make_examples(tables: RankTables, profiles: NDArray[np.void], following: NDArray[np.uint64], seed: int) -> Examples:
    """Make examples from profiles and what came next.

    A list without the item that came next teaches nothing about order and is left out.

    Parameters
    ----------
    tables
        Tables from before the examples.
    profiles : PROFILE[n]
        As they were.
    following : u8[n]
        Hash of the item that each user turned to next.
    seed
        Which other candidates stand for all.
    """
    random = np.random.default_rng(seed)
    found = find_candidates(tables, item_slots(tables.item_hash), profiles, Quotas.of(CANDIDATES))
    rows = compute_features(tables, profiles, found, columns(FEATURES), CANDIDATES).reshape(len(profiles), CANDIDATES, len(FEATURES))
    right = (tables.item_hash[found.item] == following[:, None]) & (found.item >= 0)
    lists = np.flatnonzero(right.any(1))
    # Each list: the right item, then random others; places after the last candidate come out last and are cut off.
    lots = random.random((len(lists), CANDIDATES))
    lots[right[lists]] = -1.0
    lots[found.item[lists] < 0] = 2.0
    places = np.argsort(lots, 1)[:, : 1 + NEGATIVES]
    filled = np.take_along_axis(found.item[lists], places, 1) >= 0
    features = rows[lists[:, None], places]
    chosen = np.zeros(places.shape, np.bool_)
    chosen[:, 0] = True
    return Examples(features[filled], chosen[filled], len(lists))


def fit_ranker(examples: Examples, seed: int) -> bytes:
    """Fit the perceptron and write it as ONNX; with too few examples, a fixed sum of a few features instead.

    Parameters
    ----------
    examples
        What to learn.
    seed
        Of its first weights and the order of the examples.

    Returns
    -------
    bytes
        The ONNX file.
    """
    if examples.lists < LEAST_EXAMPLES:
        weights = np.array([[PRIOR.get(name, 0.0)] for name in FEATURES])
        return export_mlp([(weights, np.array([-2.0]))], FEATURES)
    mean, spread = examples.features.mean(0, dtype=np.float64), examples.features.std(0, dtype=np.float64)
    spread[spread < 1e-6] = 1.0
    perceptron = MLPClassifier(HIDDEN, alpha=DECAY, batch_size=BATCH, learning_rate_init=RATE, max_iter=EPOCHS, random_state=seed)
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore", ConvergenceWarning)  # it stops after some epochs, not when nothing changes
        perceptron.fit(((examples.features - mean) / spread).astype(np.float32), examples.chosen)
    layers: list[Layer] = [
        (w.astype(np.float64), b.astype(np.float64)) for w, b in zip(perceptron.coefs_, perceptron.intercepts_, strict=True)
    ]
    weights, biases = layers[0]
    # Standardised inputs become plain ones: w (x - m) / s + b = (w / s) x + (b - w m / s).
    layers[0] = (weights / spread[:, None], biases - (mean / spread) @ weights)
    return export_mlp(layers, FEATURES)
