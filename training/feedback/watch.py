"""A bundle's features and scores in an archive, beside those that it was made with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from models.bundle import Bundle
from training.evaluate.cases import choose, find_cases, known_items
from training.feedback.drift import VERSION, Observed, compare, observe, reference
from training.feedback.events import Progress
from training.history import read_history
from training.profiles import follow
from udfs.errors import SwerveError
from udfs.rank import Ranker

REFERENCE = "reference.json"
PROFILES = 2_000
#: Without `since`, the part of the events that profiles are only made from.
WARM_UP = 0.8


def drift(
    path: Path, archive: Path, *, earlier: Path | None = None, since: int | None = None, seed: int = 0, progress: Progress | None = None
) -> dict[str, Any]:
    """Compare what a bundle sees in an archive with what it was made with.

    Parameters
    ----------
    path
        Folder of the bundle.
    archive
        Events of now, and enough before them for profiles.
    earlier
        An archive to compare with instead of the bundle's ``reference.json``.
    since
        Profiles after it are looked at, by event time in ms; default: those of the last fifth of the events.
    seed
        Of the sample of profiles.
    progress
        Called with the work done and to do.

    Returns
    -------
    dict
        Of `training.feedback.drift.compare`, with the bundle's name and version and the time that was looked at.

    Raises
    ------
    SwerveError
        If there is no bundle, no reference, or nothing to look at.
    """
    bundle = Bundle.open(path)
    ranker = Ranker(bundle)
    if earlier is not None:
        seen = _seen(ranker, earlier, None, seed, progress)[0]
        before = reference(*seen)
    else:
        before = read_reference(path)
    now, begin, end = _seen(ranker, archive, since, seed, progress)
    document = compare(before, now)
    return {"model": {"name": bundle.name, "version": bundle.version}, "from": begin, "until": end, **document}


def read_reference(path: Path) -> dict[str, Any]:
    """Read the reference of a bundle.

    Raises
    ------
    SwerveError
        It has none, or one of another version.
    """
    file = path / REFERENCE
    try:
        document: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SwerveError(f"{path} has no {REFERENCE}", "train it again, or name an archive of its time: --reference ARCHIVE") from None
    except (OSError, ValueError) as error:
        raise SwerveError(f"{file} cannot be read: {error}") from None
    if not isinstance(document, dict) or document.get("version") != VERSION:
        raise SwerveError(f"{file} is of another version", "train the bundle again, or name an archive of its time: --reference ARCHIVE")
    return document


def _seen(ranker: Ranker, archive: Path, since: int | None, seed: int, progress: Progress | None) -> tuple[Observed, int, int]:
    """Rank shoppers as they were before their next click, as training does; gives also the first and the last time looked at."""
    history = read_history(archive, progress)
    times = history.events["event_time"]
    if not len(times):
        raise SwerveError(f"{archive} has no event that may be used for personalisation", "consent: personalization_storage")
    if since is None:
        since = int(np.sort(times)[int((len(times) - 1) * WARM_UP)])
    rows = find_cases(history, known_items(history.events)).row
    rows = rows[times[rows] >= since]
    rows = np.sort(rows[choose(len(rows), PROFILES, seed)])
    if not len(rows):
        raise SwerveError(f"{archive} has nobody who clicked on two items in a row since then", "an earlier --since, or a longer archive")
    wanted = np.zeros(len(times), np.bool_)
    wanted[rows] = True
    profiles, _ = follow(history.events, history.users, ranker.bundle.segments, wanted)
    return observe(ranker, profiles), since, int(times.max())
