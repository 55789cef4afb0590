"""Measures of ranked lists, and how far chance could move them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from training.evaluate.cases import Cases, Known

TOP = 20
RARE_BELOW = 5
RESAMPLES, RESAMPLES_AT_ONCE = 1000, 50
SHARE = 0.95
MEASURES = (f"hr@{TOP}", f"mrr@{TOP}", f"ndcg@{TOP}")
Floats = NDArray[np.float64]


class Measured(NamedTuple):
    """The document's part of each method, and of the bundle against the best of the others.

    Attributes
    ----------
    methods
        Measures by method.
    against
        By measure: the best of the others, how much the bundle has more, and the interval of that.
    """

    methods: dict[str, dict[str, Any]]
    against: dict[str, dict[str, Any]]


def gains(lists: NDArray[np.int32], right: NDArray[np.int32]) -> Floats:
    """Score every case by `MEASURES`.

    There is one right item, so that hit rate is recall, and the best possible discounted gain is 1.

    Parameters
    ----------
    lists : i4[C, TOP]
        Items shown, -1 for none.
    right : i4[C]
        The item that came next; -1 is never found.

    Returns
    -------
    f8[C, 3]
        1 if it is in the list; 1/rank; 1/log2(rank + 1), rank from 1; 0 if it is not.
    """
    same = (lists == right[:, None]) & (right[:, None] >= 0)
    hit, rank = same.any(1), same.argmax(1) + 1.0
    scored: Floats = np.stack([np.ones(len(rank)), 1 / rank, 1 / np.log2(rank + 1)], 1) * hit[:, None]
    return scored


def slices(cases: Cases, known: Known) -> dict[str, NDArray[np.bool_]]:
    """Give the parts of the cases that are measured on their own as well.

    Parameters
    ----------
    cases
        The cases.
    known
        Items of training.
    """
    clicks = np.where(cases.right >= 0, np.append(known.clicks, 0)[cases.right], 0)
    return {
        "first_click": cases.position == 1,
        "rare_item": clicks < RARE_BELOW,
        "new_in_session": ~cases.seen,
    }


def measure(lists: Mapping[str, NDArray[np.int32]], cases: Cases, known: Known, seed: int) -> Measured:
    """Measure all methods on the same cases and the same resamples.

    Parameters
    ----------
    lists
        Items shown by method: i4[C, TOP]; the first is the bundle's.
    cases, known
        What was asked, and the items of training.
    seed
        Of the resamples: sessions are drawn with replacement, for the cases of one session resemble each other.
    """
    parts = {"all": np.ones(len(cases.right), np.bool_), **slices(cases, known)}
    scored = {method: gains(shown, cases.right) for method, shown in lists.items()}
    sums = _by_session([part.astype(np.float64) for part in parts.values()], cases)
    totals = np.concatenate([_by_session(list((scored[m] * part[:, None]).T), cases) for m in lists for part in parts.values()], 1)
    counts, drawn = _resample(sums, totals, seed)
    shape = (-1, len(lists), len(parts), len(MEASURES))
    means = _ratio(totals.sum(0).reshape(shape), sums.sum(0)[None, None, :, None])[0]
    spread = _ratio(drawn.reshape(shape), counts[:, None, :, None])
    percentile = _percentiles(known)
    methods: dict[str, dict[str, Any]] = {}
    for m, (method, shown) in enumerate(lists.items()):
        found = {part: _values(means[m, p], spread[:, m, p]) for p, part in enumerate(parts)}
        own = shown[(shown >= 0) & (shown < len(percentile))]
        methods[method] = {
            **found.pop("all"),
            f"coverage@{TOP}": _rounded(len(np.unique(own)) / max(1, len(known.hashes))),
            f"popularity@{TOP}": _rounded(percentile[own].mean() if len(own) else 0.0),
            "slices": {part: {"cases": int(parts[part].sum()), **values} for part, values in found.items()},
        }
    return Measured(methods, _against(list(lists), means[:, 0], spread[:, :, 0]))


def _by_session(values: list[Floats], cases: Cases) -> Floats:
    return np.stack([np.bincount(cases.session, value, cases.sessions) for value in values], 1)


def _resample(sums: Floats, totals: Floats, seed: int) -> tuple[Floats, Floats]:
    random = np.random.default_rng(seed)
    sessions, both = len(sums), np.concatenate([sums, totals], 1)
    drawn = []
    with threadpool_limits(1):
        for start in range(0, RESAMPLES if sessions else 0, RESAMPLES_AT_ONCE):
            often = [np.bincount(random.integers(0, sessions, sessions), minlength=sessions) for _ in range(RESAMPLES_AT_ONCE)]
            assert start + RESAMPLES_AT_ONCE <= RESAMPLES
            drawn.append(np.array(often, np.float64) @ both)
    everything = np.concatenate(drawn) if drawn else np.zeros((1, both.shape[1]))
    return everything[:, : sums.shape[1]], everything[:, sums.shape[1] :]


def _values(mean: Floats, spread: Floats) -> dict[str, Any]:
    return {
        **{name: _rounded(mean[i]) for i, name in enumerate(MEASURES)},
        "intervals": {name: _interval(spread[:, i]) for i, name in enumerate(MEASURES)},
    }


def _against(names: list[str], means: Floats, spread: Floats) -> dict[str, dict[str, Any]]:
    found = {}
    for i, name in enumerate(MEASURES if len(names) > 1 else ()):
        best = 1 + int(means[1:, i].argmax())
        found[name] = {
            "other": names[best],
            "difference": _rounded(means[0, i] - means[best, i]),
            "interval": _interval(spread[:, 0, i] - spread[:, best, i]),
        }
    return found


def _percentiles(known: Known) -> Floats:
    """Share of the items that are clicked less often, and half of those clicked as often: near 1 for the most popular."""
    clicks = np.sort(known.clicks)
    low, high = (np.searchsorted(clicks, known.clicks, side) for side in ("left", "right"))
    percentiles: Floats = (low + high) / (2 * max(1, len(clicks)))
    return percentiles


def _interval(spread: Floats) -> list[float]:
    rest = (1 - SHARE) / 2
    return [_rounded(bound) for bound in np.quantile(spread, [rest, 1 - rest])]


def _ratio(above: Floats, below: Floats) -> Floats:
    ratio: Floats = above / np.maximum(below, 1)
    return ratio


def _rounded(value: Any) -> float:
    return round(float(value), 4)
