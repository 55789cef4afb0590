"""Whether features and scores are still spread as they were: the population stability index."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

BINS = 10
#: A share of nothing would make the index infinite.
LEAST_SHARE = 1e-4
SOME, MUCH = 0.1, 0.25
"""Below the first nothing has changed, above the second much has: a rule of thumb, in N. Siddiqi, "Credit risk scorecards", Wiley 2006."""
CONFIDENCE = 0.95
VERSION = 1


class Observed(NamedTuple):
    """What a ranker saw and said.

    Attributes
    ----------
    features : f4[n, F]
        Of the candidates.
    names
        Of the features.
    scores : f4[n]
        Of the candidates; not finite: dropped.
    users : int
        Rankings that they are from. The candidates of one are much alike, so it is these that count for what chance alone would do.
    """

    features: NDArray[np.float32]
    names: Sequence[str]
    scores: NDArray[np.float32]
    users: int


def observe(ranker: Any, profiles: NDArray[np.void]) -> Observed:
    """Rank profiles and keep the features and scores of their candidates.

    Parameters
    ----------
    ranker : udfs.rank.Ranker
        The ranker.
    profiles : PROFILE[R]
        Profiles.
    """
    found, rows, scores, _ = ranker.stages(profiles)
    real = (np.arange(ranker.rows) < found.filled[:, None]).ravel()
    return Observed(rows[real], tuple(ranker.bundle.scorer.features), scores[real], len(profiles))


def reference(features: NDArray[np.float32], names: Sequence[str], scores: NDArray[np.float32], users: int | None = None) -> dict[str, Any]:
    """Describe how features and scores are spread, for a bundle's ``reference.json``.

    Parameters
    ----------
    features : f4[n, F]
        Of candidates that were ranked.
    names
        Of the features.
    scores : f4[n]
        Their scores; those that are not finite are only counted.
    users
        Rankings that they are from; default: each row is one.

    Returns
    -------
    dict
        Ready for JSON: `version`, `rows`, `users`, `features` (each `name`, `edges`, `shares`, `mean`), and the same for `scores`, with
        `dropped`, the share that is not finite. Bin i has what is above edge i-1 and at most edge i; edges are deciles, equal ones once.
    """
    finite = scores[np.isfinite(scores)]
    return {
        "version": VERSION,
        "rows": len(scores),
        "users": len(scores) if users is None else users,
        "features": [{"name": name, **_spread(column)} for name, column in zip(names, features.T, strict=True)],
        "scores": {**_spread(finite), "dropped": 1 - len(finite) / max(1, len(scores))},
    }


def stability(before: NDArray[np.float64], now: NDArray[np.float64]) -> float:
    """Compute the population stability index of two lists of shares: the sum of (q - p) ln(q / p).

    It is the symmetrised divergence of S. Kullback, R. A. Leibler, "On information and sufficiency", Ann. Math. Stat. 22, 1951. Shares
    below 0.0001 count as that.

    Examples
    --------
    >>> round(stability(np.array([0.5, 0.5]), np.array([0.25, 0.75])), 4)
    0.2747
    """
    p, q = (np.maximum(shares, LEAST_SHARE) for shares in (before, now))
    return float(((q - p) * np.log(q / p)).sum())


def chance(bins: int, before: int, now: int) -> float:
    """Give the index that two samples of the same shop stay below in 95 of 100 cases.

    The index over (1/n + 1/m) is about chi-squared with bins - 1 degrees of freedom: B. Yurdakul, "Statistical properties of population
    stability index", Western Michigan University 2018.

    Parameters
    ----------
    bins
        Bins with a share.
    before, now
        Sizes of the samples.
    """
    if bins < 2 or not before or not now:
        return 0.0
    return float(chi2.ppf(CONFIDENCE, bins - 1)) * (1 / before + 1 / now)


def compare(before: dict[str, Any], now: Observed) -> dict[str, Any]:
    """Compare what is seen now with a reference.

    Parameters
    ----------
    before
        Of `reference`.
    now
        Of `observe`.

    Returns
    -------
    dict
        `scores` and `features`, most changed first: `psi`, `chance` (see there), `change` (``none``, ``some``, ``much``; ``none`` where
        chance alone would do it), `edges`, shares and means before and now; `dropped_before` and `dropped_now`; names of features that only
        one side has; the `greatest` index that chance alone would not make.
    """
    columns = dict(zip(now.names, now.features.T, strict=True))
    known = {spread["name"]: spread for spread in before["features"]}
    finite = now.scores[np.isfinite(now.scores)]
    features = [
        {"name": name, **_compared(spread, columns[name], before["users"], now.users)} for name, spread in known.items() if name in columns
    ]
    features.sort(key=lambda one: -one["psi"])
    scores = _compared(before["scores"], finite, before["users"], now.users)
    return {
        "users_before": before["users"],
        "users_now": now.users,
        "scores": {**scores, "dropped_before": before["scores"]["dropped"], "dropped_now": 1 - len(finite) / max(1, len(now.scores))},
        "features": features,
        "only_before": [name for name in known if name not in columns],
        "only_now": [name for name in columns if name not in known],
        "moved": [one["name"] for one in features if one["change"] != "none"],
        "greatest": max((one["psi"] for one in (*features, scores) if one["psi"] > one["chance"]), default=0.0),
    }


def _spread(column: NDArray[np.float32]) -> dict[str, Any]:
    if not len(column):
        return {"edges": [], "shares": [1.0], "mean": 0.0}
    edges = np.unique(np.quantile(column, np.arange(1, BINS) / BINS, method="inverted_cdf"))
    edges = edges[edges < column.max()]
    return {"edges": edges.tolist(), "shares": _shares(column, edges).tolist(), "mean": float(column.mean(dtype=np.float64))}


def _shares(column: NDArray[np.float32], edges: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    place = np.searchsorted(edges.astype(np.float32), column, "left")
    return np.bincount(place, minlength=len(edges) + 1) / max(1, len(column))


def _compared(before: dict[str, Any], column: NDArray[np.float32], users_before: int, users_now: int) -> dict[str, Any]:
    shares = np.array(before["shares"])
    # A bin that nothing was in, and nothing is, says nothing.
    now = _shares(column, np.array(before["edges"])) if len(column) else shares
    index = stability(shares, now)
    by_chance = chance(int(((shares > 0) | (now > 0)).sum()), users_before, users_now)
    change = "none" if index < SOME or index <= by_chance else "some" if index < MUCH else "much"
    return {
        "psi": index,
        "chance": by_chance,
        "change": change,
        "edges": before["edges"],
        "before": shares.tolist(),
        "now": now.tolist(),
        "mean_before": before["mean"],
        "mean_now": float(column.mean(dtype=np.float64)) if len(column) else 0.0,
    }
