"""S-KNN: what was clicked in the sessions most like this one."""

from __future__ import annotations

from typing import Any, ClassVar

import numba
import numpy as np
from numpy.typing import NDArray

from training.baselines.base import Lists, Prefixes, Progress, Training, rank_parts
from training.baselines.neighbours import add_score, begin, finish, gather, index_sessions, keep_best, make_room

SIMILARITIES = ("cosine", "jaccard")


class SKNN:
    """Ranks by the summed similarity of the neighbour sessions that hold an item.

    Jannach & Ludewig (2017), "When recurrent neural networks meet the neighborhood for session-based recommendation", RecSys: sessions are
    sets of items; of the latest sessions that share an item, the k most similar are the neighbours. The published settings are those of
    session-rec, the authors' implementation.

    Parameters
    ----------
    k
        Neighbours.
    sample_size
        Latest sessions among which they are.
    similarity
        One of `SIMILARITIES`.
    """

    PUBLISHED: ClassVar[tuple[dict[str, Any], ...]] = (
        {"k": 100, "sample_size": 500, "similarity": "cosine"},
        {"k": 500, "sample_size": 10_000, "similarity": "jaccard"},
        {"k": 50, "sample_size": 5_000, "similarity": "cosine"},
        {"k": 500, "sample_size": 1_000, "similarity": "cosine"},
    )

    def __init__(self, k: int = 100, sample_size: int = 500, similarity: str = "cosine") -> None:
        self.settings: dict[str, Any] = {"k": k, "sample_size": sample_size, "similarity": similarity}

    def fit(self, training: Training) -> None:
        """Index the sessions."""
        self._index = index_sessions(training)

    def recommend(self, prefixes: Prefixes, top: int = 20, progress: Progress | None = None) -> Lists:
        """Rank all items after each beginning; see `Baseline`."""
        k, sample, jaccard = self.settings["k"], self.settings["sample_size"], self.settings["similarity"] == "jaccard"

        def rank(part: Prefixes, items: NDArray[np.int32], scores: NDArray[np.float64]) -> None:
            _rank(self._index, make_room(self._index), part, k, sample, jaccard, items, scores)

        return rank_parts(rank, prefixes, len(self._index.session_ends), top, progress)


@numba.njit(cache=True, nogil=True)
def _rank(index: Any, room: Any, prefixes: Any, k: Any, sample: Any, jaccard: Any, items: Any, scores: Any) -> None:
    for case in range(len(prefixes.starts)):
        mine = begin(room, prefixes.items, prefixes.starts[case], prefixes.ends[case])
        n = gather(index, room, np.ones(mine), mine, sample)
        for i in range(n):
            session, shared = room.found[i], room.similarity[i]
            size = index.ends[session] - (index.ends[session - 1] if session else 0)
            room.similarity[i] = shared / (mine + size - shared) if jaccard else shared / np.sqrt(mine * size)
        scored = 0
        for i in range(keep_best(room, n, k)):
            session = room.found[i]
            for at in range(index.ends[session - 1] if session else 0, index.ends[session]):
                scored = add_score(room, scored, index.items[at], room.similarity[i])
        finish(room, mine, scored, items[case], scores[case])
