"""Bundle and baselines on the same cases."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.bundle import Bundle
from training.evaluate.cases import Cases, Known, find_cases, known_items, training_of
from training.evaluate.measures import TOP, measure
from training.evaluate.swerve import bundle_lists, numbered
from training.evaluate.tuning import BASELINES, tune
from training.history import History, read_history
from udfs.errors import SwerveError

PROTOCOL = "next-item"
#: Shares of the work, in hundredths: reading, choosing settings, baselines, bundle.
_READ, _TUNED, _RANKED, _WHOLE = 10, 50, 75, 100

Progress = Callable[[int, int], None]


@dataclass
class Evaluation:
    """What was asked, what was answered, and how good that was.

    Attributes
    ----------
    document
        For people and machines: `cases`, `methods` and what else there is to say.
    bundle
        What was evaluated.
    history
        The test log.
    cases
        What was asked.
    lists
        What each method showed: numbers of training's items by popularity, i4[C, top]; -1 for none, the number of items for one that
        training does not know.
    top
        Items of a list.
    """

    document: dict[str, Any]
    bundle: Bundle
    history: History
    cases: Cases
    lists: dict[str, NDArray[np.int32]]
    top: int = TOP


def evaluate(
    bundle: Path,
    train: Path,
    test: Path,
    *,
    sample: int | None = None,
    seed: int = 1,
    candidates: int = 100,
    progress: Progress | None = None,
) -> Evaluation:
    """Rank all items of the training log after every beginning of every test session, by the bundle and by each baseline.

    Parameters
    ----------
    bundle
        Folder of a bundle that saw nothing of the test log.
    train
        Archive that the baselines learn from; its items are those that are known.
    test
        Archive that is asked about.
    sample
        Take as many test sessions, at random; default: all.
    seed
        Of everything random.
    candidates
        Items that the bundle scores for a user.
    progress
        Called with the work done and to do.

    Raises
    ------
    SwerveError
        An archive or the bundle cannot be read, or there is nothing to ask.
    """
    started = time.monotonic()

    def at(percent: float) -> None:
        if progress:
            progress(int(percent), _WHOLE)

    opened = Bundle.open(Path(bundle))
    training, history = read_history(Path(train)), read_history(Path(test))
    at(_READ)
    known = known_items(training.events)
    if not len(known.hashes):
        raise SwerveError(f"{train} has no event with an item that may be used for personalisation", "consent: personalization_storage")
    cases = find_cases(history, known, sample, seed)
    if not len(cases.right):
        raise SwerveError(f"{test} has no session with two items", "a session is the session_id of the events, or a visit of a user")
    settings = tune(training, seed, lambda share: at(_READ + share * (_TUNED - _READ)))
    baselines, seconds = _baselines(training, known, cases, settings, lambda share: at(_TUNED + share * (_RANKED - _TUNED)))
    before, ranked = time.monotonic(), 0

    def count(cases_done: int) -> None:
        nonlocal ranked
        ranked += cases_done
        at(_RANKED + (_WHOLE - _RANKED) * ranked / len(cases.row))

    lists = {"swerve": numbered(bundle_lists(opened, history, cases, candidates, done=count), opened, known), **baselines}
    seconds = {"swerve": round(time.monotonic() - before, 1), **seconds}
    measured = measure(lists, cases, known, seed)
    document = {
        "protocol": PROTOCOL,
        "cases": len(cases.right),
        "sessions": cases.sessions,
        "items": len(known.hashes),
        "unknown_next": int((cases.right < 0).sum()),
        "sample": sample,
        "seed": seed,
        "train": str(train),
        "test": str(test),
        "model": {"name": opened.name, "version": opened.version},
        "methods": {
            method: {
                **measured.methods[method],
                **({"settings": settings[method]} if method in settings else {}),
                "seconds": seconds[method],
            }
            for method in lists
        },
        "swerve_against_best": measured.against,
        "seconds": round(time.monotonic() - started, 1),
    }
    return Evaluation(document, opened, history, cases, lists)


def _baselines(
    history: History, known: Known, cases: Cases, settings: dict[str, dict[str, Any]], done: Callable[[float], None]
) -> tuple[dict[str, NDArray[np.int32]], dict[str, float]]:
    training = training_of(history.events, history.session, known)
    lists, seconds = {}, {}
    for number, (name, method) in enumerate(BASELINES.items()):
        before = time.monotonic()
        baseline = method(**settings[name])
        baseline.fit(training)
        lists[name] = baseline.recommend(cases.prefixes, TOP).items
        seconds[name] = round(time.monotonic() - before, 1)
        done((number + 1) / len(BASELINES))
    return lists, seconds
