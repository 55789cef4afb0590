"""Archive → model bundle."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.bundle import Bundle
from models.manifest import Manifest
from models.write import refuse_strangers, write_bundle
from training.examples import CANDIDATES, Examples, make_examples, quality, rounded
from training.feedback.drift import reference
from training.history import History, read_history
from training.items import collect_items
from training.profiles import follow
from training.rankers.choosing import FITS, Choice, choose_ranker, score, useful
from training.retrieval import choose_retrieval
from training.segmentation import Previous, Segmentation, count_moves, most_seen, segment
from training.sessions import item_sessions, next_clicks
from training.tables import build_tables
from udfs.errors import SwerveError
from udfs.features import columns
from udfs.segments import WARM_FROM, no_segments

LEARN_FROM, CHECK_FROM = 0.8, 0.93
EXAMPLES, CASES, TRIALS, REFERENCE_LISTS, SEGMENT_PROFILES = 20_000, 6_000, 3_000, 2_000, 20_000

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
    ranker
        Which kind was chosen.
    examples
        Lists that the ranker learned from.
    metrics
        On the last sessions, with tables and a ranker that have not seen them.
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
    seconds: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """Give it as a JSON document."""
        return asdict(self)


def train(
    archive: Path,
    out: Path,
    seed: int = 0,
    progress: Progress | None = None,
    kinds: Sequence[str] = tuple(FITS),
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
        Rankers to choose from; `training.rankers.choosing.FITS`.
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
    cuts = _cuts(times)
    segmentation = _segments(history, cuts.learn, names, seed, previous)
    segments = segmentation.model
    step.at(25)
    sessions = item_sessions(history.events, history.session, items.hash)
    cases = next_clicks(history.events, sessions)
    random = np.random.default_rng(seed)
    learn = _sample(random, cases.begun >= cuts.learn, cases.row, times, cuts.learn, cuts.check, EXAMPLES)
    check = _sample(random, cases.begun >= cuts.learn, cases.row, times, cuts.check, cuts.end + 1, CASES)
    wanted = np.zeros(len(times), np.bool_)
    wanted[cases.row[learn]] = wanted[cases.row[check]] = True
    profiles, segment_after = follow(history.events, history.users, segments, wanted, step.part(25, 35))
    place = np.cumsum(wanted) - 1
    learn_profiles, check_profiles = profiles[place[cases.row[learn]]], profiles[place[cases.row[check]]]
    learn_next, check_next = cases.item[learn], cases.item[check]

    count = len(segments.centroids)
    earlier, index = build_tables(items, history.events, sessions, segment_after, count, cuts.learn, seed)
    step.at(50)
    some = random.permutation(len(learn))[:TRIALS]
    retrieval, tried = choose_retrieval(earlier, index, learn_profiles[some], learn_next[some], repeats)
    step.at(60)
    earlier = retrieval.apply(earlier, index)
    examples = make_examples(earlier, learn_profiles, learn_next)
    examples = examples.only(examples.found)
    held_out = make_examples(earlier, check_profiles, check_next)
    step.at(70)
    choice = choose_ranker(examples, held_out, useful(examples), seed, kinds)
    step.at(85)
    tables, _ = build_tables(items, history.events, sessions, segment_after, count, cuts.end + 1, seed, retrieval)
    step.at(97)
    metrics = {
        "cases": len(check),
        "from": cuts.check,
        "until": cuts.end,
        "swerve": choice.trials.get(choice.kind, {}),
        "retrieval": rounded(quality(held_out, -np.arange(CANDIDATES, dtype=np.float32)[None, :].repeat(len(check), 0))),
        "candidates": {f"hr@{CANDIDATES}": round(float(held_out.found.mean()), 4) if len(check) else 0.0},
    }
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
        },
        metrics=metrics,
    )
    segmentation.report["flows"] = count_moves(history.events, segment_after, count)
    documents = {
        "segments": segmentation.report,
        "retrieval": {"chosen": asdict(retrieval), "tried": tried},
        "features": {"features": choice.report},
        "reference": _reference(choice, held_out),
    }
    write_bundle(out, manifest, choice.model, tables, segments, documents)
    step.at(100)
    return TrainReport(
        str(out), len(times), history.users, len(items.ids), history.rejects, history.denied, list(manifest.segments), choice.kind,
        len(examples.right), metrics, round(time.monotonic() - started, 1),
    )  # fmt: skip


def _reference(choice: Choice, examples: Examples) -> dict[str, Any]:
    """Describe how features and scores are spread, for `swerve drift`."""
    some = examples.only(slice(0, REFERENCE_LISTS))
    filled = some.items >= 0
    scores = score(choice.model, some)[filled]
    return reference(some.features[filled][:, columns(choice.features)], choice.features, scores, len(some.items))


class _Cuts(NamedTuple):
    """Times in ms: the choice's tables come from before `learn`, rankers learn until `check` and are compared until `end`."""

    learn: int
    check: int
    end: int


def _cuts(times: NDArray[np.int64]) -> _Cuts:
    """Cut by events rather than by hours: nights and slow weeks teach nothing."""
    ordered = np.sort(times)
    last = len(ordered) - 1
    return _Cuts(int(ordered[int(last * LEARN_FROM)]), int(ordered[int(last * CHECK_FROM)]), int(ordered[last]))


def _segments(history: History, until: int, names: dict[int, str], seed: int, previous: Bundle | None) -> Segmentation:
    early = history.events[history.events["event_time"] < until]
    rows = np.arange(len(early))
    random = np.random.default_rng(seed)
    wanted = np.zeros(len(early), np.bool_)
    wanted[random.choice(rows, SEGMENT_PROFILES, replace=False) if len(rows) > SEGMENT_PROFILES else rows] = True
    profiles, _ = follow(early, history.users, no_segments(), wanted)
    before = Previous(previous.segments, previous.manifest.segments) if previous else None
    return segment(profiles[profiles["n_events"] >= WARM_FROM], most_seen(early["category"]), names, seed, before)


def _sample(
    random: np.random.Generator,
    allowed: NDArray[np.bool_],
    row: NDArray[np.int64],
    times: NDArray[np.int64],
    begin: int,
    end: int,
    most: int,
) -> NDArray[np.int64]:
    of = np.flatnonzero(allowed & (times[row] >= begin) & (times[row] < end))
    return np.sort(random.choice(of, most, replace=False)) if len(of) > most else of


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
