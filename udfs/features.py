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
from udfs.similar import ASSOCIATION, ASSOCIATION_LAST, CONTENT, SEQUENTIAL, SEQUENTIAL_LAST, SESSION, SESSION_COUNT, SESSION_NEXT
from udfs.tables import RankTables

FEATURES = (
    "session_score",
    "session_share",
    "session_next",
    "session_count",
    "association",
    "association_last",
    "sequential",
    "sequential_last",
    "sequential_share",
    "content",
    "embedding_last",
    "embedding_mean",
    "embedding_best",
    "similar_rank",
    "seen_place",
    "seen_count",
    "is_last",
    "category_short",
    "category_long",
    "is_focus",
    "price_gap",
    "brand_match",
    "subcategory_match",
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
    "ring_size",
    "last_popularity",
    "session_best",
    "sequential_best",
    "click_propensity",
    "purchase_propensity",
    "churn_risk",
    "category_affinity",
)
OF_RING, OF_INTEREST, OF_ITEM, OF_USER, OF_RANKING, OF_ESTIMATES = 10, 17, 23, 29, 36, 40  # where each group after the first begins
VIEWS, CARTS, PURCHASES = 2, 5, 8
MOBILE = 2
BYTE = 127.0  # a vector of length 1 is stored in units of 1 / 127


def columns(names: Sequence[str]) -> NDArray[np.int64]:
    """Give the positions of features in `FEATURES`.

    Parameters
    ----------
    names
        Their names.

    Examples
    --------
    >>> columns(["session_share", "mobile"]).tolist()
    [1, 35]
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
    for r in range(len(profiles)):
        profile = profiles[r]
        price = _user_features(profile, row)
        _category_shares(profile, short, long)
        ring, weight = found.ring[r], found.weight[r]
        norm = _ranking_features(tables, found, r, row)
        for k in range(found.filled[r]):
            item = found.item[r, k]
            _similar_features(found, r, k, norm, row)
            _ring_features(tables, ring, weight, item, row)
            _category_features(profile, tables.item_category[item], short, long, row)
            log_price = np.float64(tables.log_price[item])
            row[OF_INTEREST + 3] = log_price - price if log_price != 0.0 and profile.price_n > 0 else 0.0
            row[OF_ITEM] = tables.popularity[item]
            row[OF_ITEM + 1] = tables.category_popularity[item]
            row[OF_ITEM + 2] = tables.trend[item]
            row[OF_ITEM + 3] = tables.conversion[item]
            row[OF_ITEM + 4] = log_price
            row[OF_ITEM + 5] = tables.is_new[item]
            at = r * rows + k
            for f in range(len(wanted)):
                out[at, f] = np.float32(row[wanted[f]])


@numba.njit(cache=True, nogil=True)
def _ranking_features(tables: Any, found: Any, r: int, row: Any) -> float:
    """Fill what says how much is known; give the length of the ring's weights."""
    squares, places, newest = 0.0, 0, -1
    for j in range(RING):
        x = found.ring[r, j]
        if x < 0:
            continue
        places += 1
        if newest < 0:
            newest = x
        repeated = False
        for newer in range(j):
            repeated = repeated or found.ring[r, newer] == x
        if not repeated:
            squares += found.weight[r, j] * found.weight[r, j]
    norm = math.sqrt(squares)
    row[OF_RANKING] = places / RING
    row[OF_RANKING + 1] = tables.popularity[newest] if newest >= 0 else 0.0
    row[OF_RANKING + 2] = _share(found.greatest[r, 0], norm)
    row[OF_RANKING + 3] = found.greatest[r, 2]
    return norm


@numba.njit(cache=True, nogil=True)
def _similar_features(found: Any, r: int, k: int, norm: float, row: Any) -> None:
    signals = found.signals[r, k]
    row[0] = _share(signals[SESSION], norm)
    row[1] = _share(signals[SESSION], found.greatest[r, 0])
    row[2] = _share(signals[SESSION_NEXT], norm)
    row[3] = signals[SESSION_COUNT]
    row[4] = signals[ASSOCIATION]
    row[5] = signals[ASSOCIATION_LAST]
    row[6] = signals[SEQUENTIAL]
    row[7] = signals[SEQUENTIAL_LAST]
    row[8] = _share(signals[SEQUENTIAL], found.greatest[r, 2])
    row[9] = signals[CONTENT]
    row[OF_RING + 3] = 1.0 / (1.0 + found.rank[r, k]) if found.rank[r, k] >= 0 else 0.0


