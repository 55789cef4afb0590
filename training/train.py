"""Archive → model bundle."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from models.bundle import Bundle
from models.manifest import Manifest
from models.write import refuse_strangers, write_bundle
from training.examples import TOP, make_examples, places
from training.history import History, read_history
from training.items import collect_items
from training.measured import measures, spread
from training.profiles import follow
from training.propensity.learning import told
from training.rankers.choosing import KINDS, choose_ranker, score, useful
from training.rankers.sequence import Networks
from training.retrieval import choose_retrieval
from training.segmentation import Previous, Segmentation, count_moves, most_seen, segment
from training.split import Progress, cut, split
from training.tables import build_tables
from udfs.errors import SwerveError
from udfs.segments import WARM_FROM, no_segments

TRIALS, SEGMENT_PROFILES = 3_000, 20_000


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
    ranker
        Which kind was chosen.
    examples
        Lists that the ranker learned from.
    metrics
        On the last sessions, with tables and a ranker that have not seen them.
    propensities
        What each model of shoppers is, or why there is none.
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
    ranker: str
    examples: int
    metrics: dict[str, Any] = field(default_factory=dict)
    propensities: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """Give it as a JSON document."""
        return asdict(self)


def train(
    archive: Path,
    out: Path,
    seed: int = 0,
    progress: Progress | None = None,
    kinds: Sequence[str] = KINDS,
    repeats: bool | None = None,
    previous: Bundle | None = None,
) -> TrainReport:
    """Train a bundle.

    What the shop is like (how candidates are found, which ranker, which features) is chosen on later sessions than those that the tables of
    the choice come from; the bundle's own tables come from everything.

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
    kinds
        Rankers to choose from; `training.rankers.choosing.KINDS`.
    repeats
        Whether what she has just seen, or bought, may be shown again; None: chosen as the rest is.
    previous
        The bundle that serves now: segments that stay keep their numbers and names.

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
    history = read_history(archive, step.part(0, 15))
    if not np.any(history.events["item"]):
        raise SwerveError(f"{archive} has no event with an item that may be used for personalisation", "consent: personalization_storage")
    items, names = collect_items(archive, history)
    times = history.events["event_time"]
    cuts = cut(times)
    segmentation = _segments(history, cuts.learn, names, seed, previous)
    segments = segmentation.model
    step.at(25)
    random = np.random.default_rng(seed)
    parts = split(history, items, segments, cuts, random, seed, step.part(25, 40))
    sessions, segment_after, count = parts.sessions, parts.segment, len(segments.centroids)
    earlier, index, network = build_tables(items, history.events, sessions, segment_after, count, cuts.learn, seed)
    step.at(50)
    some = random.permutation(len(parts.learn.following))[:TRIALS]
    retrieval, tried = choose_retrieval(earlier, index, parts.learn.profiles[some], parts.learn.following[some], repeats)
    step.at(60)
    earlier = retrieval.apply(earlier, index)
    examples = make_examples(earlier, *parts.learn)
    examples = examples.only(examples.found)
    held_out = make_examples(earlier, *parts.check)
    step.at(70)
    built = build_tables(items, history.events, sessions, segment_after, count, cuts.end + 1, seed, retrieval)
    tables = built.tables
    step.at(85)
    choice = choose_ranker(examples, held_out, useful(examples), seed, kinds, Networks(network, built.network))
    step.at(97)
    hit = places(held_out, score(choice.earlier, held_out)) < TOP
    propensity, of_shoppers = parts.shoppers.finish(parts.check_row, parts.check.profiles, hit)
    metrics = measures(held_out, cuts, choice.trials.get(choice.kind, {}))
    manifest = Manifest(
        name=out.resolve().parent.name or "model",
        version=out.name,
        created_at=cuts.end,
        features=choice.features,
        segments=segmentation.names,
        categories={f"{category:08x}": names[category] for category in tables.categories.tolist() if category in names},
        training={
            "archive": archive.resolve().name,
            "events": len(times),
            "users": history.users,
            "items": len(items.ids),
            "seed": seed,
            "from": int(times.min()),
            "until": cuts.end,
            "retrieval": asdict(retrieval),
            "ranker": choice.kind,
            "rankers": choice.trials,
            "churn_days": of_shoppers["churn_risk"]["days"],
        },
        metrics=metrics,
    )
    segmentation.report["flows"] = count_moves(history.events, segment_after, count)
    documents = {
        "segments": segmentation.report,
        "retrieval": {"chosen": asdict(retrieval), "tried": tried},
        "features": {"features": choice.report},
        "reference": spread(choice.earlier, choice.features, held_out),
        "propensity": of_shoppers,
    }
    write_bundle(out, manifest, choice.model, tables, segments, documents, propensity)
    step.at(100)
    return TrainReport(
        str(out), len(times), history.users, len(items.ids), history.rejects, history.denied, list(manifest.segments), choice.kind,
        len(examples.right), metrics, told(of_shoppers), round(time.monotonic() - started, 1),
    )  # fmt: skip


def _segments(history: History, until: int, names: dict[int, str], seed: int, previous: Bundle | None) -> Segmentation:
    early = history.events[history.events["event_time"] < until]
    rows = np.arange(len(early))
    random = np.random.default_rng(seed)
    wanted = np.zeros(len(early), np.bool_)
    wanted[random.choice(rows, SEGMENT_PROFILES, replace=False) if len(rows) > SEGMENT_PROFILES else rows] = True
    profiles, _ = follow(early, history.users, no_segments(), wanted)
    before = Previous(previous.segments, previous.manifest.segments) if previous else None
    return segment(profiles[profiles["n_events"] >= WARM_FROM], most_seen(early["category"]), names, seed, before)


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
