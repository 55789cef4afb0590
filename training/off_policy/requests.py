"""Rankings of a log, done again: the profile as it was at each, and what a bundle makes of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from training.history import History
from training.profiles import follow
from udfs.hashing import hash_many
from udfs.rank import Ranker
from udfs.tables import find_item
from udfs.update import DEADLINE_ASKS

LISTS_A_STEP = 512


@dataclass
class Again:
    """Places of a log beside what a bundle shows to the same shoppers at the same moments.

    Attributes
    ----------
    list, user : i8[n]
        Of each place of the log: number of its list, from 0, and of its shopper.
    position : i8[n]
        Where it stood.
    clicked : bool[n]
        Whether it was clicked.
    score : f8[n]
        As it was logged.
    place : i8[n]
        Where the bundle puts the item; -1: it does not show it.
    features : f4[n, F]
        By the bundle's tables; NaN: the item is not among its candidates.
    target : f4[lists, places, F]
        Features of what the bundle shows; NaN where it shows less.
    owner : i8[lists]
        Shopper of each list.
    unmatched
        Lists whose profile cannot be had again.
    """

    list: NDArray[np.int64]
    user: NDArray[np.int64]
    position: NDArray[np.int64]
    clicked: NDArray[np.bool_]
    score: NDArray[np.float64]
    place: NDArray[np.int64]
    features: NDArray[np.float32]
    target: NDArray[np.float32]
    owner: NDArray[np.int64]
    unmatched: int


def rank_again(ranker: Ranker, history: History, places: pl.DataFrame, seen: int) -> Again:
    """Rank what was ranked.

    Parameters
    ----------
    ranker
        With the bundle.
    history
        The events that the log's profiles were made of, from their beginning.
    places : DataFrame
        Of `training.feedback.attribution.Attributed`.
    seen
        Places of a list that count.
    """
    lists = places.unique("list", keep="first", maintain_order=True).select("list", "user_id", "sequence", "event_time", "reasons")
    rows = _rows(history, lists)
    distinct, profile_of = np.unique(rows[rows >= 0], return_inverse=True)
    wanted = np.zeros(len(history.events), np.bool_)
    wanted[distinct] = True
    profiles, _ = follow(history.events, history.users, ranker.bundle.segments, wanted)
    of_list = np.full(len(lists), -1, np.int64)
    of_list[rows >= 0] = profile_of
    known = of_list >= 0
    # The number of her events alone does not make it the same profile: an archive may begin after her.
    known[known] = profiles["clock"][of_list[known]] == lists["event_time"].to_numpy()[known]
    kept = lists.filter(pl.Series(known)).with_row_index("number").select("list", "number")
    joined = places.join(kept, on="list", how="inner", maintain_order="left")
    number = joined["number"].to_numpy().astype(np.int64)
    item = np.array([int(find_item(ranker.slots, ranker.tables.item_hash, item)) for item in hash_many(joined["item_id"])], np.int64)
    features, target, place = _looked_up(ranker, profiles[of_list[known]], number, item)
    target, place = target[:, :seen], np.where(place < seen, place, -1)
    _, owner = np.unique(lists.filter(pl.Series(known))["user_id"].to_numpy(), return_inverse=True)
    return Again(
        number, owner[number] if len(number) else number, joined["position"].to_numpy().astype(np.int64), joined["clicked"].to_numpy(),
        joined["score"].to_numpy().astype(np.float64), place, features, target, owner, int((~known).sum()),
    )  # fmt: skip


def _rows(history: History, lists: pl.DataFrame) -> NDArray[np.int64]:
    """Find the event that asked for each list: her n-th; -1 where there is none, or it was a deadline."""
    user = history.events["user"]
    order = np.argsort(user, kind="stable")
    begins = np.searchsorted(user[order], np.arange(history.users + 1))
    hashes = hash_many(lists["user_id"])
    number = np.minimum(np.searchsorted(history.user_hash, hashes), max(0, history.users - 1))
    sequence = lists["sequence"].to_numpy()
    known = np.zeros(len(lists), np.bool_)
    if history.users:
        events = begins[number + 1] - begins[number]
        known = (history.user_hash[number] == hashes) & (sequence >= 1) & (sequence <= events)
        known &= (lists["reasons"].to_numpy() & DEADLINE_ASKS) == 0
    rows = np.full(len(lists), -1, np.int64)
    rows[known] = order[begins[number[known]] + sequence[known] - 1]
    return rows


def _looked_up(
    ranker: Ranker, profiles: NDArray[np.void], number: NDArray[np.int64], item: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int64]]:
    """Features of the places, features of what the bundle shows, and where it puts the items of the places."""
    width = len(ranker.bundle.scorer.features)
    features = np.full((len(item), width), np.nan, np.float32)
    target = np.full((len(profiles), ranker.top, width), np.nan, np.float32)
    place = np.full(len(item), -1, np.int64)
    for start in range(0, len(profiles), LISTS_A_STEP):
        some = profiles[start : start + LISTS_A_STEP]
        found, rows, _, chosen = ranker.stages(some)
        by_list = rows.reshape(len(some), ranker.rows, width)
        shown = chosen.position >= 0
        target[start : start + len(some)][shown] = np.take_along_axis(by_list, np.maximum(chosen.position, 0)[:, :, None], 1)[shown]
        here = np.flatnonzero((number >= start) & (number < start + len(some)) & (item >= 0))
        same = found.item[number[here] - start] == item[here, None]
        column = np.where(same.any(1), same.argmax(1), -1)
        here, column = here[column >= 0], column[column >= 0]
        features[here] = by_list[number[here] - start, column]
        at = chosen.position[number[here] - start] == column[:, None]
        place[here] = np.where(at.any(1), at.argmax(1), -1)
    return features, target, place
