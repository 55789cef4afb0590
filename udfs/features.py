"""Features of candidates, the same code in the job and in training. Defined in docs/semantics.md, section "Features"."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from udfs.candidates import Candidates
from udfs.profile import CATEGORIES, RING
from udfs.tables import RankTables

FEATURES = (
    "similar_score",
    "similar_last",
    "similar_rank",
    "category_short",
    "category_long",
    "is_focus",
    "price_gap",
    "brand_match",
    "subcategory_match",
    "seen_before",
    "popularity",
    "category_popularity",
    "trend",
    "conversion",
    "log_price",
    "is_new",
    "log_events",
    "log_visit_events",
    "cart_rate",
    "purchase_rate",
    "focus_known",
    "shifted",
    "mobile",
)
ITEM_FEATURES, USER_FEATURES = 10, 16  # where those of the item and of the user begin
VIEWS, CARTS, PURCHASES = 2, 5, 8
MOBILE = 2


def columns(names: Sequence[str]) -> NDArray[np.int64]:
    """Give the positions of features in `FEATURES`.

    Parameters
    ----------
    names
        Their names.

    Examples
    --------
    >>> columns(["similar_last", "mobile"]).tolist()
    [1, 22]
    """
    return np.array([FEATURES.index(name) for name in names], np.int64)


def compute_features(
    tables: RankTables, profiles: NDArray[np.void], found: Candidates, wanted: NDArray[np.int64], rows: int
) -> NDArray[np.float32]:
    """Compute the features of the candidates of some users.

    Parameters
    ----------
    tables
        The bundle's tables.
    profiles : PROFILE[R]
        One profile a user.
    found
        Their candidates, K places each.
    wanted : i8[F]
        Positions in `FEATURES`.
    rows
        Rows a user, at least K; those after the last candidate are 0.

    Returns
    -------
    f4[R * rows, F]
    """
    out = np.zeros((len(profiles) * rows, len(wanted)), np.float32)
    _compute(tables, profiles, found, wanted, rows, out)
    return out


@numba.njit(cache=True, nogil=True)
def _compute(tables: Any, profiles: Any, found: Any, wanted: Any, rows: int, out: Any) -> None:
    row = np.zeros(len(FEATURES), np.float64)
    short = np.empty(CATEGORIES, np.float64)
    long = np.empty(CATEGORIES, np.float64)
    weights = np.empty(RING, np.float64)
    for r in range(len(profiles)):
        profile = profiles[r]
        price = _user_features(profile, row)
        _category_shares(profile, short, long)
        ring = found.ring[r]
        total = 0.0
        for j in range(RING):
            weights[j] = 1.0 / (1.0 + j) if ring[j] >= 0 else 0.0
            total += weights[j]
        for k in range(found.filled[r]):
            item = found.item[r, k]
            row[0] = found.similar_score[r, k]
            row[1] = found.similar_last[r, k]
            row[2] = 1.0 / (1.0 + found.rank[r, k]) if found.rank[r, k] >= 0 else 0.0
            _category_features(profile, tables.item_category[item], short, long, row)
            log_price = np.float64(tables.log_price[item])
            row[6] = log_price - price if log_price != 0.0 and profile.price_n > 0 else 0.0
            _ring_features(tables, ring, weights, total, item, row)
            row[10] = tables.popularity[item]
            row[11] = tables.category_popularity[item]
            row[12] = tables.trend[item]
            row[13] = tables.conversion[item]
            row[14] = log_price
            row[15] = tables.is_new[item]
            at = r * rows + k
            for f in range(len(wanted)):
                out[at, f] = np.float32(row[wanted[f]])


@numba.njit(cache=True, nogil=True)
def _share(part: Any, whole: Any) -> Any:
    return part / whole if whole != 0.0 else 0.0


@numba.njit(cache=True, nogil=True)
def _user_features(profile: Any, row: Any) -> float:
    """Fill what is the same for all candidates; give the logarithm of her mean price."""
    views = np.float64(profile.counts[VIEWS])
    carts = np.float64(profile.counts[CARTS])
    purchases = np.float64(profile.counts[PURCHASES])
    row[16] = math.log(1.0 + profile.n_events)
    row[17] = math.log(1.0 + profile.visit_events)
    row[18] = _share(carts, views + carts)
    row[19] = _share(purchases, views + carts + purchases)
    row[20] = 1.0 if profile.focus != 0 else 0.0
    row[21] = 1.0 if profile.shifts > 0 and profile.shift_time >= profile.visit_start else 0.0
    row[22] = 1.0 if profile.device == MOBILE else 0.0
    return math.log(1.0 + profile.price_sum / profile.price_n) if profile.price_n > 0 else 0.0


@numba.njit(cache=True, nogil=True)
def _category_shares(profile: Any, short: Any, long: Any) -> None:
    short_total, long_total = 0, 0
    for i in range(CATEGORIES):
        entry = profile.categories[i]
        s, t = 0, 0
        for pane in range(len(entry.short)):
            s += entry.short[pane]
        for pane in range(len(entry.long)):
            t += entry.long[pane]
        short[i], long[i] = s, t
        short_total += s
        long_total += t
    for i in range(CATEGORIES):
        short[i] = _share(short[i], np.float64(short_total))
        long[i] = _share(long[i], np.float64(long_total))


@numba.njit(cache=True, nogil=True)
def _category_features(profile: Any, category: Any, short: Any, long: Any, row: Any) -> None:
    row[3], row[4] = 0.0, 0.0
    row[5] = 1.0 if category != 0 and category == profile.focus else 0.0
    if category != 0:
        for i in range(CATEGORIES):
            if profile.categories[i].category == category:
                row[3], row[4] = short[i], long[i]
                break


@numba.njit(cache=True, nogil=True)
def _ring_features(tables: Any, ring: Any, weights: Any, total: float, item: int, row: Any) -> None:
    brand, subcategory = tables.item_brand[item], tables.item_subcategory[item]
    same_brand, same_subcategory, seen = 0.0, 0.0, 0.0
    for j in range(RING):
        x = ring[j]
        if x < 0:
            continue
        if tables.item_brand[x] == brand:
            same_brand += weights[j]
        if tables.item_subcategory[x] == subcategory:
            same_subcategory += weights[j]
        if x == item:
            seen = 1.0
    row[7] = _share(same_brand, total) if brand >= 0 else 0.0
    row[8] = _share(same_subcategory, total) if subcategory >= 0 else 0.0
    row[9] = seen
