"""Who comes to the simulated shop, and when."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.simulator.words import COUNTRIES, REFERRERS

TASTES = 5
DEVICE_WEIGHTS = (0.0, 0.34, 0.58, 0.07, 0.01)  # in the order of the enum of devices
DENIES_PERSONALIZATION, DENIES_ALL = 0.02, 0.01
OTHER_DEVICE = 0.12
HOUR_WEIGHTS = (5, 3, 2, 1, 1, 2, 5, 10, 14, 17, 19, 21, 24, 22, 20, 20, 22, 26, 31, 38, 44, 42, 28, 13)
WEEKDAY_WEIGHTS = (1.0, 0.95, 0.95, 1.0, 0.95, 1.1, 1.25)  # Monday first
HOUR = 3_600_000
DAY = 24 * HOUR

MEDIAN_VISIT, VISIT_SPREAD, MOST_EVENTS = 6.5, 0.8, 80
LONG_VISIT, SWERVES = 10, 0.15
BEFORE_SWERVE, AFTER_SWERVE = 5, 9
POWER_EXPONENT = 0.8
VISITS_A_DAY = 8
"""A shopper who does more stays longer instead: her visits must not run into each other."""


@dataclass(frozen=True)
class Shoppers:
    """Arrays by shopper.

    Attributes
    ----------
    tastes, taste_weights
        Three to five categories each (-1: none), and their cumulated weights.
    price_level
        The price level she likes, in standard deviations.
    buys
        Factor on how readily she buys.
    consent
        0: granted, 1: not for personalisation, 2: not at all.
    """

    tastes: NDArray[np.int32]
    taste_weights: NDArray[np.float64]
    price_level: NDArray[np.float64]
    buys: NDArray[np.float64]
    consent: NDArray[np.int32]
    device: NDArray[np.int32]
    country: NDArray[np.int32]


@dataclass(frozen=True)
class Visits:
    """Arrays by visit, ordered by shopper and then by time.

    Attributes
    ----------
    shopper
        Whose it is.
    start
        Not before this time, in ms.
    events
        How many events it has.
    swerve_at
        Number of the event at which the intent changes; -1: never.
    """

    shopper: NDArray[np.int32]
    start: NDArray[np.int64]
    events: NDArray[np.int32]
    swerve_at: NDArray[np.int32]
    device: NDArray[np.int32]
    referrer: NDArray[np.int32]


def make_shoppers(count: int, categories: int, seed: int) -> Shoppers:
    """Invent shoppers: tastes are Dirichlet weights over a few categories."""
    random = np.random.default_rng([seed, 2])
    tastes = np.argpartition(random.random((count, categories)), min(TASTES, categories) - 1, axis=1)[:, :TASTES].astype(np.int32)
    if categories < TASTES:
        tastes = np.pad(tastes, ((0, 0), (0, TASTES - categories)), constant_values=-1)
    weights = random.gamma(np.array([2.5, 1.5, 1.0, 0.7, 0.5]), size=(count, TASTES)) + 1e-9
    weights[np.arange(TASTES) >= random.integers(3, TASTES + 1, count)[:, None]] = 0
    weights[tastes < 0] = 0
    tastes[weights == 0] = -1
    denied = random.random(count)
    countries = np.array([weight for _, weight in COUNTRIES], float)
    return Shoppers(
        tastes=tastes,
        taste_weights=np.cumsum(weights / weights.sum(1, keepdims=True), 1),
        price_level=random.normal(0, 0.9, count),
        buys=random.lognormal(0, 0.6, count),
        consent=np.where(denied < DENIES_ALL, 2, np.where(denied < DENIES_ALL + DENIES_PERSONALIZATION, 1, 0)).astype(np.int32),
        device=random.choice(len(DEVICE_WEIGHTS), count, p=DEVICE_WEIGHTS).astype(np.int32),
        country=random.choice(len(COUNTRIES), count, p=countries / countries.sum()).astype(np.int32),
    )


def make_visits(events: int, shoppers: Shoppers, activity: str, seed: int, start: int, end: int) -> Visits:
    """Plan visits that have `events` events together.

    Parameters
    ----------
    activity
        ``"even"``, or ``"power"``: shopper number n of an order of chance has a weight of ``n**-0.8``.
    """
    random = np.random.default_rng([seed, 3])
    wanted = int(events / MEDIAN_VISIT) + 8
    while True:
        shopper, stretch = _who(random, wanted, len(shoppers.buys), activity, (end - start) / DAY)
        length, swerve_at = _lengths(random, stretch)
        if length.sum() >= events:
            break
        wanted *= 2
    swerve_at[shoppers.consent[shopper] != 0] = -1  # nobody may notice it

    # Exactly as many events as asked for: whole visits, and a part of one.
    total = np.cumsum(length)
    count = int(np.searchsorted(total, events)) + 1
    shopper, length, swerve_at = shopper[:count], length[:count], swerve_at[:count]
    length[-1] -= total[count - 1] - events
    if length[-1] < swerve_at[-1] + AFTER_SWERVE:
        swerve_at[-1] = -1

    begin = _starts(random, count, start, end)
    order = np.lexsort((begin, shopper))
    device = np.where(
        random.random(count) < OTHER_DEVICE,
        random.choice(len(DEVICE_WEIGHTS), count, p=DEVICE_WEIGHTS),
        shoppers.device[shopper],
    )
    referrers = np.array([weight for _, weight in REFERRERS], float)
    referrer = random.choice(len(REFERRERS), count, p=referrers / referrers.sum())
    return Visits(
        shopper=shopper[order].astype(np.int32),
        start=begin[order],
        events=length[order].astype(np.int32),
        swerve_at=swerve_at[order].astype(np.int32),
        device=device[order].astype(np.int32),
        referrer=referrer[order].astype(np.int32),
    )


def _who(random: np.random.Generator, visits: int, users: int, activity: str, days: float) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Give the shopper of each visit, in no order, and how much longer than usual the visit is."""
    if activity == "even":
        return np.concatenate([random.permutation(users), random.integers(0, users, max(0, visits - users))])[:visits], np.ones(visits)
    weight = np.empty(users)
    weight[random.permutation(users)] = np.arange(1, users + 1) ** -POWER_EXPONENT
    wanted = weight / weight.sum() * visits
    kept = np.minimum(wanted, max(4.0, days * VISITS_A_DAY))
    shopper = random.choice(users, visits, p=kept / kept.sum())
    return shopper, (wanted / kept)[shopper]


