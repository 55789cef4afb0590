"""What models of a shopper see: features of her profile, and of each category in it. Defined in docs/semantics.md, section "Estimates"."""

from __future__ import annotations

import math
from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from udfs.events import DEVICES, KIND
from udfs.profile import CATEGORIES, RING, SHORT_PANES
from udfs.windows import SHORT_PANE_MS, long_count, short_count

USER_FEATURES = (
    "log_events", "log_visits", "log_visit_events", "log_visit_seconds", "log_pace", "log_days", "log_days_a_visit", "log_lists",
    "log_views", "log_searches", "log_wishes", "log_carts", "log_removals", "log_checkouts", "log_purchases", "log_refunds", "cart_rate",
    "purchase_rate", "log_cart_items", "cart_waits", "log_abandoned", "bought_in_visit", "log_days_since_purchase", "log_spent",
    "log_price", "log_engagement", "focus_known", "focus_share", "interests", "shifted", "log_shifts", "visit_items", "visit_repeats",
    "last_is_cart", "last_is_purchase", "desktop", "mobile", "tablet", "hour_sin", "hour_cos",
)  # fmt: skip
CATEGORY_FEATURES = (
    "short_share", "long_share", "log_short", "log_long", "is_focus", "lead", "evidence", "pane_share", "recency", "rival_share", "place",
    "interests", "log_events", "log_visit_events", "shifted", "bought_in_visit", "log_price",
)  # fmt: skip
BLOCK = 4
MOST = 100.0  # a sum of prices may be beyond all numbers
DAY_MS, HOUR_MS = 86_400_000, 3_600_000
_VIEWS, _CARTS, _PURCHASES = 2, 5, 8
_DESKTOP, _MOBILE, _TABLET = (DEVICES.index(name) for name in ("desktop", "mobile", "tablet"))
_CART, _PURCHASE = KIND["add_to_cart"], KIND["purchase"]
_LOG_EVENTS, _LOG_VISIT_EVENTS, _SHIFTED, _BOUGHT, _LOG_PRICE = (
    USER_FEATURES.index(name) for name in ("log_events", "log_visit_events", "shifted", "bought_in_visit", "log_price")
)


class CategoryRows(NamedTuple):
    """The categories of some users, behind each other.

    Attributes
    ----------
    features : f4[n, A]
        n a multiple of `BLOCK`; the rows after the last category are 0.
    user, entry : i4[m]
        Whose each row is, and which of her entries.
    """

    features: NDArray[np.float32]
    user: NDArray[np.int32]
    entry: NDArray[np.int32]


