"""Which items a step could have led to, as far as the loss asks: all, or a sample that the whole batch shares."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SAMPLE = 2048
POWER = 0.5


class Candidates:
    """Draws the candidates of batches.

    Parameters
    ----------
    following : i4[n]
        All items that steps lead to: only those are candidates, each with a chance that grows as the root of its number of steps.
    """

    def __init__(self, following: NDArray[np.int32]) -> None:
        self._known, count = np.unique(following, return_counts=True)
        chance = count**POWER
        self._until = np.cumsum(chance) / chance.sum()
        # Of an item to be among `SAMPLE` draws.
        self._among = np.zeros(int(following.max(initial=-1)) + 1)
        self._among[self._known] = np.log(-np.expm1(SAMPLE * np.log1p(-np.minimum(chance / chance.sum(), 0.5))))

    def draw(self, following: NDArray[np.int32], random: np.random.Generator) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Draw the candidates of a batch.

        Parameters
        ----------
        following : i4[B]
            Items that its steps lead to; they are among the candidates.
        random
            Source of the draw.

        Returns
        -------
        i4[C], f4[C]
            Items, ascending, and the logarithm of each one's chance to be drawn; 0 where all are candidates.
        """
        if len(self._known) <= SAMPLE:
            return self._known, np.zeros(len(self._known), np.float32)
        drawn = self._known[np.minimum(np.searchsorted(self._until, random.random(SAMPLE)), len(self._known) - 1)]
        items = np.unique(np.concatenate([drawn, following]))
        return items, self._among[items].astype(np.float32)
