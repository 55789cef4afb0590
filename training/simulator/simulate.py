"""A simulated shop: who comes, what they do, written as an archive."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.simulator.catalogue import Catalogue, make_catalogue
from training.simulator.choices import Shop
from training.simulator.encode import event_id, make_parts
from training.simulator.order import arrange
from training.simulator.shoppers import DAY, MEDIAN_VISIT, make_shoppers, make_visits
from training.simulator.walk import Walked, walk
from training.simulator.writing import LogWriter
from udfs.container import ArchiveError
from udfs.errors import UsageError
from udfs.hashing import hash_many

START = 1_709_510_400_000
"""Monday, 2024-03-04, 00:00 UTC."""
LEAST_DAYS, MOST_DAYS, DAYS_A_VISIT = 14, 365, 0.5
LEAST_ITEMS = 10
ACTIVITIES = ("even", "power")

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Simulated:
    """What `simulate` wrote.

    Attributes
    ----------
    archive
        The folder.
    events, duplicates, poison
        Good events, how many of them come twice, and values that are no events.
    users, items, visits, swerves
        Shoppers who came, items there are, visits, and how many of those swerve.
    days
        Simulated time.
    poison_kinds
        Poison by the reason that its dead letter must have.
    """

    archive: Path
    events: int
    duplicates: int
    poison: int
    users: int
    items: int
    visits: int
    swerves: int
    days: int
    poison_kinds: dict[str, int] = field(default_factory=dict)


def simulate(
    out: Path,
    events: int,
    users: int,
    items: int,
    seed: int,
    *,
    late_seconds: float = 0,
    duplicates: float = 0,
    poison: float = 0,
    activity: str = "even",
    partitions: int = 4,
    shop_seed: int | None = None,
    end: int | None = None,
    progress: Progress | None = None,
) -> Simulated:
    """Simulate a shop and write an archive.

    The folder gets ``events-<partition>-<number>.avro``, ``catalog.csv`` and ``truth.jsonl`` (one line for each swerve: ``user_id``,
    ``event_time`` and ``event_id`` of the first event of the new intent, categories ``from`` and ``to``). It appears when it is complete.
    The same arguments give the same files.

    Parameters
    ----------
    out
        A folder that does not exist, or is empty.
    events
        Number of events, without what is repeated or poison.
    users, items
        Number of shoppers and of items.
    seed
        Of everything.
    late_seconds
        A tenth of the events arrives up to that much later than it happened; 0: none.
    duplicates, poison
        Shares of `events` that come twice, and that come again as poison. With poison the files hold raw records.
    activity
        ``"even"``: shoppers come about equally often; ``"power"``: by a power law.
    partitions
        Files; a shopper's events are all in one.
    shop_seed
        Of the catalogue; default: `seed`. The same shop in another season has the same `shop_seed` and another `seed`.
    end
        When the simulated time is over, in ms; default: as long after `START` as it lasts.
    progress
        Called with the events written and to write.

    Raises
    ------
    UsageError
        If an argument is out of range.
    ArchiveError
        If the folder is not empty or cannot be written.
    """
    _check(events, users, items, seed, late_seconds, duplicates, poison, activity, partitions)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ArchiveError(f"{out} is there already", "give a folder that is not, or remove it")
    days = int(np.clip(events / users / MEDIAN_VISIT * DAYS_A_VISIT, LEAST_DAYS, MOST_DAYS))
    start = START if end is None else end - days * DAY
    end = start + days * DAY
    catalogue = make_catalogue(items, seed if shop_seed is None else shop_seed, start, end)
    shoppers = make_shoppers(users, len(catalogue.categories), seed)
    visits = make_visits(events, shoppers, activity, seed, start, end)
    shop = Shop(*(getattr(catalogue, name) for name in Shop._fields))
    walked = walk(
        seed, shop, shoppers.tastes, shoppers.taste_weights, shoppers.price_level, shoppers.buys,
        visits.shopper, visits.start, visits.events, visits.swerve_at,
    )  # fmt: skip
    log = arrange(walked.time, late_seconds, duplicates, poison, seed)
    digits = max(6, len(str(users - 1)))
    user_ids = [f"u{n:0{digits}d}" for n in range(users)]
    partition = (hash_many(user_ids) % np.uint64(partitions)).astype(np.int64)[visits.shopper[walked.visit[log.rows]]]
    parts = make_parts(catalogue, shoppers, visits, user_ids)

    unfinished = out.with_name(f".{out.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        unfinished.mkdir(parents=True)
        catalogue.write(unfinished / "catalog.csv")
        _write_truth(unfinished / "truth.jsonl", walked, visits.shopper, user_ids, catalogue, seed)
        kinds = LogWriter(unfinished, seed, walked, visits.shopper, parts, items, log, progress).write(partition, partitions)
        if out.exists():
            out.rmdir()
        unfinished.rename(out)
    except OSError as error:
        raise ArchiveError(f"cannot write {out}: {error.strerror or error}", "is there space, and may you write there?") from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return Simulated(
        out, events, log.duplicates, int(log.poison.sum()), len(np.unique(visits.shopper)), items, len(visits.start), len(walked.swerves),
        days, dict(sorted(kinds.items())),
    )  # fmt: skip


def _write_truth(
    path: Path, walked: Walked, visit_shopper: NDArray[np.int32], user_ids: list[str], catalogue: Catalogue, seed: int
) -> None:
    rows = walked.swerves[:, 0]
    order = np.argsort(walked.time[rows], kind="stable")
    with path.open("w", encoding="utf-8") as file:
        for row, before, after in walked.swerves[order].tolist():
            line = {
                "user_id": user_ids[visit_shopper[walked.visit[row]]],
                "event_time": int(walked.time[row]),
                "event_id": event_id(seed, row),
                "from": catalogue.categories[before],
                "to": catalogue.categories[after],
            }
            file.write(json.dumps(line, ensure_ascii=False) + "\n")


def _check(
    events: int, users: int, items: int, seed: int, late_seconds: float, duplicates: float, poison: float, activity: str, partitions: int
) -> None:
    for name, value, least in (
        ("events", events, 1),
        ("users", users, 1),
        ("items", items, LEAST_ITEMS),
        ("partitions", partitions, 1),
        ("seed", seed, 0),
    ):
        if value < least:
            raise UsageError(f"{name} is {value}", f"at least {least}")
    for name, share in (("duplicates", duplicates), ("poison", poison)):
        if not 0 <= share <= 1:
            raise UsageError(f"{name} is {share}", "a share from 0 to 1")
    if not 0 <= late_seconds <= DAY / 1000:
        raise UsageError(f"late_seconds is {late_seconds}", "from 0 to 86400")
    if activity not in ACTIVITIES:
        raise UsageError(f"no activity {activity}", f"one of {', '.join(ACTIVITIES)}")
