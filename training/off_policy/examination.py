"""Position effects: how likely a shopper is to look at a place at all.

The position-based model: an item is clicked if its place is looked at and the item attracts, independently of each other (N. Craswell,
O. Zoeter, M. Taylor, B. Ramsey, "An experimental comparison of click position-bias models", WSDM 2008). Examination is given relative to
the first position.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from training.off_policy.bandit import BanditLog, Policy, shares
from training.off_policy.estimators import Estimate, Terms, resample

LEAST = 0.01


def examination(log: BanditLog) -> NDArray[np.float64]:
    """Estimate examination from a log made by chance: click-through of each position, rows weighted by their inverse propensity.

    T. Joachims, A. Swaminathan, T. Schnabel, "Unbiased learning-to-rank with biased feedback", WSDM 2017.

    Returns
    -------
    f8[positions]
        1 at the first; all 1 where the first has no click.
    """
    rates = [_rate(terms) for terms in _terms(log).values()]
    return np.array([max(LEAST, rate / rates[0]) for rate in rates]) if rates[0] > 0 else np.ones(log.positions)


def examination_intervals(log: BanditLog, *, resamples: int = 1000, seed: int = 0) -> list[Estimate]:
    """Give the same with bootstrap intervals."""
    values = examination(log)
    draws = resample(_terms(log), None, resamples=resamples, seed=seed)
    with np.errstate(divide="ignore", invalid="ignore"):
        relative = draws / draws[:, :1]
    found = []
    for value, column in zip(values.tolist(), relative.T, strict=True):
        known = column[np.isfinite(column)]
        low, high = np.quantile(known, (0.025, 0.975)) if len(known) else (np.nan, np.nan)
        found.append(Estimate(value, float(low), float(high)))
    return found


def position_based_weights(log: BanditLog, policy: Policy, examined: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weigh rows by how much more the target has their item looked at, whatever the place: an item's clicks at one place tell of it at all.

    S. Li et al., "Offline evaluation of ranking policies with click models", KDD 2018. Less variance than weights by position, and right
    only where the position-based model is.

    Parameters
    ----------
    log
        The log; how often it has an item at a position counts as its policy.
    policy
        The target.
    examined : f8[positions]
        Examination.

    Returns
    -------
    f8[n]
    """
    of_position = np.bincount(log.position, minlength=log.positions) / max(1, len(log.position))
    target, logged = (((of_position * examined)[:, None] * one).sum(0) for one in (policy, shares(log)))
    weight: NDArray[np.float64] = np.divide(target, logged, out=np.zeros_like(target), where=logged > 0)[log.item]
    return weight


def _terms(log: BanditLog) -> dict[str, Terms]:
    weight = 1.0 / log.propensity
    at = [np.where(log.position == position, weight, 0.0) for position in range(log.positions)]
    return {str(position): Terms(here * log.reward, here) for position, here in enumerate(at)}


def _rate(terms: Terms) -> float:
    total = float(terms.below.sum())
    return float(terms.above.sum()) / total if total else 0.0
