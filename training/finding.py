"""Candidates of many users, a few at a time, and where the item that each turned to next stands among them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from udfs.candidates import Candidates, Quotas, find_candidates
from udfs.session_neighbours import working_memory
from udfs.tables import RankTables, item_slots

USERS_A_STEP = 512


class Found(NamedTuple):
    """Candidates of some of the users.

    Attributes
    ----------
    step
        Which users.
    candidates
        Theirs, K places each.
    right : bool[R, K]
        Where the next item stands.
    """

    step: slice
    candidates: Candidates
    right: NDArray[np.bool_]


def find_in_steps(tables: RankTables, profiles: NDArray[np.void], following: NDArray[np.uint64], total: int) -> Iterator[Found]:
    """Find candidates.

    Parameters
    ----------
    tables
        The tables.
    profiles : PROFILE[n]
        As they were.
    following : u8[n]
        Hash of the item that each user turned to next.
    total
        K.
    """
    slots, quotas = item_slots(tables.item_hash), Quotas.of(total, tables.quotas[1:].tolist())
    working = working_memory(len(tables.session_ends))
    for start in range(0, len(profiles), USERS_A_STEP):
        step = slice(start, min(len(profiles), start + USERS_A_STEP))
        found = find_candidates(tables, slots, profiles[step], quotas, working)
        yield Found(step, found, (found.item >= 0) & (tables.item_hash[found.item] == following[step, None]))
