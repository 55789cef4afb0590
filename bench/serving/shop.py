"""What there is to serve: a bundle, trained on a simulated shop, and the lists and profiles of its shoppers in a Redis."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from models.bundle import Bundle
from training.history import read_history
from training.simulator import simulate
from training.train import train
from udfs.profile import empty_profiles, pack_profiles
from udfs.rank import Ranker
from udfs.redis_writes import RedisWriter, Target
from udfs.update import Updater

SEED, BATCH = 11, 500


class Shopper(NamedTuple):
    """A shopper.

    Attributes
    ----------
    user
        Her id.
    value
        Her list as it is stored.
    clock
        The time of her last event, in ms.
    """

    user: str
    value: bytes
    clock: int


def prepare(folder: Path, redis_url: str, events: int, users: int, items: int, ranker: str) -> tuple[Path, list[Shopper]]:
    """Simulate, train, rank everybody and write it; gives the bundle's folder and the shoppers."""
    archive, out = folder / "archive", folder / "shop" / "1"
    simulate(archive, events, users, items, SEED)
    train(archive, out, SEED, kinds=(ranker,))
    bundle, history = Bundle.open(out), read_history(archive)
    profiles = empty_profiles(history.users)
    Updater(bundle.segments).apply(profiles, history.events, latest_only=True)
    making, shoppers = Ranker(bundle), list[Shopper]()
    with RedisWriter(Target(redis_url), making.fallbacks()) as writer:
        for start in range(0, len(profiles), BATCH):
            some = profiles[start : start + BATCH]
            names = [b"u%06d" % n for n in range(start, start + len(some))]
            ranked = making.rank(names, some, np.ones(len(some), np.uint8), int(some["clock"].max()))
            versions = np.stack([some["clock"], 2 * some["n_events"]], 1).astype(np.uint64)
            writer.write(names, versions, ranked.values, pack_profiles(some))
            values = [value for (value,) in ranked.values]
            shoppers += map(Shopper, (name.decode() for name in names), values, some["clock"].tolist())
    return out, shoppers
