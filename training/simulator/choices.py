"""What a shopper chooses: an intent, a subcategory, an item. Compiled."""

# Compiled code: Numba's types are not those that mypy sees.
# mypy: disable-error-code="assignment, arg-type, return-value, no-any-return"

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from training.simulator.random_stream import below, mix, normal, uniform

CANDIDATES = 3
SAME_FAMILY = 0.55
FAVOURITE_SUB = 0.8
BRAND_BONUS, LEVEL_WEIGHT, CHANCE_WEIGHT = 1.1, 0.7, 0.5
BRANDS_A_CATEGORY = 10
SWERVE_OUTSIDE_TASTES = 0.85
NOISE_FROM_TASTES = 0.6
ATTEMPTS = 12


class Shop(NamedTuple):
    """The arrays of a catalogue that the compiled code reads; see `Catalogue`."""

    category_subs: NDArray[np.int32]
    category_of_sub: NDArray[np.int32]
    sub_items: NDArray[np.int32]
    family_start: NDArray[np.int32]
    family_end: NDArray[np.int32]
    sub: NDArray[np.int32]
    popularity: NDArray[np.float64]
    brand: NDArray[np.int32]
    level: NDArray[np.float32]
    visible_from: NDArray[np.int64]


@njit(cache=True, nogil=True)
def prefers(user: int, category: int, brand: int) -> bool:
    """Whether she likes a brand of a category: two of its ten."""
    first = mix(user * 1_000_003 + category * 101)
    return np.uint64(brand) in (first % np.uint64(BRANDS_A_CATEGORY), (first >> np.uint64(32)) % np.uint64(BRANDS_A_CATEGORY))


@njit(cache=True, nogil=True)
def taste(stream: NDArray[np.uint64], tastes: NDArray[np.int32], weights: NDArray[np.float64]) -> int:
    """Draw one of her long tastes."""
    u = uniform(stream)
    for n in range(tastes.size):
        if tastes[n] >= 0 and u < weights[n]:
            return tastes[n]
    return tastes[np.argmax(weights)] if tastes[0] < 0 else tastes[0]


@njit(cache=True, nogil=True)
def swerve_target(stream: NDArray[np.uint64], shop: Shop, tastes: NDArray[np.int32], intent: int) -> int:
    """Draw another intent, mostly outside her tastes."""
    outside = uniform(stream) < SWERVE_OUTSIDE_TASTES
    target = intent
    for attempt in range(ATTEMPTS * 4):
        target = below(stream, shop.category_subs.size - 1)
        if target != intent and (attempt >= ATTEMPTS or (target in tastes) != outside):
            return target
    return (intent + 1) % (shop.category_subs.size - 1)


@njit(cache=True, nogil=True)
def noise_category(stream: NDArray[np.uint64], shop: Shop, tastes: NDArray[np.int32], weights: NDArray[np.float64]) -> int:
    """Draw the category of an event that has nothing to do with the intent."""
    if uniform(stream) < NOISE_FROM_TASTES:
        return taste(stream, tastes, weights)
    item = _popular(stream, shop, 0, shop.sub.size)
    return shop.category_of_sub[shop.sub[item]]


@njit(cache=True, nogil=True)
def subcategory(stream: NDArray[np.uint64], shop: Shop, category: int) -> int:
    """Draw a subcategory by its popularity."""
    begin, end = shop.sub_items[shop.category_subs[category]], shop.sub_items[shop.category_subs[category + 1]]
    return shop.sub[_popular(stream, shop, begin, end)]


@njit(cache=True, nogil=True)
def item(
    stream: NDArray[np.uint64], shop: Shop, user: int, category: int, favourite: int, previous: int, price_level: float, now: int
) -> int:
    """Choose an item of a category: the best of a few that she comes across.

    What she comes across is popular, mostly in her favourite subcategory, often of the family of the item before.
    """
    best, best_score = -1, -1e9
    for _ in range(CANDIDATES):
        if previous >= 0 and shop.category_of_sub[shop.sub[previous]] == category and uniform(stream) < SAME_FAMILY:
            begin, end = shop.family_start[previous], shop.family_end[previous]
        else:
            sub = favourite if favourite >= 0 and uniform(stream) < FAVOURITE_SUB else subcategory(stream, shop, category)
            begin, end = shop.sub_items[sub], shop.sub_items[sub + 1]
        found = _popular(stream, shop, begin, end)
        score = CHANCE_WEIGHT * normal(stream) - LEVEL_WEIGHT * abs(shop.level[found] - price_level)
        if prefers(user, category, shop.brand[found]):
            score += BRAND_BONUS
        if found == previous or shop.visible_from[found] > now:
            score -= 100.0
        if score > best_score:
            best, best_score = found, score
    if shop.visible_from[best] > now:
        begin, end = shop.sub_items[shop.category_subs[category]], shop.sub_items[shop.category_subs[category + 1]]
        for found in range(begin, end):
            if shop.visible_from[found] <= now:
                return found
    return best


@njit(cache=True, nogil=True)
def _popular(stream: NDArray[np.uint64], shop: Shop, begin: int, end: int) -> int:
    """Draw an item of a range by popularity."""
    low = shop.popularity[begin]
    wanted = low + uniform(stream) * (shop.popularity[end] - low)
    return begin + np.searchsorted(shop.popularity[begin + 1 : end], wanted, side="right")