def padded(rows: int) -> int:
    """Fill up to a whole number, at least 1, of the row groups of matrix kernels, so that no result depends on its neighbours."""
    return max(1, -(-rows // BLOCK)) * BLOCK


def user_features(profiles: NDArray[np.void]) -> NDArray[np.float32]:
    """Compute `USER_FEATURES`.

    Parameters
    ----------
    profiles : PROFILE[R]
        One profile a user.

    Returns
    -------
    f4[padded(R), U]
        The rows after the last user are 0.
    """
    rows = np.zeros((padded(len(profiles)), len(USER_FEATURES)), np.float32)
    _user_features(profiles, rows)
    return rows


def category_features(profiles: NDArray[np.void]) -> CategoryRows:
    """Compute `CATEGORY_FEATURES` of every category that a profile has an entry of.

    Parameters
    ----------
    profiles : PROFILE[R]
        One profile a user.
    """
    used = np.argwhere(profiles["categories"]["category"] != 0).astype(np.int32)
    user, entry = np.ascontiguousarray(used[:, 0]), np.ascontiguousarray(used[:, 1])
    rows = np.zeros((padded(len(used)), len(CATEGORY_FEATURES)), np.float32)
    _category_features(profiles, user, entry, rows)
    return CategoryRows(rows, user, entry)


@numba.njit(nogil=True, cache=True)
def _user_features(profiles, out):  # type: ignore[no-untyped-def]
    row = np.zeros(len(USER_FEATURES))
    for r in range(len(profiles)):
        _of_user(profiles[r], row)
        for f in range(len(row)):
            out[r, f] = np.float32(row[f])


@numba.njit(nogil=True, cache=True)
def _of_user(profile, row):  # type: ignore[no-untyped-def]
    t = profile.last_time
    seconds = (t - profile.visit_start) / 1000.0
    days = (t - profile.first_time) / DAY_MS
    row[0] = math.log(1.0 + profile.n_events)
    row[1] = math.log(1.0 + profile.visits)
    row[2] = math.log(1.0 + profile.visit_events)
    row[3] = math.log(1.0 + seconds)
    row[4] = math.log(1.0 + _ratio(seconds, profile.visit_events))
    row[5] = math.log(1.0 + days)
    row[6] = math.log(1.0 + _ratio(days, profile.visits))
    for group in range(1, 10):
        row[6 + group] = math.log(1.0 + profile.counts[group])
    views, carts, purchases = float(profile.counts[_VIEWS]), float(profile.counts[_CARTS]), float(profile.counts[_PURCHASES])
    row[16] = _ratio(carts, views + carts)
    row[17] = _ratio(purchases, views + carts + purchases)
    row[18] = math.log(1.0 + profile.cart_items)
    row[19] = 1.0 if profile.cart_deadline > 0 else 0.0
    row[20] = math.log(1.0 + profile.abandoned)
    bought = profile.last_purchase_time > 0
    row[21] = 1.0 if bought and profile.last_purchase_time >= profile.visit_start else 0.0
    row[22] = math.log(1.0 + (t - profile.last_purchase_time) / DAY_MS) if bought else 0.0
    row[23] = min(MOST, math.log(1.0 + profile.monetary)) if profile.monetary > 0.0 else 0.0
    row[24] = min(MOST, math.log(1.0 + profile.price_sum / profile.price_n)) if profile.price_n > 0 else 0.0
    row[25] = math.log(1.0 + profile.engagement_ms / 1000.0)
    shorts, of_focus, interests = 0, 0, 0
    for k in range(CATEGORIES):
        entry = profile.categories[k]
        count = short_count(entry)
        shorts += count
        if entry.category != 0 and count > 0:
            interests += 1
        if entry.category != 0 and entry.category == profile.focus:
            of_focus = count
    row[26] = 1.0 if profile.focus != 0 else 0.0
    row[27] = _ratio(float(of_focus), float(shorts))
    row[28] = interests / CATEGORIES
    row[29] = 1.0 if profile.shifts > 0 and profile.shift_time >= profile.visit_start else 0.0
    row[30] = math.log(1.0 + profile.shifts)
    _of_ring(profile, row)
    row[35] = 1.0 if profile.device == _DESKTOP else 0.0
    row[36] = 1.0 if profile.device == _MOBILE else 0.0
    row[37] = 1.0 if profile.device == _TABLET else 0.0
    hour = (t // HOUR_MS) % 24
    row[38] = math.sin(hour * (math.pi / 12.0))
    row[39] = math.cos(hour * (math.pi / 12.0))


@numba.njit(nogil=True, cache=True)
def _of_ring(profile, row):  # type: ignore[no-untyped-def]
    items, repeats = 0, 0
    n = int(profile.items_n)
    row[33], row[34] = 0.0, 0.0
    for j in range(min(n, RING)):
        place = profile.items[(n - 1 - j) % RING]
        if place.visit != profile.visits % 256:
            continue
        items += 1
        for newer in range(j):
            other = profile.items[(n - 1 - newer) % RING]
            if other.item == place.item and other.visit == place.visit:
                repeats += 1
                break
        if j == 0:
            row[33] = 1.0 if place.kind == _CART else 0.0
            row[34] = 1.0 if place.kind == _PURCHASE else 0.0
    row[31], row[32] = items / RING, repeats / RING


@numba.njit(nogil=True, cache=True)
def _category_features(profiles, user, entry, out):  # type: ignore[no-untyped-def]
    of_user, row = np.zeros(len(USER_FEATURES)), np.zeros(len(CATEGORY_FEATURES))
    short, pane = np.zeros(CATEGORIES, np.int64), np.zeros(CATEGORIES, np.int64)
    before, shorts, longs, panes, used = -1, 0, 0, 0, 0
    for i in range(len(user)):
        profile = profiles[user[i]]
        newest = profile.last_time // SHORT_PANE_MS
        if user[i] != before:
            before, shorts, longs, panes, used = user[i], 0, 0, 0, 0
            _of_user(profile, of_user)
            for k in range(CATEGORIES):
                short[k], pane[k] = short_count(profile.categories[k]), profile.categories[k].short[newest % SHORT_PANES]
                shorts, longs, panes = shorts + short[k], longs + long_count(profile.categories[k]), panes + pane[k]
                used += profile.categories[k].category != 0
        k = entry[i]
        own = profile.categories[k]
        recency, rival, greater, own_rival = 0.0, 0, 0, 0
        for age in range(SHORT_PANES):
            if own.short[(newest - age) % SHORT_PANES] > 0:
                recency = 1.0 / (1.0 + age)
                break
        for other in range(CATEGORIES):
            if other != k and profile.categories[other].category != 0:
                rival = max(rival, short[other])
                greater += short[other] > short[k]
                own_rival = max(own_rival, int(profile.categories[other].own))
        count = long_count(own)
        row[0] = _ratio(float(short[k]), float(shorts))
        row[1] = _ratio(float(count), float(longs))
        row[2], row[3] = math.log(1.0 + short[k]), math.log(1.0 + count)
        row[4] = 1.0 if own.category == profile.focus else 0.0
        row[5], row[6] = (int(own.own) - own_rival) / 2048.0, own.evidence / 2048.0
        row[7] = _ratio(float(pane[k]), float(panes))
        row[8], row[9] = recency, _ratio(float(rival), float(shorts))
        row[10], row[11] = 1.0 / (1.0 + greater), used / CATEGORIES
        row[12], row[13], row[14] = of_user[_LOG_EVENTS], of_user[_LOG_VISIT_EVENTS], of_user[_SHIFTED]
        row[15], row[16] = of_user[_BOUGHT], of_user[_LOG_PRICE]
        for f in range(len(row)):
            out[i, f] = np.float32(row[f])


@numba.njit(nogil=True, cache=True)
def _ratio(part, whole):  # type: ignore[no-untyped-def]
    return part / whole if whole > 0 else 0.0