@numba.njit(cache=True, nogil=True)
def _share(part: Any, whole: Any) -> Any:
    return part / whole if whole != 0.0 else 0.0


@numba.njit(cache=True, nogil=True)
def _user_features(profile: Any, row: Any) -> float:
    """Fill what is the same for all candidates; give the logarithm of her mean price."""
    views = np.float64(profile.counts[VIEWS])
    carts = np.float64(profile.counts[CARTS])
    purchases = np.float64(profile.counts[PURCHASES])
    row[OF_USER] = math.log(1.0 + profile.n_events)
    row[OF_USER + 1] = math.log(1.0 + profile.visit_events)
    row[OF_USER + 2] = _share(carts, views + carts)
    row[OF_USER + 3] = _share(purchases, views + carts + purchases)
    row[OF_USER + 4] = 1.0 if profile.focus != 0 else 0.0
    row[OF_USER + 5] = 1.0 if profile.shifts > 0 and profile.shift_time >= profile.visit_start else 0.0
    row[OF_USER + 6] = 1.0 if profile.device == MOBILE else 0.0
    row[OF_ESTIMATES] = profile.click_propensity
    row[OF_ESTIMATES + 1] = profile.purchase_propensity
    row[OF_ESTIMATES + 2] = profile.churn_risk
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
    row[OF_INTEREST], row[OF_INTEREST + 1], row[OF_ESTIMATES + 3] = 0.0, 0.0, 0.0
    row[OF_INTEREST + 2] = 1.0 if category != 0 and category == profile.focus else 0.0
    if category != 0:
        for i in range(CATEGORIES):
            if profile.categories[i].category == category:
                row[OF_INTEREST], row[OF_INTEREST + 1] = short[i], long[i]
                row[OF_ESTIMATES + 3] = profile.categories[i].affinity / 255.0
                break


@numba.njit(cache=True, nogil=True)
def _ring_features(tables: Any, ring: Any, weight: Any, item: int, row: Any) -> None:
    brand, subcategory = tables.item_brand[item], tables.item_subcategory[item]
    same_brand, same_subcategory, total = 0.0, 0.0, 0.0
    close, last, best = 0.0, 0.0, 0.0
    newest, count = -1, 0
    for j in range(RING):
        x = ring[j]
        if x < 0:
            continue
        total += weight[j]
        if tables.item_brand[x] == brand:
            same_brand += weight[j]
        if tables.item_subcategory[x] == subcategory:
            same_subcategory += weight[j]
        cosine = _cosine(tables.item_vectors, x, item)
        close += weight[j] * cosine
        if j == 0:
            last = cosine
        if x == item:
            count += 1
            if newest < 0:
                newest = j
        elif cosine > best:
            best = cosine
    row[OF_RING] = last
    row[OF_RING + 1] = _share(close, total)
    row[OF_RING + 2] = best
    row[OF_RING + 4] = 1.0 / (1.0 + newest) if newest >= 0 else 0.0
    row[OF_RING + 5] = count
    row[OF_RING + 6] = 1.0 if newest == 0 else 0.0
    row[OF_INTEREST + 4] = _share(same_brand, total) if brand >= 0 else 0.0
    row[OF_INTEREST + 5] = _share(same_subcategory, total) if subcategory >= 0 else 0.0


@numba.njit(cache=True, nogil=True, inline="always")
def _cosine(vectors: Any, x: int, y: int) -> float:
    """Multiply two vectors: whole numbers, so that the order of the sum does not matter."""
    total = np.int32(0)
    for d in range(vectors.shape[1]):
        total += np.int32(vectors[x, d]) * np.int32(vectors[y, d])
    return float(total / (BYTE * BYTE))
