"""Archive → model bundle."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.bundle import Bundle
from models.manifest import Manifest
from models.write import refuse_strangers, write_bundle
from training.evaluation import evaluate
from training.history import History, read_history
from training.interactions import find_visits, next_items
from training.items import collect_items
from training.profiles import follow
from training.ranker import fit_ranker, make_examples
from training.segmentation import Segmentation, most_seen, segment
from training.tables import build_tables
from udfs.errors import SwerveError
from udfs.features import FEATURES
from udfs.rank import Ranker
from udfs.segments import WARM_FROM, no_segments

LEARN_UNTIL, TRAIN_UNTIL = 0.64, 0.8
EXAMPLES, CASES, SEGMENT_PROFILES = 8_000, 3_000, 20_000

Progress = Callable[[int, int], None]


@dataclass
class TrainReport:
    """What training made.

    Attributes
    ----------
    bundle
        The folder.
    events, users, items
        What it saw, without duplicates and events without consent.
    rejects, denied
        Values that are no events; events without consent.
    segments
        Names.
    examples
        Lists that the ranker learned from.
    metrics
        On the last fifth of the time, which nothing was learned from.
    seconds
        How long it took.
    """

    bundle: str
    events: int
    users: int
    items: int
    rejects: int
    denied: int
    segments: list[str]
    examples: int
    metrics: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """Give it as a JSON document."""
        return asdict(self)


def train(archive: Path, out: Path, seed: int = 0, progress: Progress | None = None) -> TrainReport:
    """Train a bundle.

    Tables come from the first 80 % of the time, the ranker's examples from its last fifth, with tables from before them; the quality is
    measured on the other 20 % of the time.

    Parameters
    ----------
    archive
        Folder of events, and perhaps `catalog.csv`.
    out
        Folder of the bundle; its name is the version, that of the folder above the name.
    seed
        Of everything random: the same archive and seed give the same bundle.
    progress
        Called with the work done and to do.

    Raises
    ------
    SwerveError
        The archive cannot be read or holds no event with an item.
    BundleError
        Something that is not a bundle lies at `out`.
    """
    started = time.monotonic()
    archive, out = Path(archive), Path(out)
    refuse_strangers(out)
    step = _Steps(progress)
    history = read_history(archive, step.part(0, 20))
    if not np.any(history.events["item"]):
        raise SwerveError(f"{archive} has no event with an item that may be used for personalisation", "consent: personalization_storage")
    items, names = collect_items(archive, history)
    step.at(25)
    times = history.events["event_time"]
    learn_until, train_until, end = _cuts(times)
    segmentation = _segments(history, learn_until, names, seed)
    segments = segmentation.model
    step.at(35)
    visits = find_visits(history.events)
    following = next_items(history.events, visits)
    random = np.random.default_rng(seed)
    examples = _sample(random, (following != 0) & (times >= learn_until) & (times < train_until), EXAMPLES)
    cases = _sample(random, (following != 0) & (times >= train_until), CASES)
    wanted = np.zeros(len(times), np.bool_)
    wanted[examples] = wanted[cases] = True
    profiles, segment_after = follow(history.events, history.users, segments, wanted, step.part(35, 50))
    is_case = np.isin(np.flatnonzero(wanted), cases)

    count = len(segments.centroids)
    earlier = build_tables(items, history.events, visits, segment_after, count, learn_until)
    step.at(60)
    rows = make_examples(earlier, profiles[~is_case], following[examples], seed)
    step.at(65)
    ranker = fit_ranker(rows, seed)
    step.at(85)
    tables = build_tables(items, history.events, visits, segment_after, count, train_until)
    step.at(92)
    manifest = Manifest(
        name=out.resolve().parent.name or "model",
        version=out.name,
        created_at=int(times.max()),
        features=FEATURES,
        segments=segmentation.names,
        categories={f"{category:08x}": names[category] for category in tables.categories.tolist() if category in names},
        training={
            "archive": archive.resolve().name,
            "events": len(times),
            "users": history.users,
            "items": len(items.ids),
            "seed": seed,
            "from": int(times.min()),
            "until": train_until,
        },
    )
    metrics: dict[str, Any] = {}

    def measure(draft: Bundle) -> dict[str, Any]:
        metrics.update(evaluate(Ranker(draft), profiles[is_case], following[cases]), **{"from": train_until, "until": end})
        return metrics

    write_bundle(out, manifest, ranker, tables, segments, measure)
    step.at(100)
    return TrainReport(
        str(out), len(times), history.users, len(items.ids), history.rejects, history.denied, list(manifest.segments), rows.lists,
        metrics, round(time.monotonic() - started, 1),
    )  # fmt: skip


def _cuts(times: NDArray[np.int64]) -> tuple[int, int, int]:
    """Cut by events rather than by hours: nights and slow weeks teach nothing."""
    ordered = np.sort(times)
    last = len(ordered) - 1
    return int(ordered[int(last * LEARN_UNTIL)]), int(ordered[int(last * TRAIN_UNTIL)]), int(ordered[last])


def _segments(history: History, until: int, names: dict[int, str], seed: int) -> Segmentation:
    early = history.events[history.events["event_time"] < until]
    wanted = np.zeros(len(early), np.bool_)
    wanted[_sample(np.random.default_rng(seed), np.ones(len(early), np.bool_), SEGMENT_PROFILES)] = True
    profiles, _ = follow(early, history.users, no_segments(), wanted)
    return segment(profiles[profiles["n_events"] >= WARM_FROM], most_seen(early["category"]), names, seed)


def _sample(random: np.random.Generator, mask: NDArray[np.bool_], most: int) -> NDArray[np.int64]:
    rows = np.flatnonzero(mask)
    return np.sort(random.choice(rows, most, replace=False)) if len(rows) > most else rows


class _Steps:
    """Progress in hundredths, of which each part of the work has its share."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress

    def at(self, percent: int) -> None:
        """Tell how far it is."""
        if self._progress:
            self._progress(percent, 100)

    def part(self, begin: int, end: int) -> Progress:
        """Give a callback whose whole is a part of this."""
        return lambda done, total: self.at(begin + (end - begin) * done // max(1, total))
