"""How well a network alone tells what comes next, among all items."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from training.sequence.network import Network, score_all
from training.sequence.steps import Steps

STEPS_A_PART = 512


def ranks(network: Network, steps: Steps) -> NDArray[np.int64]:
    """Rank the item that came next among all items.

    Parameters
    ----------
    network
        The network.
    steps
        What came next after what.

    Returns
    -------
    i8[n]
        How many items score higher.
    """
    found = np.empty(len(steps.following), np.int64)
    for start in range(0, len(found), STEPS_A_PART):
        part = slice(start, start + STEPS_A_PART)
        scores = score_all(network, steps.sequence[part])
        right = np.take_along_axis(scores, steps.following[part, None].astype(np.int64), 1)
        found[part] = (scores > right).sum(1)
    return found
