"""A model of the reward: logistic regression over item, position and shopper, fitted so that no row is predicted by itself."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from training.off_policy.bandit import BanditLog, Policy
from training.off_policy.estimators import Sample

RIDGE, ITERATIONS = 0.1, 300


class Predictions(NamedTuple):
    """What the model says of a log.

    Attributes
    ----------
    shown : f8[n]
        Of what was shown.
    each : f8[n, items]
        Of each item, had it stood there.
    """

    shown: NDArray[np.float64]
    each: NDArray[np.float64]

    def under(self, log: BanditLog, policy: Policy) -> NDArray[np.float64]:
        """Give the mean under a policy, as f8[n]."""
        mean: NDArray[np.float64] = np.einsum("na,na->n", self.each, policy[log.position])
        return mean


def predict_reward(log: BanditLog, features: NDArray[np.float64] | None = None, folds: int = 5, seed: int = 0) -> Predictions:
    """Fit the model on all folds but one, and predict that one, for each of them.

    Cross-fitting: V. Chernozhukov et al., "Double/debiased machine learning for treatment and structural parameters", Econometrics Journal
    21, 2018.

    Parameters
    ----------
    log
        The log; rewards are 0 or 1.
    features : f8[items, D], optional
        Of the items.
    folds
        How many.
    seed
        Of the folds.
    """
    n, items = len(log.item), log.items
    of_item = _standard(np.eye(items) if features is None else np.hstack([np.eye(items), features]))
    shopper = _one_hot(np.column_stack([log.position, log.user]))
    affinity = log.affinity.astype(np.float64) if log.affinity is not None else None
    columns = [sp.csr_matrix(of_item)[log.item], shopper]
    if affinity is not None:
        columns.append(sp.csr_matrix(affinity[np.arange(n), log.item][:, None]))
    table = sp.hstack(columns, "csr")
    fold = np.random.default_rng(seed).permutation(n) % folds
    each = np.empty((n, items))
    for one in range(folds):
        rest, here = fold != one, fold == one
        rewards = log.reward[rest]
        if not rewards.any() or rewards.all():
            each[here] = rewards.mean() if len(rewards) else 0.0
            continue
        with threadpool_limits(1):
            fitted = LogisticRegression(C=RIDGE, max_iter=ITERATIONS).fit(table[rest], rewards)
            weight = fitted.coef_[0]
            score = (shopper[here] @ weight[of_item.shape[1] : of_item.shape[1] + shopper.shape[1]])[:, None] + of_item @ weight[
                : of_item.shape[1]
            ]
        if affinity is not None:
            score += affinity[here] * weight[-1]
        each[here] = 1.0 / (1.0 + np.exp(-score - fitted.intercept_[0]))
    return Predictions(each[np.arange(n), log.item], each)


def sample_of(log: BanditLog, policy: Policy, predictions: Predictions | None, weight: NDArray[np.float64]) -> Sample:
    """See a log from a policy."""
    if predictions is None:
        return Sample(log.reward, weight)
    return Sample(log.reward, weight, predictions.shown, predictions.under(log, policy))


def _standard(table: NDArray[np.float64]) -> NDArray[np.float64]:
    """Bring the columns behind the one-hot ones to comparable size."""
    spread = table.std(0)
    scaled: NDArray[np.float64] = np.where(
        np.isin(table, (0, 1)).all(0), table, (table - table.mean(0)) / np.where(spread > 0, spread, 1.0)
    )
    return scaled


def _one_hot(columns: NDArray[np.int32]) -> sp.csr_matrix:
    parts = []
    for column in columns.T:
        values, number = np.unique(column, return_inverse=True)
        parts.append(sp.csr_matrix((np.ones(len(number)), (np.arange(len(number)), number)), (len(number), len(values))))
    return sp.hstack(parts, "csr")
