"""STAN: neighbour sessions, weighed by place and time."""

from __future__ import annotations

from typing import Any, ClassVar

import numba
import numpy as np
from numpy.typing import NDArray

from training.baselines.base import Lists, Prefixes, Progress, Training, rank_parts
from training.baselines.neighbours import add_score, begin, finish, gather, index_sessions, keep_best, make_room

DAY_MS = 86_400_000.0


class STAN:
    """Ranks by neighbour sessions: newer clicks of this session, newer sessions, and items near the shared one in a neighbour count more.

    Garg, Gupta, Malhotra, Vig & Shroff (2019), "Sequence and time aware neighborhood for session-based recommendations: STAN", SIGIR. The
    published settings are those that session-rec found for RSC15, RetailRocket and Diginetica, each for MRR and for hit rate, and its
    defaults. The time of a session is that of its newest click: the time of the next one is not known yet.

    Parameters
    ----------
    k
        Neighbours.
    sample_size
        Latest sessions among which they are.
    lambda_spw
        Clicks after which a click of this session weighs 1/e less in the similarity.
    lambda_snh
        Days after which a neighbour weighs 1/e less.
    lambda_inh
        Clicks, from the last item of a neighbour that this session shares, after which an item of the neighbour weighs 1/e less.
    """

    PUBLISHED: ClassVar[tuple[dict[str, Any], ...]] = (
        {"k": 1_000, "sample_size": 10_000, "lambda_spw": 0.00001, "lambda_snh": 10, "lambda_inh": 2},
        {"k": 1_000, "sample_size": 10_000, "lambda_spw": 0.5, "lambda_snh": 20, "lambda_inh": 0.5},
        {"k": 500, "sample_size": 1_000, "lambda_spw": 1.81, "lambda_snh": 100, "lambda_inh": 0.4525},
        {"k": 200, "sample_size": 5_000, "lambda_spw": 3.62, "lambda_snh": 40, "lambda_inh": 7.24},
        {"k": 500, "sample_size": 10_000, "lambda_spw": 1.225, "lambda_snh": 20, "lambda_inh": 4.9},
        {"k": 100, "sample_size": 5_000, "lambda_spw": 2.45, "lambda_snh": 20, "lambda_inh": 9.8},
        {"k": 500, "sample_size": 5_000, "lambda_spw": 1.02, "lambda_snh": 5, "lambda_inh": 2.05},
    )

    def __init__(
        self, k: int = 500, sample_size: int = 5_000, lambda_spw: float = 1.02, lambda_snh: float = 5, lambda_inh: float = 2.05
    ) -> None:
        self.settings: dict[str, Any] = {
            "k": k,
            "sample_size": sample_size,
            "lambda_spw": lambda_spw,
            "lambda_snh": lambda_snh,
            "lambda_inh": lambda_inh,
        }

    def fit(self, training: Training) -> None:
        """Index the sessions."""
        self._index = index_sessions(training)

    def recommend(self, prefixes: Prefixes, top: int = 20, progress: Progress | None = None) -> Lists:
        """Rank all items after each beginning; see `Baseline`."""
        k, sample, spw, snh, inh = self.settings.values()

        def rank(part: Prefixes, items: NDArray[np.int32], scores: NDArray[np.float64]) -> None:
            _rank(self._index, make_room(self._index), part, k, sample, float(spw), snh * DAY_MS, float(inh), items, scores)

        return rank_parts(rank, prefixes, len(self._index.session_ends), top, progress)


@numba.njit(cache=True, nogil=True)
def _rank(index: Any, room: Any, prefixes: Any, k: Any, sample: Any, spw: Any, snh: Any, inh: Any, items: Any, scores: Any) -> None:
    for case in range(len(prefixes.starts)):
        mine = begin(room, prefixes.items, prefixes.starts[case], prefixes.ends[case])
        length = prefixes.ends[case] - prefixes.starts[case]
        weights, square = np.empty(mine), 0.0
        for i in range(mine):
            weights[i] = np.exp((room.place[room.mine[i]] - length) / spw)
            square += weights[i] * weights[i]
        n = gather(index, room, weights, mine, sample)
        for i in range(n):
            session = room.found[i]
            size = index.ends[session] - (index.ends[session - 1] if session else 0)
            age = np.exp(-(prefixes.times[case] - index.times[session]) / snh)
            room.similarity[i] *= age / np.sqrt(square * size)
        n = keep_best(room, n, k)
        scored = 0
        for i in range(n):
            session = room.found[i]
            start, shared = (index.ends[session - 1] if session else 0), 0
            for at in range(start, index.ends[session]):
                if room.place[index.items[at]] > 0:
                    shared = max(shared, index.places[at])
            for at in range(start, index.ends[session]):
                near = np.exp(-abs(index.places[at] - shared) / inh)
                scored = add_score(room, scored, index.items[at], room.similarity[i] * near)
        finish(room, mine, scored, items[case], scores[case])
