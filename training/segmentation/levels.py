"""What marks a shopper beside categories: price level, intent, and whether she buys; all relative to the shop.

Intent has three levels. Of each shopper two numbers are taken:

- *buying*: the share of carts, checkout steps and purchases among her events;
- *comparing*: the mean of two shares: of the items that she came back to among the last ones she turned to, and of the category that she
  looks at most among all that she looks at.

She is **about to buy** if her *buying* is above that of two thirds of the shop; else **comparing** if her *comparing* is above that of half
of it; else **browsing**. A segment is called after the first of the two upper levels, from above, that is at least `MARKED` times as
frequent in it as in the shop (with `DOUBT`); else browsing.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from udfs.profile import RING

INTENTS = ("browsing", "comparing", "about to buy")
PRICE_LEVELS = ("budget", "mid-range", "premium")
PROPENSITIES = ("low", "average", "high")
MARKED = 1.1
BUYING_ABOVE, COMPARING_ABOVE = 2 / 3, 1 / 2
BUYS_OFTEN, BUYS_RARELY = 1.25, 0.8
DOUBT = 50
"""Shoppers of the shop's average that are added to a segment before its share is held against the shop's: a handful proves nothing."""
_CARTS, _CHECKOUTS, _PURCHASES = 5, 7, 8
Floats = NDArray[np.float64]


def intents(profiles: NDArray[np.void]) -> NDArray[np.int64]:
    """Give the intent of each shopper, as the place in `INTENTS`.

    Parameters
    ----------
    profiles : PROFILE[n]
        Of one shop.

    Returns
    -------
    i8[n]
    """
    if not len(profiles):
        return np.zeros(0, np.int64)
    buying, comparing = _buying(profiles), _comparing(profiles)
    buys = buying > np.quantile(buying, BUYING_ABOVE)
    compares = comparing > np.quantile(comparing, COMPARING_ABOVE)
    return np.where(buys, 2, np.where(compares, 1, 0)).astype(np.int64)


def intent_level(counts: Sequence[int], shop: Sequence[float]) -> str:
    """Give the level of a segment.

    Parameters
    ----------
    counts
        Shoppers of the segment by place in `INTENTS`.
    shop
        Share of each in the shop.
    """
    for level in (2, 1):
        if counts[level] and lift(counts[level], sum(counts), shop[level]) >= MARKED:
            return INTENTS[level]
    return INTENTS[0]


def lift(count: int, size: int, shop: float) -> float:
    """Give the ratio of a segment's share to the shop's, drawn towards 1 where the segment is small (`DOUBT`).

    Parameters
    ----------
    count, size
        How many of the segment.
    shop
        The shop's share, above 0.
    """
    return (count + DOUBT * shop) / (size + DOUBT) / shop


def prices(profiles: NDArray[np.void]) -> Floats:
    """Give the mean price of what each shopper looked at, in the shop's currency; NaN where there is none.

    Returns
    -------
    f8[n]
    """
    known = profiles["price_n"] > 0
    return np.where(known, profiles["price_sum"] / np.maximum(1, profiles["price_n"]), np.nan)


def price_bounds(of_shop: Floats) -> tuple[float, float] | None:
    """Give the terciles of the shop's prices; None if there are none, or all are alike."""
    known = of_shop[np.isfinite(of_shop)]
    if not len(known):
        return None
    lower, upper = (float(bound) for bound in np.quantile(known, [1 / 3, 2 / 3]))
    return (lower, upper) if lower < upper else None


def price_level(of_segment: Floats, bounds: tuple[float, float] | None) -> str | None:
    """Give the level of a segment's median price; None if it or the shop has no prices."""
    known = of_segment[np.isfinite(of_segment)]
    if bounds is None or not len(known):
        return None
    median = float(np.median(known))
    return PRICE_LEVELS[0 if median <= bounds[0] else 2 if median >= bounds[1] else 1]


def buyers(profiles: NDArray[np.void]) -> NDArray[np.bool_]:
    """Tell who has bought.

    Returns
    -------
    bool[n]
    """
    found: NDArray[np.bool_] = profiles["counts"][:, _PURCHASES] > 0
    return found


def propensity(bought: int, size: int, shop: float) -> tuple[str | None, float | None]:
    """Say how readily a segment buys, beside the shop.

    Parameters
    ----------
    bought, size
        Buyers of the segment, and all of it.
    shop
        Share of buyers in the shop.

    Returns
    -------
    str, float
        One of `PROPENSITIES`, and the ratio of the shares (with `DOUBT`); None and None in a shop where nobody buys.
    """
    if shop <= 0:
        return None, None
    ratio = lift(bought, size, shop)
    return PROPENSITIES[2 if ratio >= BUYS_OFTEN else 0 if ratio <= BUYS_RARELY else 1], ratio


def _buying(profiles: NDArray[np.void]) -> Floats:
    counts = profiles["counts"].astype(np.float64)
    return _ratio(counts[:, [_CARTS, _CHECKOUTS, _PURCHASES]].sum(1), counts.sum(1))


def _comparing(profiles: NDArray[np.void]) -> Floats:
    held = np.minimum(profiles["items_n"], RING).astype(np.int64)
    # Free places of the ring count as the item 0, which no event has.
    items = np.where(np.arange(RING) < held[:, None], profiles["items"]["item"], np.uint64(0))
    ordered = np.sort(items, 1)
    different = (ordered[:, 1:] != ordered[:, :-1]).sum(1) + 1 - (held < RING)
    longs = profiles["categories"]["long"].sum(2).astype(np.float64)
    return (_ratio(held - different, held) + _ratio(longs.max(1), longs.sum(1))) / 2


def _ratio(part: NDArray[np.generic], whole: NDArray[np.generic]) -> Floats:
    top, bottom = part.astype(np.float64), whole.astype(np.float64)
    return np.divide(top, bottom, out=np.zeros(len(top)), where=bottom > 0)
