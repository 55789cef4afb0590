"""What a ranker learns from, and is measured on: candidates of users as they were, and what each turned to next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from training.finding import find_in_steps
from udfs.features import FEATURES, columns, compute_features
from udfs.tables import RankTables

CANDIDATES, TOP = 100, 20


class Examples(NamedTuple):
    """Lists of candidates.

    Attributes
    ----------
    features : f4[n, K, F]
        In the order of `udfs.features.FEATURES`, 0 after the last candidate.
    items : i4[n, K]
        Item numbers, -1 after the last candidate.
    sequence : i4[n, 12]
        Item numbers of each user's ring, newest first, -1: none.
    right : i4[n]
        Place of the item that she turned to next, -1: it is no candidate.
    """

    features: NDArray[np.float32]
    items: NDArray[np.int32]
    sequence: NDArray[np.int32]
    right: NDArray[np.int32]

    def only(self, which: NDArray[np.bool_] | slice) -> Examples:
        """Give some of the lists."""
        return Examples(self.features[which], self.items[which], self.sequence[which], self.right[which])

    @property
    def found(self) -> NDArray[np.bool_]:
        """Which lists hold the next item; the others teach nothing about order."""
        return self.right >= 0


class Rows(NamedTuple):
    """Candidates one below the other, list by list.

    Attributes
    ----------
    features : f4[m, F]
        Of the candidates.
    chosen : bool[m]
        Whether it is what she turned to next.
    sizes : i8[n]
        How many rows each list has.
    """

    features: NDArray[np.float32]
    chosen: NDArray[np.bool_]
    sizes: NDArray[np.int64]


class Quality(NamedTuple):
    """How well lists were ordered: hit rate and mean reciprocal rank in the first 20."""

    hr: float
    mrr: float

    @property
    def value(self) -> float:
        """What rankers are compared by."""
        return self.hr + self.mrr


def make_examples(tables: RankTables, profiles: NDArray[np.void], following: NDArray[np.uint64]) -> Examples:
    """Make examples.

    Parameters
    ----------
    tables
        Tables from before the examples.
    profiles : PROFILE[n]
        As they were.
    following : u8[n]
        Hash of the item that each user turned to next.
    """
    count = len(profiles)
    features = np.empty((count, CANDIDATES, len(FEATURES)), np.float32)
    items, sequence = np.empty((count, CANDIDATES), np.int32), np.empty((count, 12), np.int32)
    right = np.full(count, -1, np.int32)
    wanted = columns(FEATURES)
    for step, found, same in find_in_steps(tables, profiles, following, CANDIDATES):
        features[step] = compute_features(tables, profiles[step], found, wanted, CANDIDATES).reshape(-1, CANDIDATES, len(FEATURES))
        items[step], sequence[step] = found.item, found.ring
        right[step] = np.where(same.any(1), same.argmax(1), -1)
    return Examples(features, items, sequence, right)


def sample_places(examples: Examples, others: int, seed: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Choose of each list the right item, then random others.

    Parameters
    ----------
    examples
        n lists that hold what came next.
    others
        How many at most.
    seed
        Which.

    Returns
    -------
    i8[n, 1 + others], bool[n, 1 + others]
        Places, the right one first; whether there is a candidate at each.
    """
    lots = np.asarray(np.random.default_rng(seed).random(examples.items.shape))
    lots[examples.items < 0] = 2.0
    lots[np.arange(len(lots)), examples.right] = -1.0
    chosen = np.argsort(lots, 1)[:, : 1 + others]
    return chosen, np.take_along_axis(lots, chosen, 1) < 2.0


def rows_of(examples: Examples, features: Sequence[str], others: int, seed: int) -> Rows:
    """Give rows to fit with: of each list that holds what came next the right candidate, then random others.

    Parameters
    ----------
    examples
        Lists.
    features
        Names of the columns.
    others
        How many of the others at most.
    seed
        Which.
    """
    if not examples.found.all():
        examples = examples.only(examples.found)
    places, filled = sample_places(examples, others, seed)
    chosen = np.zeros(places.shape, np.bool_)
    chosen[:, 0] = True
    rows = examples.features[np.arange(len(places))[:, None], places][filled][:, columns(features)]
    return Rows(rows, chosen[filled], filled.sum(1))


def quality(examples: Examples, scores: NDArray[np.float32]) -> Quality:
    """Measure an order.

    Parameters
    ----------
    examples
        n lists.
    scores : f4[n, K]
        Greater is better; among equals the earlier candidate comes first.
    """
    place = places(examples, scores)
    hit = place < TOP
    return Quality(float(hit.mean()), float(np.where(hit, 1.0 / (1.0 + place), 0.0).mean())) if len(place) else Quality(0.0, 0.0)


def rounded(of: Quality) -> dict[str, float]:
    """Give it as a manifest holds it."""
    return {f"hr@{TOP}": round(of.hr, 4), f"mrr@{TOP}": round(of.mrr, 4)}


def places(examples: Examples, scores: NDArray[np.float32]) -> NDArray[np.int64]:
    """Find where the next item stands in each list, from 0; K where it does not.

    Returns
    -------
    i8[n]
    """
    lists = np.where(examples.items >= 0, scores, -np.inf)
    right = np.maximum(examples.right, 0)
    own = np.take_along_axis(lists, right[:, None].astype(np.int64), 1)
    earlier = np.arange(lists.shape[1]) < right[:, None]
    before = (lists > own) | ((lists == own) & earlier)
    return np.where(examples.found, before.sum(1), lists.shape[1])
