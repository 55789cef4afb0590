"""Which ranker serves: the best on a validation split, and of nearly equal ones the simplest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.examples import Examples, Quality, quality, rounded
from training.rankers.boosted import fit_boosted
from training.rankers.onnx_file import export_mlp
from training.rankers.perceptron import fit_linear, fit_perceptron
from training.rankers.selecting import select_features
from training.rankers.sequence import Networks, fit_sequence
from udfs.features import FEATURES, columns
from udfs.scorer import Scorer

LEAST_EXAMPLES = 50
LISTS_A_CALL = 256
#: A ranker that costs more has to be better by this share.
WORTH = 0.01
#: Estimates of the shopper as a whole. Their level moves when their models are fitted anew, and a ranker that learned from the old level
#: misreads it. Rankers of one's own may take them.
MOVING = ("click_propensity", "purchase_propensity", "churn_risk")
PRIOR = {"session_share": 3.0, "association": 2.0, "sequential": 2.0, "category_short": 2.0, "category_long": 1.0, "popularity": 1.0}

Fit = Callable[[Examples, Sequence[str], int], bytes]
#: From the cheapest to the most expensive to score with.
FITS: dict[str, Fit] = {"linear": fit_linear, "perceptron": fit_perceptron, "boosted": fit_boosted}
KINDS = (*FITS, "sequence")


@dataclass(frozen=True)
class Choice:
    """A ranker and how it was chosen.

    Attributes
    ----------
    kind
        One of `KINDS`; `fixed` where there was too little to learn from.
    model
        The ONNX file.
    features
        Names of its columns.
    trials
        Quality of each kind on the validation split.
    earlier
        The ONNX file of a ranker of this kind that has not seen the validation split.
    report
        What each feature brings; `training.rankers.selecting`.
    """

    kind: str
    model: bytes
    features: tuple[str, ...]
    trials: dict[str, dict[str, float]]
    earlier: bytes
    report: list[dict[str, Any]] = field(default_factory=list)


def choose_ranker(
    learn: Examples,
    check: Examples,
    features: Sequence[str],
    seed: int,
    kinds: Sequence[str] = KINDS,
    networks: Networks | None = None,
) -> Choice:
    """Fit rankers and choose one.

    Parameters
    ----------
    learn
        To fit with.
    check
        To choose by; later than `learn`.
    features
        Names of the columns.
    seed
        Of everything random.
    kinds
        Which to try.
    networks
        For `sequence`, which is not tried without them.

    Returns
    -------
    Choice
        Fitted with `learn` and `check`.
    """
    features = tuple(features)
    learn = learn.only(learn.found)
    if len(learn.right) < LEAST_EXAMPLES:
        weights = np.array([[PRIOR.get(name, 0.0)] for name in FEATURES])
        fixed = export_mlp([(weights, np.array([-2.0]))], FEATURES)
        return Choice("fixed", fixed, FEATURES, {}, fixed)
    models: dict[str, bytes] = {}
    qualities: dict[str, Quality] = {}
    fits, final = dict(FITS), dict(FITS)
    if networks:
        fits["sequence"] = partial(fit_sequence, networks.earlier, networks.earlier)
        final["sequence"] = partial(fit_sequence, networks.earlier, networks.final)
    kinds = [kind for kind in kinds if kind in fits]
    best = kinds[0]
    for kind in kinds:
        models[kind] = fits[kind](learn, features, seed)
        qualities[kind] = quality(check, score(models[kind], check))
        if qualities[kind].value > qualities[best].value * (1 + WORTH):
            best = kind
    selection = select_features(fits[best], score, learn, check, features, models[best], seed)
    qualities[best] = selection.quality
    everything = Examples(*(np.concatenate(pair) for pair in zip(learn, check.only(check.found), strict=True)))
    trials = {kind: rounded(of) for kind, of in qualities.items()}
    return Choice(best, final[best](everything, selection.features, seed), selection.features, trials, models[best], selection.report)


def score(model: bytes, examples: Examples) -> NDArray[np.float32]:
    """Score lists with a ranker.

    Parameters
    ----------
    model
        The ONNX file.
    examples
        n lists of K candidates.

    Returns
    -------
    f4[n, K]
    """
    scorer = Scorer(model, FEATURES)
    wanted, scores = columns(scorer.features), np.empty(examples.items.shape, np.float32)
    for start in range(0, len(scores), LISTS_A_CALL):
        some = examples.only(slice(start, start + LISTS_A_CALL))
        rows = np.ascontiguousarray(some.features[:, :, wanted]).reshape(-1, len(wanted))
        scores[start : start + LISTS_A_CALL] = scorer.score(rows, some.items, some.sequence).reshape(some.items.shape)
    return scores


def useful(examples: Examples) -> tuple[str, ...]:
    """Name the features that differ between candidates or users at all, without those that move.

    Parameters
    ----------
    examples
        Lists.
    """
    rows = examples.features[examples.items >= 0]
    if not len(rows):
        return FEATURES
    varies = rows.max(0) > rows.min(0)
    return tuple(name for name, of in zip(FEATURES, varies.tolist(), strict=True) if of and name not in MOVING) or FEATURES
