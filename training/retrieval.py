"""How candidates are found: chosen for each shop, since shops differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.examples import CANDIDATES, TOP
from training.finding import find_in_steps
from training.session_index import SessionIndex, session_weights
from udfs.candidates import USUAL_QUOTAS
from udfs.profile import RING
from udfs.tables import RankTables

DISTANCES = 32
#: What is better by less than this is chance.
WORTH = 0.003
MORE_SIMILAR, ALL_SIMILAR = (65, 12, 5, 3, 8, 4, 3), (90, 4, 2, 1, 2, 1, 0)
Choices = dict[str, tuple[object, ...]]
#: Tried one after the other, each with what was best before it.
CHOICES: Choices = {
    "repeats": (False, True),
    "quotas": (USUAL_QUOTAS, MORE_SIMILAR, ALL_SIMILAR),
    "blend": ((1.0, 0.1, 0.5, 0.2), (1.0, 0.2, 0.2, 0.0), (0.5, 0.2, 1.0, 0.2), (1.0, 0.0, 1.0, 0.0), (0.7, 0.3, 0.5, 0.6)),
    "memory": (2.0, 1.0, 4.0, 8.0),
    "reach": (2.0, 1.0, 4.0),
    "recency": (0.5, 0.0, 2.0, 5.0),
}


@dataclass(frozen=True)
class Retrieval:
    """How candidates are found; a shop's own is chosen on a validation split (`training.retrieval`).

    Attributes
    ----------
    repeats
        Whether what she has just seen, or bought, may be shown again.
    memory
        Places of the ring after which an item weighs 1 / e as much.
    reach
        Clicks of a past session after which an item weighs 1 / e as much.
    recency
        How many times e a session as old as the history weighs less than a new one.
    blend
        Weights of sessions, association, sequential, content.
    quotas
        Percentages of the sources; `udfs.candidates.USUAL_QUOTAS`.
    """

    repeats: bool = False
    memory: float = 2.0
    reach: float = 2.0
    recency: float = 0.5
    blend: tuple[float, float, float, float] = (1.0, 0.1, 0.5, 0.2)
    quotas: tuple[int, ...] = USUAL_QUOTAS

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Retrieval:
        """Read what `dataclasses.asdict` made, by way of JSON."""
        values: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in document.items()}
        return cls(**values)

    def apply(self, tables: RankTables, index: SessionIndex) -> RankTables:
        """Put it into tables.

        Parameters
        ----------
        tables
            Tables of items.
        index
            The past sessions that they hold.
        """
        return tables._replace(
            session_weight=session_weights(index, self.recency),
            place_weights=np.exp(-np.arange(RING) / self.memory),
            distance_weights=np.exp(-np.arange(DISTANCES) / self.reach),
            blend=np.array(self.blend, np.float64),
            quotas=np.array([int(self.repeats), *self.quotas], np.int32),
        )


def choose_retrieval(
    tables: RankTables, index: SessionIndex, profiles: NDArray[np.void], following: NDArray[np.uint64], repeats: bool | None = None
) -> tuple[Retrieval, list[dict[str, object]]]:
    """Choose how candidates are found by what finds the next item most often.

    Parameters
    ----------
    tables, index
        From before the cases.
    profiles : PROFILE[n]
        As they were.
    following : u8[n]
        Hash of the item that each user turned to next.
    repeats
        Whether items come again; None: chosen as the rest is.

    Returns
    -------
    Retrieval, list of dict
        The choice, and all that was tried: what was changed, how often the next item was among the candidates, and their first 20.
    """
    best = Retrieval(repeats=bool(repeats))
    if not len(profiles):
        return best, []
    trials: list[dict[str, object]] = []

    def measure(retrieval: Retrieval) -> tuple[float, float, float]:
        found_at = _places(retrieval.apply(tables, index), profiles, following)
        recall, hits = float(np.mean(found_at < CANDIDATES)), float(np.mean(found_at < TOP))
        return recall, hits, float(np.mean(np.where(found_at < TOP, 1.0 / (1.0 + found_at), 0.0)))

    def value(measures: tuple[float, float, float]) -> float:
        # What is not among the candidates is lost; how they are ordered, the ranker puts right.
        return 2 * measures[0] + measures[1] + measures[2]

    reached = measure(best)
    for name, options in CHOICES.items():
        if name == "repeats" and repeats is not None:
            continue
        base = best
        for option in options:
            if option == getattr(base, name):
                measures = reached if base == best else measure(base)
            else:
                measures = measure(replace(base, **{name: option}))  # type: ignore[arg-type]
            trials.append({name: option, "recall@100": measures[0], "hr@20": measures[1], "mrr@20": measures[2]})
            if value(measures) > value(reached) + WORTH:
                best, reached = replace(base, **{name: option}), measures  # type: ignore[arg-type]
    return best, trials


def _places(tables: RankTables, profiles: NDArray[np.void], following: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Find where the next items stand: by blend, among the similar ones; 100 where they are no candidates, 99 at worst where they are."""
    places = []
    for _, found, right in find_in_steps(tables, profiles, following, CANDIDATES):
        at = right.argmax(1)
        rank = found.rank[np.arange(len(at)), at]
        places.append(np.where(right.any(1), np.where(rank >= 0, rank, CANDIDATES - 1), CANDIDATES))
    return np.concatenate(places)
