"""The walk of the shoppers through the shop: visits → events. Compiled; one step is one event."""

# Compiled code: Numba's types are not those that mypy sees.
# mypy: disable-error-code="assignment, arg-type, return-value, no-any-return"

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from training.simulator.choices import Shop, item, noise_category, subcategory, swerve_target, taste
from training.simulator.random_stream import mix, normal, uniform

(
    OTHER, PAGE_VIEW, LIST, SELECT, VIEW, SEARCH, WISH, ADD, REMOVE, VIEW_CART, CHECKOUT, SHIPPING, PAYMENT, PURCHASE, REFUND,
    VIEW_PROMOTION, SELECT_PROMOTION,
) = range(17)  # fmt: skip
"""Positions in the enum of event names; as states: what she did last."""

NOISE = 0.12
VISIT_GAP, VISIT_GAP_SPREAD = 32 * 60_000, 90 * 60_000
MEDIAN_STEP, STEP_SPREAD, LONGEST_STEP = 16_000.0, 0.8, 10 * 60_000.0
LONGEST_VISIT = 5_400_000.0
LONGEST_ENGAGEMENT = 180_000.0
NEW_INTEREST, INTEREST_FADES = 0.4, 0.75
CART_SIZE = 6
REFUNDS = 0.03


class Walked(NamedTuple):
    """Events in the order of the visits, and the swerves.

    Attributes
    ----------
    time
        In ms.
    kind
        Position of the event name.
    what
        Item; for what is about a subcategory, number of items + subcategory; -1: nothing.
    quantity, order, engagement, visit
        -1: none.
    swerves
        Event, category before, category after.
    """

    time: NDArray[np.int64]
    kind: NDArray[np.int8]
    what: NDArray[np.int32]
    quantity: NDArray[np.int32]
    order: NDArray[np.int32]
    engagement: NDArray[np.int32]
    visit: NDArray[np.int32]
    swerves: NDArray[np.int32]


