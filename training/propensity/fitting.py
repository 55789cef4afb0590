"""Models of a yes or no, and their calibration."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits

from training.propensity.samples import Samples
from training.rankers.onnx_file import Layer

HIDDEN, EPOCHS, BATCH, RATE, DECAY = (16,), 40, 256, 2e-3, 1e-3
STRENGTH = 1.0
#: Platt's two numbers are not to be drawn to 0, but have to exist where a handful of labels can be told apart for certain.
FREE = 100.0
CONSTANT = "constant"
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Fitted:
    """A model whose log odds are calibrated with two numbers.

    J. Platt, "Probabilistic outputs for support vector machines", Advances in Large Margin Classifiers, 1999.

    Attributes
    ----------
    kind
        One of `FITS`, or `constant`.
    rate
        Share of yes where it was fitted: what a constant one says.
    estimator
        The scikit-learn model of standardised features.
    mean, spread : f8[F]
        Of the features; the spread of one that never changed is infinite, so that nothing comes of it.
    slope, offset
        Calibrated log odds = slope * log odds + offset.
    """

    kind: str
    rate: float
    estimator: Any = None
    mean: Floats = field(default_factory=lambda: np.empty(0))
    spread: Floats = field(default_factory=lambda: np.empty(0))
    slope: float = 1.0
    offset: float = 0.0

    def log_odds(self, rows: NDArray[np.float32]) -> Floats:
        """Give what the model says before it is calibrated.

        Parameters
        ----------
        rows : f4[n, F]

        Returns
        -------
        f8[n]
        """
        seen = (rows - self.mean) / self.spread
        if isinstance(self.estimator, LogisticRegression):
            return np.asarray(self.estimator.decision_function(seen), np.float64)
        said = np.clip(self.estimator.predict_proba(seen)[:, 1].astype(np.float64), 1e-12, 1 - 1e-12)
        return np.asarray(np.log(said / (1 - said)), np.float64)

    def probabilities(self, rows: NDArray[np.float32]) -> Floats:
        """Give calibrated probabilities.

        Parameters
        ----------
        rows : f4[n, F]

        Returns
        -------
        f8[n]
        """
        if self.kind == CONSTANT or not len(rows):
            return np.full(len(rows), self.rate)
        return np.asarray(1 / (1 + np.exp(-(self.slope * self.log_odds(rows) + self.offset))), np.float64)

    def layers(self) -> list[Layer]:
        """Give weights and biases, with a ReLU between them and a sigmoid after; the first standardise, the last are calibrated."""
        if isinstance(self.estimator, LogisticRegression):
            layers: list[Layer] = [(self.estimator.coef_.T.astype(np.float64), self.estimator.intercept_.astype(np.float64))]
        else:
            layers = [
                (w.astype(np.float64), b.astype(np.float64)) for w, b in zip(self.estimator.coefs_, self.estimator.intercepts_, strict=True)
            ]
        weights, biases = layers[0]
        layers[0] = (weights / self.spread[:, None], biases - (self.mean / self.spread) @ weights)
        weights, biases = layers[-1]
        layers[-1] = (weights * self.slope, biases * self.slope + self.offset)
        return layers


def _logistic(_samples: int, _seed: int) -> Any:
    return LogisticRegression(C=STRENGTH, max_iter=500)


def _perceptron(samples: int, seed: int) -> Any:
    return MLPClassifier(
        HIDDEN, alpha=DECAY, batch_size=min(BATCH, samples // 2), learning_rate_init=RATE, max_iter=EPOCHS, early_stopping=True,
        n_iter_no_change=5, random_state=seed,
    )  # fmt: skip


#: From the cheapest to the most expensive.
FITS: dict[str, Callable[[int, int], Any]] = {"logistic": _logistic, "perceptron": _perceptron}


def fit(kind: str, learn: Samples, calibrate: Samples, seed: int) -> Fitted:
    """Fit a model, and calibrate it on what it has not seen.

    Parameters
    ----------
    kind
        One of `FITS`.
    learn, calibrate
        Samples, with both answers in each; those of `calibrate` are later.
    seed
        Of everything random.
    """
    mean, spread = learn.features.mean(0, dtype=np.float64), learn.features.std(0, dtype=np.float64)
    spread[spread < 1e-6] = np.inf
    estimator = FITS[kind](len(learn.label), seed)
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore", ConvergenceWarning)  # what it has found by then is judged
        estimator.fit((learn.features - mean) / spread, learn.label)
        fitted = Fitted(kind, float(learn.label.mean()), estimator, mean, spread)
        platt = LogisticRegression(C=FREE, max_iter=500).fit(fitted.log_odds(calibrate.features)[:, None], calibrate.label)
    return replace(fitted, slope=float(platt.coef_[0, 0]), offset=float(platt.intercept_[0]))


def constant(label: NDArray[np.bool_]) -> Fitted:
    """Make a model that always says how often it came so; 0 where nothing is known.

    Parameters
    ----------
    label : bool[n]
    """
    return Fitted(CONSTANT, float(label.mean()) if len(label) else 0.0)
