"""How good probabilities are: whether they tell cases apart, and whether things happen as often as they say."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

BINS = 10
LEAST = 1e-7
Floats = NDArray[np.float64]


def brier(said: Floats, label: NDArray[np.bool_]) -> float:
    """Give the mean squared error (G. Brier, "Verification of forecasts expressed in terms of probability", 1950)."""
    return float(np.mean((said - label) ** 2))


def log_loss(said: Floats, label: NDArray[np.bool_]) -> float:
    """Give the mean of minus the logarithm of what was said of what came."""
    return float(-np.mean(np.log(np.clip(np.where(label, said, 1 - said), LEAST, 1))))


def reliability(said: Floats, label: NDArray[np.bool_]) -> list[dict[str, Any]]:
    """Give a table of ten bins of about as many cases each, by what was said.

    Parameters
    ----------
    said : f8[n]
        Probabilities.
    label : bool[n]
        What came.

    Returns
    -------
    list of dict
        `cases`, `said` and `came` (means) of each bin that has any.
    """
    return [
        {"cases": len(part), "said": round(float(said[part].mean()), 4), "came": round(float(label[part].mean()), 4)}
        for part in np.array_split(np.argsort(said, kind="stable"), BINS)
        if len(part)
    ]


def calibration_error(said: Floats, label: NDArray[np.bool_]) -> float:
    """Give the expected calibration error over the bins of `reliability`: how far what came is from what was said, on average."""
    parts = [part for part in np.array_split(np.argsort(said, kind="stable"), BINS) if len(part)]
    return float(sum(len(part) * abs(said[part].mean() - label[part].mean()) for part in parts) / max(1, len(said)))


def judge(said: Floats, label: NDArray[np.bool_]) -> dict[str, float]:
    """Measure probabilities.

    Parameters
    ----------
    said : f8[n]
        Probabilities, n > 0.
    label : bool[n]
        What came, both at least once.
    """
    return {
        "brier": round(brier(said, label), 6),
        "log_loss": round(log_loss(said, label), 6),
        "auc": round(float(roc_auc_score(label, said)), 4),
        "ece": round(calibration_error(said, label), 5),
    }