@njit(cache=True, nogil=True)
def walk(
    seed: int,
    shop: Shop,
    tastes: NDArray[np.int32],
    taste_weights: NDArray[np.float64],
    price_level: NDArray[np.float64],
    buys: NDArray[np.float64],
    visit_shopper: NDArray[np.int32],
    visit_start: NDArray[np.int64],
    visit_events: NDArray[np.int32],
    visit_swerve: NDArray[np.int32],
) -> Walked:
    """Let every shopper make her visits.

    A step follows from the step before (a small Markov chain: search, list, select, view, cart, checkout). A share `NOISE` of the
    steps is about something else than the visit's intent. After a swerve the new interest may come back in later visits.
    """
    total = visit_events.sum()
    n_items = shop.sub.size
    out = Walked(
        np.empty(total, np.int64),
        np.empty(total, np.int8),
        np.full(total, -1, np.int32),
        np.full(total, -1, np.int32),
        np.full(total, -1, np.int32),
        np.full(total, -1, np.int32),
        np.empty(total, np.int32),
        np.empty((int((visit_swerve >= 0).sum()), 3), np.int32),
    )
    row, swerves, orders = 0, 0, 0
    stream = np.zeros(1, np.uint64)
    cart = np.empty(CART_SIZE, np.int32)
    user, ended, interest, pull, bought = -1, 0, -1, 0.0, -1
    for visit in range(visit_shopper.size):
        if visit_shopper[visit] != user:
            user, interest, pull, bought = visit_shopper[visit], -1, 0.0, -1
            stream[0] = mix(np.uint64(seed) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(user))
            now = visit_start[visit]
        else:
            now = max(visit_start[visit], ended + VISIT_GAP + np.int64(uniform(stream) * VISIT_GAP_SPREAD))
        mine, weights, level = tastes[user], taste_weights[user], price_level[user]
        length, swerve_at = visit_events[visit], visit_swerve[visit]
        pace = min(MEDIAN_STEP, LONGEST_VISIT / length)
        intent = interest if interest >= 0 and uniform(stream) < pull else taste(stream, mine, weights)
        pull *= INTEREST_FADES
        favourite = subcategory(stream, shop, intent)
        last, looked_at, in_cart, step = OTHER, -1, 0, 0
        while step < length:
            kind, what, quantity, order, selected = PAGE_VIEW, -1, -1, -1, last == SELECT
            u = uniform(stream)
            if step == swerve_at:
                before = intent
                intent = swerve_target(stream, shop, mine, intent)
                favourite, looked_at = subcategory(stream, shop, intent), -1
                out.swerves[swerves] = (row, before, intent)
                swerves += 1
                interest, pull = intent, NEW_INTEREST
                kind = SEARCH if u < 0.4 else (SELECT if u < 0.6 else VIEW)
                last, selected = kind, False
            elif last in (CHECKOUT, SHIPPING, PAYMENT) and u < 0.86:
                kind = last + 1
                if kind == PURCHASE:
                    if in_cart <= (swerve_at if step < swerve_at else length) - step:
                        orders += 1
                        order = orders - 1
                        for n in range(in_cart):
                            out.time[row], out.kind[row], out.what[row], out.visit[row] = now, PURCHASE, cart[n], visit
                            out.quantity[row], out.order[row] = 1, order
                            row += 1
                        bought = cart[in_cart - 1]
                        step += in_cart
                        in_cart, last = 0, OTHER
                        now += _pause(stream, pace)
                        continue
                    kind = VIEW_CART
                last = kind
            elif uniform(stream) < NOISE:
                category = noise_category(stream, shop, mine, weights)
                kind = VIEW
                what = item(stream, shop, user, category, -1, -1, level, now)
            else:
                kind = _next(last, u, in_cart, buys[user])
                if kind == REFUND and (bought < 0 or step > 2):
                    kind = PAGE_VIEW
                last = kind
            if what < 0:
                if kind in (SELECT, VIEW, WISH, ADD):
                    if looked_at < 0 or kind == SELECT or (kind == VIEW and not selected):
                        looked_at = item(stream, shop, user, intent, favourite, looked_at, level, now)
                    what = looked_at
                    if kind == ADD:
                        quantity = 1 if uniform(stream) < 0.9 else 2
                        if in_cart < CART_SIZE:
                            cart[in_cart] = what
                            in_cart += 1
                elif kind == REMOVE:
                    in_cart -= 1
                    what, quantity = cart[in_cart], 1
                elif kind == REFUND:
                    what, quantity, bought = bought, 1, -1
                elif kind in (SEARCH, LIST, VIEW_PROMOTION, SELECT_PROMOTION):
                    what = n_items + (favourite if uniform(stream) < 0.75 else subcategory(stream, shop, intent))
            out.time[row], out.kind[row], out.what[row], out.visit[row] = now, kind, what, visit
            out.quantity[row], out.order[row] = quantity, order
            pause = _pause(stream, pace)
            if kind in (VIEW, PAGE_VIEW, LIST):
                out.engagement[row] = np.int32(min(LONGEST_ENGAGEMENT, pause * (0.4 + 0.6 * uniform(stream))))
            now += pause
            row += 1
            step += 1
        ended = now
    return out


@njit(cache=True, nogil=True)
def _pause(stream: NDArray[np.uint64], median: float) -> int:
    return np.int64(min(LONGEST_STEP, 400.0 + median * math.exp(STEP_SPREAD * normal(stream))))


@njit(cache=True, nogil=True)
def _next(last: int, u: float, in_cart: int, buys: float) -> int:
    """Draw what she does next, within her intent."""
    if last == OTHER:  # she arrives
        if u < 0.22:
            return PAGE_VIEW
        if u < 0.27:
            return VIEW_PROMOTION
        if u < 0.275:
            return REFUND
        return SEARCH if u < 0.5 else (LIST if u < 0.75 else VIEW)
    if last in (SEARCH, LIST, VIEW_PROMOTION, SELECT_PROMOTION, PAGE_VIEW):
        if u < 0.38:
            return SELECT
        if u < 0.74:
            return VIEW
        if last == VIEW_PROMOTION and u < 0.8:
            return SELECT_PROMOTION
        return LIST if u < 0.9 else SEARCH
    if last == SELECT:
        return VIEW
    if last in (VIEW, WISH):
        if u < min(0.25, 0.075 * buys):
            return ADD
        if u < min(0.25, 0.075 * buys) + 0.02:
            return WISH if last == VIEW else VIEW
        if u < 0.76:
            return VIEW
        if u < 0.86:
            return SELECT
        return LIST if u < 0.93 else SEARCH
    if in_cart > 0:
        if last == VIEW_CART and u < 0.12:
            return REMOVE
        if u < 0.5:
            return CHECKOUT
        if u < 0.6:
            return VIEW_CART
    return VIEW if u < 0.85 else SEARCH
