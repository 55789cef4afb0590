"""What a bundle tells of its ranker: how good it was on the last sessions, and how its features and scores are spread."""

from __future__ import annotations

from typing import Any

import numpy as np

from training.examples import CANDIDATES, Examples, quality, rounded
from training.feedback.drift import reference
from training.rankers.choosing import score
from training.split import Cuts
from udfs.features import columns

REFERENCE_LISTS = 2_000


def measures(check: Examples, cuts: Cuts, reached: dict[str, float]) -> dict[str, Any]:
    """Give the metrics of a manifest.

    Parameters
    ----------
    check
        Lists that the ranker was compared on.
    cuts
        When they are from.
    reached
        What it reached on them.

    Returns
    -------
    dict
        Beside the ranker (`swerve`), what the order of the candidates reaches without one (`retrieval`), and what no ranker can exceed
        (`candidates`).
    """
    unranked = np.tile(-np.arange(CANDIDATES, dtype=np.float32), (len(check.items), 1))
    return {
        "cases": len(check.items),
        "from": cuts.check,
        "until": cuts.end,
        "swerve": reached,
        "retrieval": rounded(quality(check, unranked)),
        "candidates": {f"hr@{CANDIDATES}": round(float(check.found.mean()), 4) if len(check.items) else 0.0},
    }


def spread(model: bytes, features: tuple[str, ...], examples: Examples) -> dict[str, Any]:
    """Describe how features and scores are spread, for `swerve drift`.

    Parameters
    ----------
    model
        The ONNX file.
    features
        Names of its columns.
    examples
        Lists that it ranks.
    """
    some = examples.only(slice(0, REFERENCE_LISTS))
    filled = some.items >= 0
    return reference(some.features[filled][:, columns(features)], features, score(model, some)[filled], len(some.items))
