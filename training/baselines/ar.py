"""AR: association rules of two items."""

from __future__ import annotations

from typing import Any, ClassVar

import numba

from training.baselines.base import Lists, Prefixes, Progress, Training
from training.baselines.kernels import insert
from training.baselines.rules import Rules, find_occurrences, room


class AR:
    """Ranks by how often an item was clicked in the same session as the newest click, before or after it.

    Ludewig & Jannach (2018), "Evaluation of session-based recommendation algorithms", User Modeling and User-Adapted Interaction 28,
    section "Simple association rules". A pair of clicks counts once in each direction; the reference implementation (session-rec) keeps 20
    rules an item.

    Parameters
    ----------
    pruning
        Rules kept for an item.
    """

    PUBLISHED: ClassVar[tuple[dict[str, Any], ...]] = ({"pruning": 20},)

    def __init__(self, pruning: int = 20) -> None:
        self.settings: dict[str, Any] = {"pruning": pruning}

    def fit(self, training: Training) -> None:
        """Count the pairs."""
        sessions, occurrences = training.sessions, find_occurrences(training.sessions, training.items)
        self._rules = Rules(*_fit(sessions.items, sessions.starts, sessions.ends, *occurrences, self.settings["pruning"]))

    def recommend(self, prefixes: Prefixes, top: int = 20, progress: Progress | None = None) -> Lists:
        """Rank all items after each beginning; see `Baseline`."""
        return self._rules.recommend(prefixes, top, progress)


@numba.njit(cache=True, nogil=True)
def _fit(clicked: Any, starts: Any, ends: Any, at: Any, at_ends: Any, session: Any, pruning: Any) -> Any:
    items, weights, total, touched = room(len(at_ends), pruning)
    begin = 0
    for item in range(len(at_ends)):
        n = 0
        for i in range(begin, at_ends[item]):
            here = at[i]
            for other in range(starts[session[here]], ends[session[here]]):
                if other == here:
                    continue
                if total[clicked[other]] == 0.0:
                    touched[n] = clicked[other]
                    n += 1
                total[clicked[other]] += 1.0
        begin, filled = at_ends[item], 0
        for i in range(n):
            filled = insert(items[item], weights[item], filled, touched[i], total[touched[i]])
            total[touched[i]] = 0.0
    return items, weights
