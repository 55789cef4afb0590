"""How likely each place of a list is looked at, and each item attracts, from logs of lists.

The position-based model (see `training.off_policy.examination`), with attraction by features and fitted by expectation maximisation:
X. Wang, N. Golbandi, M. Bendersky, D. Metzler, M. Najork, "Position bias estimation for unbiased learning to rank in personal search", WSDM
2018, with logistic regression for their trees.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

ROUNDS, STEPS = 150, 1
RIDGE = 1.0
LEAST = 0.01


class ClickModel(NamedTuple):
    """A fitted model.

    Attributes
    ----------
    examined : f8[positions]
        Probability that a place is looked at, that of the first taken as 1.
    weights : f8[F + 1]
        Of the scaled features, the constant last.
    middle, scale : f8[F]
        Of the features.
    """

    examined: NDArray[np.float64]
    weights: NDArray[np.float64]
    middle: NDArray[np.float64]
    scale: NDArray[np.float64]

    def attraction(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """Give the probability of a click on what is looked at, as f8[n]."""
        return _logistic(_scaled(features, self.middle, self.scale), self.weights)


def fit_clicks(
    features: NDArray[np.float32],
    position: NDArray[np.int64],
    clicked: NDArray[np.bool_],
    positions: int,
    examined: NDArray[np.float64] | None = None,
) -> ClickModel:
    """Fit the model.

    Parameters
    ----------
    features : f4[n, F]
        Of what was shown.
    position : i8[n]
        Where, from 0.
    clicked : bool[n]
        Whether it was clicked.
    positions
        How many there are.
    examined : f8[positions], optional
        Examination, where it is known.
    """
    middle, scale = features.mean(0, dtype=np.float64), features.std(0, dtype=np.float64)
    scale = np.where(scale > 0, scale, 1.0)
    table = _scaled(features, middle, scale)
    mean = min(max(float(clicked.mean()), 1e-6), 1 - 1e-6) if len(clicked) else 0.5
    weights = np.zeros(table.shape[1])
    weights[-1] = np.log(mean / (1 - mean))
    # From 1 it would not move: then nothing is left open.
    looked = np.where(np.arange(positions) == 0, 1.0, 0.5) if examined is None else examined
    shown = np.bincount(position, minlength=positions)
    with threadpool_limits(1):
        for _ in range(ROUNDS):
            attracts, looks = _logistic(table, weights), looked[position]
            silent = np.maximum(1 - attracts * looks, 1e-12)
            # What a place that was not clicked leaves open: it may have been looked at, or have attracted, but not both.
            wanted = np.where(clicked, 1.0, attracts * (1 - looks) / silent)
            if examined is None:
                seen = np.where(clicked, 1.0, looks * (1 - attracts) / silent)
                # Examination and attraction are known but for a factor: the first place is looked at.
                looked = np.where(shown > 0, np.bincount(position, seen, positions) / np.maximum(shown, 1), looked)
                looked = np.clip(np.where(np.arange(positions) == 0, 1.0, looked), LEAST, 1.0)
            weights = _newton(table, wanted, weights)
    return ClickModel(looked, weights, middle, scale)


def placing_chances(scores: NDArray[np.float64], temperature: float, draws: int, seed: int) -> NDArray[np.float64]:
    """Give the probability of each item at each place, where a list is drawn item by item, in proportion to exp(score / temperature).

    R. L. Plackett, "The analysis of permutations", J. R. Stat. Soc. C 24, 1975; drawn by sorting scores with Gumbel noise: J. I. Yellott,
    "The relationship between Luce's choice axiom, Thurstone's theory of comparative judgment, and the double exponential distribution",
    J. Math. Psychol. 15, 1977.

    Parameters
    ----------
    scores : f8[n]
        Of the items of a list.
    temperature
        Infinite: every order is as likely as the others, and the result exact.
    draws
        How many lists are drawn.
    seed
        Of the draws.

    Returns
    -------
    f8[n, n]
        By item and place.
    """
    n = len(scores)
    if not np.isfinite(temperature):
        return np.full((n, n), 1.0 / n)
    noise = np.random.default_rng(seed).gumbel(size=(draws, n))
    order = np.argsort(-(scores / temperature + noise), axis=1)
    chances = np.zeros((n, n))
    np.add.at(chances, (order, np.arange(n)), 1.0 / draws)
    return chances


def _newton(table: NDArray[np.float64], wanted: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Bring the weights nearer to those of the greatest likelihood, with a penalty on all but the constant."""
    penalty = np.full(len(weights), RIDGE)
    penalty[-1] = 1e-9
    for _ in range(STEPS):
        chance = _logistic(table, weights)
        slope = table.T @ (wanted - chance) - penalty * weights
        curve = (table * np.maximum(chance * (1 - chance), 1e-9)[:, None]).T @ table + np.diag(penalty)
        weights = weights + np.linalg.solve(curve, slope)
    return weights


def _logistic(table: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(table @ weights, -30, 30))), np.float64)


def _scaled(features: NDArray[np.float32], middle: NDArray[np.float64], scale: NDArray[np.float64]) -> NDArray[np.float64]:
    scaled = np.clip((features - middle) / scale, -10, 10)
    return np.hstack([scaled, np.ones((len(features), 1))])
