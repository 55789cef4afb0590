"""Which model of an answer serves: the one with the better probabilities later on, if it is any better than the base rate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from training.propensity.fitting import FITS, Fitted, constant, fit
from training.propensity.judging import brier, judge, log_loss, reliability
from training.propensity.samples import Parts, Samples, fold

#: Of each answer, in each fold.
LEAST = 20
#: Better than the base rate, or than what costs less, by this share of the logarithmic loss.
WORTH = 0.005


@dataclass(frozen=True)
class Choice:
    """A model and how it was chosen.

    Attributes
    ----------
    early
        Fitted before `Parts.fit` and calibrated before `Parts.learn`; what is later may be estimated with it.
    final
        The same, fitted before `Parts.learn` and calibrated with the rest.
    report
        For `propensity.json`.
    """

    early: Fitted
    final: Fitted
    report: dict[str, Any]


def choose(samples: Samples, split: Parts, seed: int) -> Choice:
    """Fit models and choose one.

    Parameters
    ----------
    samples
        All there are.
    split
        Where to cut them.
    seed
        Of everything random.
    """
    first = int(samples.time.min()) if len(samples.time) else 0
    early, calibrate, test = (fold(samples, *part) for part in ((first, split.fit), (split.fit, split.learn), (split.learn, split.end)))
    before, everything = fold(samples, first, split.learn), fold(samples, first, split.end)
    base = constant(before.label)
    report: dict[str, Any] = {
        "samples": {name: _counts(part) for name, part in (("fit", early), ("calibrate", calibrate), ("test", test))},
        "base_rate": round(constant(everything.label).rate, 6),
    }
    fewest = min(min(int(part.label.sum()), int((~part.label).sum())) for part in (early, calibrate, test))
    if fewest < LEAST:
        return _none(before, everything, report, _too_few(everything))
    said = np.full(len(test.label), base.rate)
    report["base"] = {"brier": round(brier(said, test.label), 6), "log_loss": round(log_loss(said, test.label), 6)}
    models = {kind: fit(kind, early, calibrate, seed) for kind in FITS}
    probabilities = {kind: model.probabilities(test.features) for kind, model in models.items()}
    report["tried"] = {kind: judge(of, test.label) for kind, of in probabilities.items()}
    losses = {kind: log_loss(of, test.label) for kind, of in probabilities.items()}
    best = next(iter(FITS))
    for kind in FITS:
        if losses[kind] < losses[best] * (1 - WORTH):
            best = kind
    report["reliability"] = reliability(probabilities[best], test.label)
    better = losses[best] < log_loss(said, test.label) * (1 - WORTH)
    if not better or brier(probabilities[best], test.label) >= brier(said, test.label):
        return _none(before, everything, report, f"the best model ({best}) is no better than the base rate")
    final = fit(best, before, fold(samples, split.learn, split.end), seed)
    return Choice(models[best], final, {"kind": best, "shipped": True, **report})


def halves(samples: Samples, end: int) -> Parts:
    """Cut samples that have no place in the usual split: half of them to fit, a quarter each to calibrate and to test.

    Parameters
    ----------
    samples
        Samples.
    end
        When the last label has to be known, in ms.
    """
    times = np.sort(samples.time) if len(samples.time) else np.zeros(1, np.int64)
    return Parts(int(times[len(times) // 2]), int(times[3 * len(times) // 4]), end)


def _none(before: Samples, everything: Samples, report: dict[str, Any], why: str) -> Choice:
    return Choice(constant(before.label), constant(everything.label), {"kind": "constant", "shipped": False, "why": why, **report})


def _counts(samples: Samples) -> dict[str, int]:
    return {"cases": len(samples.label), "yes": int(samples.label.sum())}


def _too_few(samples: Samples) -> str:
    if not len(samples.label):
        return "there is no case of it in the history"
    if not samples.label.any():
        return "it never happens in the history"
    return f"fewer than {LEAST} cases of yes or no in a part of the history; of all {int(samples.label.sum())} of {len(samples.label)} yes"
