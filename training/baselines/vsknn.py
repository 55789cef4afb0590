"""VS-KNN: neighbour sessions, with more weight on the newest clicks."""

from __future__ import annotations

from typing import Any, ClassVar

import numba
import numpy as np
from numpy.typing import NDArray

from training.baselines.base import Lists, Prefixes, Progress, Training, rank_parts
from training.baselines.kernels import DECAYS, decay, place_weight
from training.baselines.neighbours import add_score, begin, finish, gather, index_sessions, keep_best, make_room


class VSKNN:
    """Ranks by the summed similarity of the neighbour sessions that hold an item; rare items count more.

    Ludewig & Jannach (2018), "Evaluation of session-based recommendation algorithms", User Modeling and User-Adapted Interaction 28,
    section "Vector multiplication session-based kNN"; the weight by inverse document frequency is that of Ludewig, Mauro, Latifi & Jannach
    (2021), "Empirical analysis of session-based recommendation algorithms", same journal 31. The published settings are those of
    session-rec, the authors' implementation. There a linear weight turns negative for what lies far back; here it ends at 0.

    Parameters
    ----------
    k
        Neighbours.
    sample_size
        Latest sessions among which they are.
    weighting
        How the weight of a click in the similarity falls with its distance from the newest: one of `DECAYS`.
    weighting_score
        How the weight of a neighbour falls with the distance of the newest click that it shares: one of `DECAYS`.
    idf_weighting
        How much rare items count more: a score is multiplied by 1 + this * ln(sessions / clicks of the item).
    """

    PUBLISHED: ClassVar[tuple[dict[str, Any], ...]] = (
        {"k": 500, "sample_size": 5_000, "weighting": "quadratic", "weighting_score": "div", "idf_weighting": 5},
        {"k": 100, "sample_size": 1_000, "weighting": "quadratic", "weighting_score": "quadratic", "idf_weighting": 0},
        {"k": 1_500, "sample_size": 2_500, "weighting": "same", "weighting_score": "linear", "idf_weighting": 0},
        {"k": 1_000, "sample_size": 5_000, "weighting": "log", "weighting_score": "quadratic", "idf_weighting": 2},
        {"k": 100, "sample_size": 1_000, "weighting": "div", "weighting_score": "div", "idf_weighting": 0},
    )

    def __init__(
        self, k: int = 100, sample_size: int = 1_000, weighting: str = "div", weighting_score: str = "div", idf_weighting: float = 0
    ) -> None:
        self.settings: dict[str, Any] = {
            "k": k,
            "sample_size": sample_size,
            "weighting": weighting,
            "weighting_score": weighting_score,
            "idf_weighting": idf_weighting,
        }

    def fit(self, training: Training) -> None:
        """Index the sessions."""
        self._index = index_sessions(training)
        clicks = np.bincount(training.sessions.items, minlength=training.items)
        idf = np.log(max(1, len(training.sessions.ends)) / np.maximum(clicks, 1))
        self._rare = np.maximum(0.0, 1.0 + self.settings["idf_weighting"] * idf)

    def recommend(self, prefixes: Prefixes, top: int = 20, progress: Progress | None = None) -> Lists:
        """Rank all items after each beginning; see `Baseline`."""
        k, sample = self.settings["k"], self.settings["sample_size"]
        weighting, weighting_score = (DECAYS.index(self.settings[name]) for name in ("weighting", "weighting_score"))

        def rank(part: Prefixes, items: NDArray[np.int32], scores: NDArray[np.float64]) -> None:
            _rank(self._index, make_room(self._index), part, k, sample, weighting, weighting_score, self._rare, items, scores)

        return rank_parts(rank, prefixes, len(self._index.session_ends), top, progress)


@numba.njit(cache=True, nogil=True)
def _rank(
    index: Any, room: Any, prefixes: Any, k: Any, sample: Any, weighting: Any, weighting_score: Any, rare: Any, items: Any, scores: Any
) -> None:
    for case in range(len(prefixes.starts)):
        mine = begin(room, prefixes.items, prefixes.starts[case], prefixes.ends[case])
        length = prefixes.ends[case] - prefixes.starts[case]
        weights = np.empty(mine)
        for i in range(mine):
            weights[i] = place_weight(weighting, room.place[room.mine[i]], length)
        n = gather(index, room, weights, mine, sample)
        room.similarity[:n] /= mine
        n = keep_best(room, n, k)
        scored = 0
        for i in range(n):
            session = room.found[i]
            start, newest = (index.ends[session - 1] if session else 0), 0
            for at in range(start, index.ends[session]):
                newest = max(newest, room.place[index.items[at]])
            weight = room.similarity[i] * decay(weighting_score, length - newest + 1)
            for at in range(start, index.ends[session]):
                scored = add_score(room, scored, index.items[at], weight * rare[index.items[at]])
        finish(room, mine, scored, items[case], scores[case])
