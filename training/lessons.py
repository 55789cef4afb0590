"""Examples for a ranker of one's own: those that training makes for its rankers."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.bundle import Bundle
from training.examples import Examples, make_examples
from training.history import read_history
from training.items import collect_items
from training.retrieval import Retrieval
from training.split import Cuts, Progress, cut, split
from training.tables import build_tables
from udfs.tables import RankTables


class Lessons(NamedTuple):
    """What a ranker learns from, and what it is measured on.

    Attributes
    ----------
    learn, check
        Lists of candidates, those of `check` later. Items have the numbers that they have in the bundle.
    cuts
        When they are from.
    """

    learn: Examples
    check: Examples
    cuts: Cuts


def lessons_of(archive: Path | str, bundle: Bundle, progress: Progress | None = None) -> Lessons:
    """Make the examples that `swerve train` would make for the rankers of a bundle.

    Candidates are found the way the bundle does it, in tables from before the examples: those of the bundle have seen what came next. Of
    the archive that the bundle was trained on it gives the very lists that the bundle's own ranker was chosen by.

    Parameters
    ----------
    archive
        Folder of events; that which the bundle was trained on, or a later one of the same shop.
    bundle
        Where segments, seed, and the way in which candidates are found come from.
    progress
        Called with the work done and to do.

    Raises
    ------
    SwerveError
        The archive cannot be read.
    """
    training = bundle.manifest.training
    seed = int(training.get("seed", 0))
    retrieval = Retrieval.read(training.get("retrieval", {}))
    history = read_history(Path(archive))
    items, _ = collect_items(Path(archive), history)
    cuts = cut(history.events["event_time"])
    parts = split(history, items, bundle.segments, cuts, np.random.default_rng(seed), seed, progress)
    count = len(bundle.segments.centroids)
    built = build_tables(items, history.events, parts.sessions, parts.segment, count, cuts.learn, seed)
    earlier = retrieval.apply(built.tables, built.past)
    learn, check = (_numbered(make_examples(earlier, *part), earlier, bundle.tables) for part in (parts.learn, parts.check))
    return Lessons(learn, check, cuts)


def _numbered(examples: Examples, earlier: RankTables, tables: RankTables) -> Examples:
    """Give items the numbers that they have in other tables; those that are not there are no candidates."""
    order = np.argsort(tables.item_hash)
    at = np.minimum(np.searchsorted(tables.item_hash, earlier.item_hash, sorter=order), max(0, len(order) - 1))
    known = tables.item_hash[order[at]] == earlier.item_hash if len(order) else np.zeros(len(at), np.bool_)
    # The last one is for -1.
    numbers = np.append(np.where(known, order[at] if len(order) else -1, -1), -1).astype(np.int32)
    items: NDArray[np.int32] = numbers[examples.items]
    examples = examples._replace(items=items, sequence=numbers[examples.sequence])
    if known.all():
        return examples
    right = np.take_along_axis(items, np.maximum(examples.right, 0)[:, None].astype(np.int64), 1)[:, 0]
    examples.features[items < 0] = 0
    return examples._replace(right=np.where(right >= 0, examples.right, -1).astype(np.int32))
