"""Estimates of a policy's value from a log of another policy, each with an interval.

Row i of a log is something that was shown: its reward r, and its weight w, the target policy's probability of showing it over that of the
logging policy. With a reward model there are also `predicted`, what it says of what was shown, and `expected`, its mean under the target.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Z = 1.959963984540054
"""Of the normal distribution, 97.5 % lie below it."""
CELLS_A_STEP = 4_000_000


class Sample(NamedTuple):
    """A log, seen from a target policy.

    Attributes
    ----------
    reward : f8[n]
        What each row earned.
    weight : f8[n]
        Probability under the target over that under the logging policy.
    predicted, expected : f8[n] or None
        Of the reward model: for what was shown, and its mean under the target.
    group : i8[n] or None
        Rows of one group are not independent (one shopper, one list); None: all rows are.
    """

    reward: NDArray[np.float64]
    weight: NDArray[np.float64]
    predicted: NDArray[np.float64] | None = None
    expected: NDArray[np.float64] | None = None
    group: NDArray[np.int64] | None = None


@dataclass(frozen=True)
class Estimate:
    """A value with its 95 % interval."""

    value: float
    low: float
    high: float

    def as_json(self) -> dict[str, float]:
        """Give it as a JSON document."""
        return {"value": self.value, "low": self.low, "high": self.high}


class Terms(NamedTuple):
    """An estimator is the sum of one term of each row over the sum of another.

    Attributes
    ----------
    above, below : f8[n]
        The terms.
    """

    above: NDArray[np.float64]
    below: NDArray[np.float64]


def ips(sample: Sample, cap: float = np.inf) -> Terms:
    """Inverse propensity scoring: the mean of w r. Unbiased where the logging policy shows all that the target does.

    D. G. Horvitz, D. J. Thompson, "A generalization of sampling without replacement from a finite universe", JASA 47, 1952. With a cap on
    the weights there is less variance and a bias towards 0: E. L. Ionides, "Truncated importance sampling", J. Comp. Graph. Stat. 17, 2008.
    """
    return Terms(np.minimum(sample.weight, cap) * sample.reward, np.ones(len(sample.reward)))


def snips(sample: Sample) -> Terms:
    """Self-normalised: the sum of w r over that of w. A bias that vanishes with n; adding a constant to all rewards adds it to the value.

    A. Swaminathan, T. Joachims, "The self-normalized estimator for counterfactual learning", NeurIPS 2015.
    """
    return Terms(sample.weight * sample.reward, sample.weight)


def direct(sample: Sample) -> Terms:
    """Direct method: the mean of what the reward model expects. Needs no propensities, and is as wrong as the model."""
    _, expected = _model(sample)
    return Terms(expected, np.ones(len(expected)))


def doubly_robust(sample: Sample, cap: float = np.inf) -> Terms:
    """The direct method, put right by the weighted errors of the model: unbiased if the propensities or the model are right.

    M. Dudík, J. Langford, L. Li, "Doubly robust policy evaluation and learning", ICML 2011. `cap` clips the weights.
    """
    predicted, expected = _model(sample)
    return Terms(expected + np.minimum(sample.weight, cap) * (sample.reward - predicted), np.ones(len(expected)))


def switch(sample: Sample, cap: float) -> Terms:
    """Doubly robust where the weight is at most `cap`, the direct method elsewhere.

    Y.-X. Wang, A. Agarwal, M. Dudík, "Optimal and adaptive off-policy evaluation in contextual bandits", ICML 2017.
    """
    predicted, expected = _model(sample)
    weight = np.where(sample.weight <= cap, sample.weight, 0.0)
    return Terms(expected + weight * (sample.reward - predicted), np.ones(len(expected)))


def all_terms(sample: Sample, cap: float) -> dict[str, Terms]:
    """Give the terms of every estimator that the sample allows, by name."""
    terms = {"ips": ips(sample), "clipped_ips": ips(sample, cap), "snips": snips(sample)}
    if sample.predicted is not None:
        terms |= {
            "dm": direct(sample),
            "dr": doubly_robust(sample),
            "clipped_dr": doubly_robust(sample, cap),
            "switch_dr": switch(sample, cap),
        }
    return terms


def normal(terms: Terms, group: NDArray[np.int64] | None = None) -> Estimate:
    """Give the value with an interval from the central limit theorem, by the delta method for ratios.

    Parameters
    ----------
    terms
        Of an estimator.
    group : i8[n]
        See `Sample`.
    """
    above, below = _by_group(terms, group)
    total = below.sum()
    if not total:
        return Estimate(np.nan, np.nan, np.nan)
    value = above.sum() / total
    count = len(above)
    spread = np.sqrt(count / max(1, count - 1) * np.square(above - value * below).sum()) / total
    return Estimate(float(value), float(value - Z * spread), float(value + Z * spread))


def bootstrap(
    terms: dict[str, Terms], group: NDArray[np.int64] | None = None, *, resamples: int = 1000, seed: int = 0
) -> dict[str, Estimate]:
    """Give values with percentile intervals of one bootstrap, so that estimators can be compared draw by draw.

    B. Efron, "Bootstrap methods: another look at the jackknife", Ann. Stat. 7, 1979. How often a group is drawn is Poisson(1), as in
    N. Chamandy et al., "Estimating uncertainty for massive data streams", 2012. The reward model is taken as it is.

    Parameters
    ----------
    terms
        Of estimators over the same rows, by name.
    group : i8[n]
        See `Sample`.
    resamples
        Draws.
    seed
        Of the draws.
    """
    draws = resample(terms, group, resamples=resamples, seed=seed)
    return {name: _estimate(_value(of_one), draws[:, place]) for place, (name, of_one) in enumerate(terms.items())}


def contrasts(
    terms: dict[str, Terms], base: Terms, group: NDArray[np.int64] | None = None, *, resamples: int = 1000, seed: int = 0
) -> dict[str, Estimate]:
    """Give by how much values are above that of a base, with paired intervals: both are of the same draws.

    Parameters
    ----------
    terms, group, resamples, seed
        As for `bootstrap`.
    base
        Of the same rows.
    """
    draws = resample({"": base, **terms}, group, resamples=resamples, seed=seed)
    return {
        name: _estimate(_value(of_one) - _value(base), draws[:, 1 + place] - draws[:, 0])
        for place, (name, of_one) in enumerate(terms.items())
    }


def resample(terms: dict[str, Terms], group: NDArray[np.int64] | None = None, *, resamples: int, seed: int) -> NDArray[np.float64]:
    """Draw the values of estimators anew.

    Returns
    -------
    f8[resamples, len(terms)]
        NaN where a draw has nothing to divide by.
    """
    random = np.random.default_rng(seed)
    columns = [column for of_one in terms.values() for column in _by_group(of_one, group)]
    table = np.stack(columns, 1)
    parts = []
    for draws in _steps(resamples, len(table)):
        counts = random.poisson(1.0, (draws, len(table))).astype(np.float64)
        parts.append(np.einsum("rn,nc->rc", counts, table))
    sums = np.concatenate(parts)
    with np.errstate(divide="ignore", invalid="ignore"):
        values: NDArray[np.float64] = sums[:, 0::2] / sums[:, 1::2]
    return values


def _value(terms: Terms) -> float:
    total = terms.below.sum()
    return float(terms.above.sum() / total) if total else np.nan


def _estimate(value: float, draws: NDArray[np.float64]) -> Estimate:
    known = draws[np.isfinite(draws)]
    low, high = np.quantile(known, (0.025, 0.975)) if len(known) else (np.nan, np.nan)
    return Estimate(value, float(low), float(high))


def _steps(resamples: int, rows: int) -> Iterator[int]:
    step = max(1, CELLS_A_STEP // max(1, rows))
    for start in range(0, resamples, step):
        yield min(step, resamples - start)


def _by_group(terms: Terms, group: NDArray[np.int64] | None) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if group is None:
        return terms
    _, number = np.unique(group, return_inverse=True)
    above, below = (np.bincount(number, column).astype(np.float64) for column in terms)
    return above, below


def _model(sample: Sample) -> tuple[Any, Any]:
    if sample.predicted is None or sample.expected is None:
        raise ValueError("the sample has no reward model")
    return sample.predicted, sample.expected
