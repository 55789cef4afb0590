"""The head: a perceptron that weighs the network's score with the other features of a candidate."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits

from training.rankers.onnx_file import Layer, scaled
from training.sequence.graph import export_sequence_ranker
from training.sequence.network import Network, sequence_scores

HIDDEN = (32, 16)
EPOCHS, BATCH, RATE, DECAY = 8, 512, 1e-3, 1e-4
OTHERS = 0.3  # of a user's other candidates are learnt from
LEAST_SPREAD = 1e-6


class Choices(NamedTuple):
    """What n users could have been shown, and what they turned to.

    Attributes
    ----------
    features : f4[n, K, F]
        Zeros where there is no candidate.
    items : i4[n, K]
        Candidates, -1: none.
    sequence : i4[n, 12]
        Items of the session until then, newest first, -1: none.
    chosen : bool[n, K]
        The item that she turned to. Users without any teach nothing about order and are left out.
    """

    features: NDArray[np.float32]
    items: NDArray[np.int32]
    sequence: NDArray[np.int32]
    chosen: NDArray[np.bool_]


def fit_head(network: Network, choices: Choices, seed: int) -> list[Layer]:
    """Fit the head.

    Parameters
    ----------
    network
        One that has not seen the choices: its score must be worth to the head what it will be worth later.
    choices
        From after the network's sessions.
    seed
        Of the first weights, and of what is learnt from.

    Returns
    -------
    list of Layer
        For the F features and the score, as they are: standardisation is part of the first layer.

    Raises
    ------
    ValueError
        Nobody turned to any of her candidates.
    """
    taught = choices.chosen.any(1)
    if not taught.any():
        raise ValueError("nobody turned to one of her candidates")
    items, chosen = choices.items[taught], choices.chosen[taught]
    scores = sequence_scores(network, choices.sequence[taught], items)
    use = (items >= 0) & (chosen | (np.random.default_rng(seed).random(items.shape) < OTHERS))
    rows = np.concatenate([choices.features[taught][use], scores[use][:, None]], 1)
    mean, spread = rows.mean(0, dtype=np.float64), rows.std(0, dtype=np.float64)
    spread[spread < LEAST_SPREAD] = 1.0
    perceptron = MLPClassifier(
        HIDDEN, alpha=DECAY, batch_size=min(BATCH, len(rows)), learning_rate_init=RATE, max_iter=EPOCHS, random_state=seed
    )
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore", ConvergenceWarning)  # it stops after some epochs, not when nothing changes
        perceptron.fit(((rows - mean) / spread).astype(np.float32), chosen[use])
    layers: list[Layer] = [
        (w.astype(np.float64), b.astype(np.float64)) for w, b in zip(perceptron.coefs_, perceptron.intercepts_, strict=True)
    ]
    weights, biases = layers[0]
    # Standardised inputs become plain ones: w (x - m) / s + b = (w / s) x + (b - w m / s).
    layers[0] = (weights / spread[:, None], biases - (mean / spread) @ weights)
    return layers


def fit_sequence_ranker(earlier: Network, network: Network, choices: Choices, features: Sequence[str], seed: int) -> bytes:
    """Fit the head beside a network that has not seen the choices, and write it with the one that shall serve.

    Parameters
    ----------
    earlier
        Fitted to the sessions before the choices.
    network
        Fitted to all sessions, the same items under the same numbers.
    choices
        What to learn.
    features
        Names of the columns.
    seed
        Of everything random.

    Returns
    -------
    bytes
        The ONNX file, as `export_sequence_ranker` describes it.
    """
    rows = scaled(choices.features.reshape(-1, len(features)), features).reshape(choices.features.shape)
    return export_sequence_ranker(network, fit_head(earlier, choices._replace(features=rows), seed), features)
