"""Rankers of layers: none hidden (the linear one, the floor), or two."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits

from training.examples import Examples, rows_of
from training.rankers.onnx_file import Layer, export_mlp, scaled

OTHERS = 30
HIDDEN = (32, 16)
EPOCHS, BATCH, RATE, DECAY = 10, 512, 1e-3, 1e-4


def fit_linear(examples: Examples, features: Sequence[str], seed: int) -> bytes:
    """Fit a logistic regression.

    Parameters
    ----------
    examples
        Lists that hold what came next.
    features
        Names of the columns that it takes.
    seed
        Which of the other candidates stand for all.

    Returns
    -------
    bytes
        The ONNX file.
    """
    rows, chosen, mean, spread = _rows(examples, features, seed)
    with threadpool_limits(1):
        fitted = LogisticRegression(max_iter=300).fit(rows, chosen)
    return export_mlp(_plain([(fitted.coef_.T, fitted.intercept_)], mean, spread), features, scale=True)


def fit_perceptron(examples: Examples, features: Sequence[str], seed: int) -> bytes:
    """Fit a perceptron with two hidden layers by cross entropy.

    Parameters
    ----------
    examples, features
        As for `fit_linear`.
    seed
        Also of its first weights and the order of the examples.
    """
    rows, chosen, mean, spread = _rows(examples, features, seed)
    fitted = MLPClassifier(HIDDEN, alpha=DECAY, batch_size=BATCH, learning_rate_init=RATE, max_iter=EPOCHS, random_state=seed)
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore", ConvergenceWarning)  # it stops after some epochs, not when nothing changes
        fitted.fit(rows, chosen)
    return export_mlp(_plain(list(zip(fitted.coefs_, fitted.intercepts_, strict=True)), mean, spread), features, scale=True)


def _rows(
    examples: Examples, features: Sequence[str], seed: int
) -> tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.float64], NDArray[np.float64]]:
    """Give standardised rows: of each list the right item, then random others."""
    plain, chosen, _ = rows_of(examples, features, OTHERS, seed)
    rows = scaled(plain, features)
    mean, spread = rows.mean(0, dtype=np.float64), rows.std(0, dtype=np.float64)
    spread[spread < 1e-6] = 1.0
    return ((rows - mean) / spread).astype(np.float32), chosen, mean, spread


def _plain(layers: Sequence[Layer], mean: NDArray[np.float64], spread: NDArray[np.float64]) -> list[Layer]:
    """Let the first layer take what is not standardised: w (x - m) / s + b = (w / s) x + (b - w m / s)."""
    plain: list[Layer] = [(w.astype(np.float64), b.astype(np.float64)) for w, b in layers]
    weights, biases = plain[0]
    plain[0] = (weights / spread[:, None], biases - (mean / spread) @ weights)
    return plain
