"""POP: the most popular items, the same for everybody."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from training.baselines.base import Lists, Prefixes, Progress, Training


class POP:
    """Ranks by the number of clicks in training.

    The weakest baseline of Hidasi, Karatzoglou, Baltrunas & Tikk (2016), "Session-based recommendations with recurrent neural networks",
    ICLR, and of most work since.
    """

    PUBLISHED: ClassVar[tuple[dict[str, Any], ...]] = ({},)

    def __init__(self) -> None:
        self.settings: dict[str, Any] = {}

    def fit(self, training: Training) -> None:
        """Items are numbered by popularity already."""
        self._clicks = training.clicks

    def recommend(self, prefixes: Prefixes, top: int = 20, progress: Progress | None = None) -> Lists:
        """Rank all items after each beginning; see `Baseline`."""
        cases, filled = len(prefixes.starts), min(top, len(self._clicks))
        lists = Lists(np.full((cases, top), -1, np.int32), np.zeros((cases, top)))
        lists.items[:, :filled] = np.arange(filled)
        lists.scores[:, :filled] = self._clicks[:filled]
        if progress:
            progress(cases)
        return lists
