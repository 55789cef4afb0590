"""Segments counted anew over an archive: every shopper once, as she was at its end, and how shoppers moved until then."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from models.bundle import Bundle
from training.history import History, read_history
from training.items import CATALOGUE, collect_items
from training.profiles import follow
from training.segmentation.describing import describe
from training.segmentation.mapping import draw_map
from training.segmentation.moves import count_moves
from udfs.segments import profile_vectors

Progress = Callable[[int, int], None]


def count_again(bundle: Bundle, archive: Path, progress: Progress | None = None) -> dict[str, Any]:
    """Follow an archive with a bundle's segments.

    Parameters
    ----------
    bundle
        Whose segments.
    archive
        Folder of events, and perhaps `catalog.csv`, which gives titles.
    progress
        Called with the work done and to do.

    Returns
    -------
    dict
        `archive`, `events`, `profiles`, `without` (shoppers in no segment yet), `shop`, `segments`, `map`, `flows`, `titles` by item id.

    Raises
    ------
    udfs.archive.ArchiveError
        It cannot be read.
    """
    history = read_history(archive, _part(progress, 0))
    _, names = collect_items(archive, history)
    model, count = bundle.segments, len(bundle.segments.centroids)
    profiles, after = follow(history.events, history.users, model, _last_of_each(history), _part(progress, 50))
    labels = np.where(profiles["segment"] < count, profiles["segment"], -1).astype(np.int64)
    shop, segments = describe(profiles, labels, model, names)
    inside = labels >= 0
    vectors = profile_vectors(profiles[inside], model.categories)
    return {
        "archive": archive.resolve().name,
        "events": len(history.events),
        "profiles": len(profiles),
        "without": int((~inside).sum()),
        "shop": shop,
        "segments": segments,
        "map": draw_map(vectors, labels[inside], model.centroids, 0) if len(vectors) > 1 else None,
        "flows": count_moves(history.events, after, count),
        "titles": read_titles(archive),
    }


def read_titles(archive: Path) -> dict[str, str]:
    """Read what the catalogue calls its items; nothing where there is none."""
    path = archive / CATALOGUE
    if not path.exists():
        return {}
    with path.open(encoding="utf-8", newline="") as file:
        return {row["item_id"]: row["title"] for row in csv.DictReader(file) if row.get("item_id") and row.get("title")}


def _last_of_each(history: History) -> Any:
    last = np.zeros(history.users, np.int64)
    last[history.events["user"]] = np.arange(len(history.events))
    wanted = np.zeros(len(history.events), np.bool_)
    wanted[last] = len(history.events) > 0
    return wanted


def _part(progress: Progress | None, begin: int) -> Progress | None:
    """Make reading the first half of the work, and following the second."""
    return None if progress is None else lambda done, total: progress(begin + 50 * done // max(1, total), 100)