def _lengths(random: np.random.Generator, stretch: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Give the events of visits, and where they swerve."""
    count = len(stretch)
    length = np.clip(random.lognormal(np.log(MEDIAN_VISIT), VISIT_SPREAD, count), 1, MOST_EVENTS)
    length = np.maximum(1, length * stretch).astype(np.int64)
    swerves = (length >= LONG_VISIT) & (random.random(count) < SWERVES)
    latest = np.maximum(BEFORE_SWERVE + 1, length - AFTER_SWERVE)
    at = np.where(swerves, BEFORE_SWERVE + (random.random(count) * (latest - BEFORE_SWERVE)).astype(np.int64), -1)
    return np.where(swerves, np.maximum(length, at + AFTER_SWERVE), length), at


def _starts(random: np.random.Generator, count: int, start: int, end: int) -> NDArray[np.int64]:
    """Times with the rhythm of day and week."""
    days = max(1, (end - start) // DAY)
    weekday = (np.arange(days) + (start // DAY + 3)) % 7  # 1970-01-01 was a Thursday
    day_weight = np.array(WEEKDAY_WEIGHTS)[weekday]
    hour_weight = np.array(HOUR_WEIGHTS, float)
    day = random.choice(days, count, p=day_weight / day_weight.sum())
    hour = random.choice(24, count, p=hour_weight / hour_weight.sum())
    return start + day * DAY + hour * HOUR + random.integers(0, HOUR, count)
