"""Which features a ranker needs: what the order of the lists loses where a feature says nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from training.examples import Examples, Quality, quality
from udfs.features import columns

LISTS = 2_000
#: A feature that brings less than this is left out, if the ranker is as good without all of these.
LEAST, TOLERANCE = 0.0005, 0.001

Score = Callable[[bytes, Examples], Any]
Fit = Callable[[Examples, Sequence[str], int], bytes]


class Selection(NamedTuple):
    """Features that stay, the ranker fitted with them, how good it is, and what each feature brings."""

    features: tuple[str, ...]
    model: bytes
    quality: Quality
    report: list[dict[str, Any]]


def select_features(
    fit: Fit, score: Score, learn: Examples, check: Examples, features: Sequence[str], model: bytes, seed: int
) -> Selection:
    """Leave out the features that bring nothing; `importance` says what that is.

    Parameters
    ----------
    fit, score
        Fit a ranker; score lists with one.
    learn, check
        To fit with, and to judge by.
    features
        Names of the columns of `model`.
    model
        The ranker fitted with them.
    seed
        Of the dealing.
    """
    features = tuple(features)
    whole = quality(check, score(model, check))
    report = importance(score, check, features, model, seed)
    kept = tuple(name for name in features if next(of["brings"] for of in report if of["name"] == name) >= LEAST)
    if kept and len(kept) < len(features):
        smaller = fit(learn, kept, seed)
        reached = quality(check, score(smaller, check))
        if reached.value >= whole.value - TOLERANCE:
            return Selection(kept, smaller, reached, [{**of, "kept": of["name"] in kept} for of in report])
    return Selection(features, model, whole, [{**of, "kept": True} for of in report])


def importance(score: Score, check: Examples, features: Sequence[str], model: bytes, seed: int) -> list[dict[str, Any]]:
    """Tell what each feature brings.

    It is what hit rate and mean reciprocal rank lose when its values are dealt out anew among all candidates (permutation importance:
    L. Breiman, "Random forests", Machine Learning 45, 2001).

    Parameters
    ----------
    score
        Scores lists with a ranker.
    check
        Lists to judge by.
    features
        Names of the columns of `model`.
    model
        The ranker.
    seed
        Of the dealing.

    Returns
    -------
    list of dict
        What brings most first: `name`, `brings` (hit rate and mean reciprocal rank together), `hr@20`, `mrr@20`.
    """
    some = check.only(slice(0, LISTS))
    before = quality(some, score(model, some))
    report = [{"name": name, **_loss(model, score, some, before, name, seed)} for name in features]
    return sorted(report, key=lambda of: (-of["brings"], of["name"]))


def _loss(model: bytes, score: Score, examples: Examples, before: Quality, name: str, seed: int) -> dict[str, Any]:
    column = int(columns([name])[0])
    filled = examples.items >= 0
    features = examples.features.copy()
    features[:, :, column][filled] = np.random.default_rng(seed).permutation(features[:, :, column][filled])
    after = quality(examples, score(model, examples._replace(features=features)))
    return {
        "brings": round(before.value - after.value, 5),
        "hr@20": round(before.hr - after.hr, 5),
        "mrr@20": round(before.mrr - after.mrr, 5),
    }
