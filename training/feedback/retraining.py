"""A new version from history, which serves only if it is better than the one that does."""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from models.bundle import Bundle
from models.registry import Check, Model
from training.evaluate.measures import MEASURES
from training.feedback.contest import contest, held_out
from training.feedback.splitting import write_before
from training.history import read_history
from training.train import train
from udfs.errors import SwerveError, UsageError
from udfs.tables import BundleError

LOCK, LOG = ".retrain.lock", "retrain.jsonl"
LEAST_CASES = 50
#: How versions of this command are named: by the time in UTC.
VERSION = "%Y%m%dT%H%M%SZ"
_OURS = re.compile(r"\d{8}T\d{6}Z(\.\d+)?")

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Plan:
    """How to retrain.

    Attributes
    ----------
    measure
        One of `training.evaluate.measures.MEASURES`.
    margin
        The new version has to be better by more than this, at the lower end of the 95 % interval of the difference.
    held_out
        Share of the events, the last ones, that neither version has seen.
    keep
        So many versions of this command stay, beside the one that serves and the one before; None: all.
    candidates
        Items scored.
    seed
        Of everything random.
    """

    measure: str = "mrr@20"
    margin: float = 0.0
    held_out: float = 0.1
    keep: int | None = None
    candidates: int = 100
    seed: int = 1


DEFAULT = Plan()


def retrain(archive: Path, folder: Path, check: Check, plan: Plan = DEFAULT, progress: Progress | None = None) -> dict[str, Any]:
    """Train on all but the last part of an archive, compare with the version that serves on the last part, promote what is better.

    Parameters
    ----------
    archive
        The history.
    folder
        DIR/NAME of a registry.
    check
        What a bundle has to pass before it serves; raises a `BundleError`.
    plan
        How.
    progress
        Called with the work done and to do.

    Returns
    -------
    dict
        `verdict`: ``first`` (nothing served before), ``promoted``, ``kept`` (the current one is as good), or ``busy`` (another run is at
        it, and nothing was done); with the versions, the measures, warnings, what was deleted, and seconds. It is also a line of
        DIR/NAME/retrain.jsonl, where a version that must not serve is ``refused``.

    Raises
    ------
    SwerveError
        If there is too little history, or the new bundle must not serve; the current version goes on serving.
    """
    if plan.measure not in MEASURES:
        raise UsageError(f"there is no measure {plan.measure}", f"there are {', '.join(MEASURES)}")
    started = time.time()
    model = Model(folder)
    with _alone(folder) as alone:
        if not alone:
            return {"verdict": "busy", "name": model.name, "at": int(started * 1000)}
        document = {"at": int(started * 1000), "name": model.name, **_retrain(archive, model, check, plan, progress)}
        document["seconds"] = round(time.time() - started, 1)
        _log(folder, document)
    return document


def _retrain(archive: Path, model: Model, check: Check, plan: Plan, progress: Progress | None) -> dict[str, Any]:
    pointer = model.pointer()
    current = Bundle.open(model.path_of(pointer.version)) if pointer else None
    history = read_history(archive)
    times = np.sort(history.events["event_time"])
    if not len(times):
        raise SwerveError(f"{archive} has no event that may be used for personalisation", "consent: personalization_storage")
    cut = int(times[int((len(times) - 1) * (1 - plan.held_out))])
    cases, known = held_out(history, cut, plan.seed)
    if len(cases.row) < LEAST_CASES:
        raise SwerveError(
            f"the last {plan.held_out:.0%} of {archive} have {len(cases.row)} clicks that another one follows: too few to compare on",
            "more history, or a greater --hold-out",
        )
    version = _new_version(model)
    for left in model.folder.glob(".*Z-*"):
        shutil.rmtree(left)  # of a run that was killed: none is running now
    with TemporaryDirectory(prefix=f".{version}-", dir=model.folder) as earlier:
        write_before(archive, Path(earlier), cut)
        train(Path(earlier), model.path_of(version), plan.seed, progress, previous=current)
    found = contest(Bundle.open(model.path_of(version)), current, history, cases, known, candidates=plan.candidates, seed=plan.seed)
    verdict, why = _verdict(found["measures"][plan.measure], plan)
    before = pointer.version if pointer else None
    if verdict != "kept":
        try:
            model.promote(version, check, f"retrain: {why}")
        except BundleError as error:
            _log(model.folder, {"verdict": "refused", "why": str(error), "version": version, "current": before, **found})
            raise
    return {
        "verdict": verdict,
        "why": why,
        "version": version,
        "current": before,
        "serves": before if verdict == "kept" else version,
        "measure": plan.measure,
        "margin": plan.margin,
        "events": len(times),
        "trained_until": cut,
        "held_out_until": int(times[-1]),
        **found,
        "warnings": _warnings(current, cut),
        "deleted": _prune(model, plan.keep),
    }


def _verdict(measured: dict[str, Any], plan: Plan) -> tuple[str, str]:
    if "difference" not in measured:
        return "first", f"nothing served before; {plan.measure} {measured['new']['value']:.4f}"
    new, current, difference = measured["new"]["value"], measured["current"]["value"], measured["difference"]
    interval = f"{difference['value']:+.4f} [{difference['low']:+.4f}, {difference['high']:+.4f}]"
    why = f"{plan.measure} {new:.4f}, current {current:.4f}, difference {interval}, margin {plan.margin:g}"
    return ("promoted" if difference["low"] > plan.margin else "kept"), why


def _warnings(current: Bundle | None, cut: int) -> list[str]:
    until = int(current.manifest.training.get("until", 0)) if current else 0
    if until <= cut:
        return []
    return [f"the current version has learned from {(until - cut) / 3_600_000:.1f} hours of what was held out: it looks better than it is"]


def _new_version(model: Model) -> str:
    wanted = time.strftime(VERSION, time.gmtime())
    number, version = 1, wanted
    while model.path_of(version).exists():
        number += 1
        version = f"{wanted}.{number}"
    return version


def _log(folder: Path, document: dict[str, Any]) -> None:
    with (folder / LOG).open("a", encoding="utf-8") as log:
        log.write(json.dumps(document, ensure_ascii=False) + "\n")


def _prune(model: Model, keep: int | None) -> list[str]:
    """Delete old versions of this command; what serves, and what a rollback would go back to, stays."""
    if keep is None:
        return []
    pointer = model.pointer()
    needed = {pointer.version, *pointer.previous[:1]} if pointer else set()
    ours = [version for version in model.versions() if _OURS.fullmatch(version)]
    old = [version for version in ours[: max(0, len(ours) - keep)] if version not in needed]
    for version in old:
        shutil.rmtree(model.path_of(version))
    return old


@contextmanager
def _alone(folder: Path) -> Iterator[bool]:
    """Tell whether no other run is at this model; the lock goes with the process, however it ends."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise SwerveError(f"{folder} cannot be written to: {error.strerror}") from None
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(lock)
