"""The logs that job and oracle both read, and what the oracle makes of them."""

from __future__ import annotations

import csv
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest

from tests.oracle.run import OracleResult, run
from training.importers import import_file
from training.simulator import simulate
from training.train import train
from udfs.archive import ArchiveWriter, files_of, index, read_records
from udfs.container import read_header
from udfs.schemas import load

EVENTS, USERS, ITEMS = 20_000, 1_000, 500
BLOCK = 100
BETWEEN = 500  # more than a tiny batch: what comes after them is of another
SLICE = Path(__file__).parents[3] / "shared" / "data" / "rees46_oct2019_sample" / "events.csv.gz"
DAY, ABANDONED = 86_400_000, 600_000
AWKWARD = 'Zoë "λ\\🦊" {x}\t\x01'
T = TypeVar("T")


class Logs:
    """Makes archives, bundles and the oracle's results when they are first asked for, and keeps them.

    Parameters
    ----------
    folder : Path
        Where they lie.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._oracle: dict[tuple[str, str, tuple[str, ...]], OracleResult] = {}

    def archive(self, name: str) -> Path:
        """The archive `clean`, `troubled` (late, repeated, poisoned) or `rees46`."""
        make = {"clean": _clean, "troubled": _troubled, "rees46": _rees46}[name]
        return self._once(self._folder / name, lambda out: _in_small_blocks(make, out))

    def bundle(self, name: str) -> Path:
        """The bundle trained for an archive, each with a ranker of another kind; the simulated ones have the same shop, and one bundle."""
        source, kind = ("rees46", "sequence") if name == "rees46" else ("clean", "boosted")
        return self._once(self._folder / "models" / source / "1", lambda out: train(self.archive(source), out, kinds=(kind,)))

    def oracle(self, name: str, rank_on: str, surfaces: tuple[str, ...]) -> OracleResult:
        """What the oracle makes of an archive; for every surface, as each has values of its own."""
        key = (name, rank_on, surfaces)
        if key not in self._oracle:
            now = int(time.time() * 1000)
            self._oracle[key] = run(self.archive(name), self.bundle(name), rank_on, surfaces=surfaces, now=now)
        return self._oracle[key]

    @property
    def work(self) -> Path:
        """The work folder of all runs: one process has one JVM, which logs where the first run says."""
        return self._folder / "work"

    def flink_logs(self) -> list[Path]:
        """What Flink has logged."""
        return sorted((self.work / "log").iterdir())

    def _once(self, out: Path, make: Callable[[Path], object]) -> Path:
        if not out.exists():
            out.parent.mkdir(parents=True, exist_ok=True)
            make(out)
        return out


def _in_small_blocks(make: Callable[[Path], None], out: Path) -> None:
    """Make an archive and write it anew in blocks that a tiny batch has several of: a batch never cuts a block."""
    draft = out.with_name(f"{out.name}.draft")
    make(draft)
    out.mkdir()
    for _, path in files_of(draft):
        partition = int(path.name.split("-")[1])
        with path.open("rb") as file, ArchiveWriter(out, read_header(file.read(), path).schema, partition) as writer:
            writer.append_records(read_records(draft, f"events-{partition}"), BLOCK)
    shutil.copy(draft / "catalog.csv", out)
    shutil.rmtree(draft)


def _clean(out: Path) -> None:
    simulate(out, EVENTS, USERS, ITEMS, seed=1)
    _add_edges(out)


def _troubled(out: Path) -> None:
    simulate(out, EVENTS, USERS, ITEMS, seed=2, shop_seed=1, late_seconds=30, duplicates=0.05, poison=0.01)
    _add_edges(out)


def _rees46(out: Path) -> None:
    if not SLICE.exists():
        pytest.fail(
            f"no {SLICE}: put a slice of REES46's 2019-Oct.csv there, gzipped, header included (its README says which)", pytrace=False
        )
    import_file("rees46", SLICE, out)


def _add_edges(archive: Path) -> None:
    """Add two partitions of users at the edges of the rules: one before all other events, one at the end of the log."""
    log = index(archive, EVENTS)
    begin, end = log.min_time, log.max_time
    with (archive / "catalog.csv").open(encoding="utf-8", newline="") as file:
        items = [row for _, row in zip(range(6), csv.DictReader(file), strict=False)]

    def event(user: str, at: int, number: int, name: str = "view_item", **more: Any) -> dict[str, Any]:
        item = items[number % len(items)]
        return {
            "event_id": f"{user}-{number}",
            "user_id": user,
            "event_name": name,
            "event_time": at,
            "item_id": item["item_id"],
            "item_category": item["item_category"],
            "price": float(item["price"] or 0),
            "personalization_storage": "GRANTED",
            **more,
        }

    before = [
        *(event("too late at the end", begin - 40 * DAY + i, i) for i in range(3)),
        *(event(f"between {i % 50}", begin - 40 * DAY + i, i // 50) for i in range(BETWEEN)),
        event("too late at the end", begin - 80 * DAY, 3),
        event("too late at the end", begin - 80 * DAY, 3),
        event("never came back", begin - 39 * DAY, 0, "add_to_cart", quantity=2),
        event("came back in the same batch", begin - 38 * DAY, 0, "add_to_cart"),
        event("came back in the same batch", begin - 37 * DAY, 1, "add_to_cart"),
        event("came back in the same batch", begin - 36 * DAY, 2),
        event("without consent", begin - 35 * DAY, 0, personalization_storage="DENIED"),
        *(event(AWKWARD, begin - 35 * DAY + i, i, "purchase" if i % 3 else "search") for i in range(20)),
    ]
    last = [
        event("abandons at the end", end - ABANDONED, 0, "add_to_cart"),
        event("abandons before the end", end - ABANDONED - 1, 0, "add_to_cart"),
        event("x" * 2_000, end, 0),
    ]
    for partition, events in ((8, before), (9, last)):
        with ArchiveWriter(archive, load("shop_event"), partition) as writer:
            writer.append_records(events)
