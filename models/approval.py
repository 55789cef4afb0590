"""What a bundle has to pass before it serves: it is whole, keeps the contract, scores with numbers, and is quick enough."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.bundle import Bundle
from models.registry import open_filed
from udfs.events import EVENT, KIND
from udfs.profile import empty_profiles
from udfs.rank import Ranker
from udfs.tables import BundleError
from udfs.update import Updater

#: Made-up shoppers of the trial, events of each, and how often they are ranked: the quickest round counts, the others met something else.
USERS, EVENTS, ROUNDS = 64, 20, 5
_KINDS = tuple(KIND[name] for name in ("view_item", "view_item", "select_item", "add_to_cart", "purchase", "search"))
_STEPS_MS = (1_000, 60_000, 4_000_000, 500_000_000)


@dataclass(frozen=True)
class Terms:
    """How the job ranks, and how long it may take.

    Attributes
    ----------
    candidates, top, surfaces
        As in the settings of `rank`.
    max_us_per_user
        Limit of what ranking a shopper takes, in microseconds.
    """

    candidates: int = 100
    top: int = 20
    surfaces: tuple[str, ...] = ("home",)
    max_us_per_user: float = 5_000.0


@dataclass(frozen=True)
class Trial:
    """What ranking made-up shoppers came to.

    Attributes
    ----------
    users
        How many.
    dropped
        Scores that were not finite.
    us_per_user
        What ranking one took, in microseconds.
    """

    users: int
    dropped: int
    us_per_user: float

    def refusal(self, max_us_per_user: float) -> str | None:
        """Say why a bundle with this trial must not serve; none: it may.

        Examples
        --------
        >>> Trial(64, 0, 5400.0).refusal(5000.0)
        'it takes 5 400 µs to rank a shopper, and may take 5 000 (model.max_us_per_user)'
        """
        if self.dropped:
            return f"{self.dropped} of its scores for {self.users} made-up shoppers are not finite"
        if self.us_per_user > max_us_per_user:
            took, may = (f"{number:,.0f}".replace(",", " ") for number in (self.us_per_user, max_us_per_user))
            return f"it takes {took} µs to rank a shopper, and may take {may} (model.max_us_per_user)"
        return None


@dataclass(frozen=True)
class Approved:
    """A bundle that may serve, ready to: the kernels are compiled, its files have been read."""

    bundle: Bundle
    trial: Trial


def approve(path: Path, terms: Terms, open_bundle: Callable[[Path], Bundle] = open_filed) -> Approved:
    """Check a bundle completely.

    Parameters
    ----------
    path
        Its folder.
    terms
        What it has to do.
    open_bundle
        How it is opened; by default as one of a registry, whose name and version are those of its folders.

    Raises
    ------
    BundleError
        With the reason why it must not serve.
    """
    bundle = open_bundle(path)
    bundle.check()
    ranker = Ranker(bundle, terms.candidates, terms.top, terms.surfaces)
    ranker.warm_up()
    trial = try_out(ranker)
    if why := trial.refusal(terms.max_us_per_user):
        raise BundleError(f"{path}: {why}")
    return Approved(bundle, trial)


def try_out(ranker: Ranker) -> Trial:
    """Rank made-up shoppers, always the same for a bundle.

    Parameters
    ----------
    ranker
        With the bundle.
    """
    profiles = _shoppers(ranker)
    names = [f"-{i}".encode() for i in range(USERS)]
    reasons = np.zeros(USERS, np.uint8)
    dropped, times = 0, []
    for _ in range(ROUNDS):
        started = time.perf_counter_ns()
        dropped = ranker.rank(names, profiles, reasons, 0).dropped
        times.append(time.perf_counter_ns() - started)
    return Trial(USERS, dropped, min(times) / 1_000 / USERS)


def _shoppers(ranker: Ranker) -> NDArray[np.void]:
    """Make profiles out of events with the bundle's own items: some shoppers are new, some come back."""
    random = np.random.default_rng(1)
    tables, n = ranker.tables, USERS * EVENTS
    events = np.zeros(n, EVENT)
    # Squared: some have many events, some one or none.
    events["user"] = (USERS * random.random(n) ** 2).astype(np.int32)
    events["kind"] = random.choice(_KINDS, n)
    events["device"] = random.integers(0, 5, n)
    events["event_time"] = max(1, ranker.bundle.created_at) + np.cumsum(random.choice(_STEPS_MS, n, p=[0.6, 0.38, 0.019, 0.001]))
    events["event_id"] = np.arange(1, n + 1)
    if len(tables.item_hash):
        item = random.integers(0, len(tables.item_hash), n)
        events["item"], events["category"] = tables.item_hash[item], tables.item_category[item]
    events["quantity"] = 1
    events["price"] = np.round(random.lognormal(3, 1, n), 2)
    profiles = empty_profiles(USERS)
    Updater(ranker.bundle.segments).apply(profiles, events, latest_only=True)
    return profiles
