"""SR: sequential rules of two items."""

from __future__ import annotations

from typing import Any, ClassVar

import numba

from training.baselines.base import Lists, Prefixes, Progress, Training
from training.baselines.kernels import DECAYS, decay, insert
from training.baselines.rules import Rules, find_occurrences, room


class SR:
    """Ranks by how often an item came soon after the newest click, nearer clicks weighing more.

    Ludewig & Jannach (2018), "Evaluation of session-based recommendation algorithms", User Modeling and User-Adapted Interaction 28,
    section "Sequential rules". The published settings are those of session-rec, the authors' implementation.

    Parameters
    ----------
    steps
        Clicks that a rule reaches ahead.
    weighting
        How a pair's weight falls with the clicks between: one of `DECAYS`.
    pruning
        Rules kept for an item.
    """

    PUBLISHED: ClassVar[tuple[dict[str, Any], ...]] = (
        {"steps": 20, "weighting": "quadratic"},
        {"steps": 8, "weighting": "div"},
        {"steps": 4, "weighting": "quadratic"},
        {"steps": 15, "weighting": "div"},
        {"steps": 10, "weighting": "linear"},
    )

    def __init__(self, steps: int = 10, weighting: str = "div", pruning: int = 20) -> None:
        self.settings: dict[str, Any] = {"steps": steps, "weighting": weighting, "pruning": pruning}

    def fit(self, training: Training) -> None:
        """Sum up the weights of the pairs."""
        sessions, occurrences = training.sessions, find_occurrences(training.sessions, training.items)
        steps, weighting, pruning = self.settings["steps"], DECAYS.index(self.settings["weighting"]), self.settings["pruning"]
        self._rules = Rules(*_fit(sessions.items, sessions.ends, *occurrences, steps, weighting, pruning))

    def recommend(self, prefixes: Prefixes, top: int = 20, progress: Progress | None = None) -> Lists:
        """Rank all items after each beginning; see `Baseline`."""
        return self._rules.recommend(prefixes, top, progress)


@numba.njit(cache=True, nogil=True)
def _fit(clicked: Any, ends: Any, at: Any, at_ends: Any, session: Any, steps: Any, weighting: Any, pruning: Any) -> Any:
    items, weights, total, touched = room(len(at_ends), pruning)
    begin = 0
    for item in range(len(at_ends)):
        n = 0
        for i in range(begin, at_ends[item]):
            here = at[i]
            for step in range(1, min(steps, ends[session[here]] - 1 - here) + 1):
                weight = decay(weighting, step)
                if weight <= 0.0:
                    break
                after = clicked[here + step]
                if total[after] == 0.0:
                    touched[n] = after
                    n += 1
                total[after] += weight
        begin, filled = at_ends[item], 0
        for i in range(n):
            filled = insert(items[item], weights[item], filled, touched[i], total[touched[i]])
            total[touched[i]] = 0.0
    return items, weights
