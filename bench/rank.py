"""What ranking a user costs, by stage, with a bundle trained on a simulated shop."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.bundle import Bundle
from training.history import read_history
from training.profiles import follow
from training.rankers.choosing import KINDS
from training.simulator import simulate
from training.train import train
from udfs.rank import Ranker

SEED = 11


def measure(ranker: Ranker, profiles: NDArray[np.void], users: int, rounds: int) -> dict[str, Any]:
    """Time rankings of batches of users.

    Parameters
    ----------
    ranker
        The ranker.
    profiles : PROFILE[n]
        To draw the batches from.
    users, rounds
        Users in a batch, and how many batches.

    Returns
    -------
    dict
        Microseconds a user by stage, medians over the batches, and their sum; `avro` is the row of the recommendation, outside of it.
    """
    random = np.random.default_rng(SEED)
    names = [f"u{i:06d}".encode() for i in range(users)]
    reasons = np.ones(users, np.uint8)
    spent: dict[str, list[float]] = {}
    for turn in range(rounds + 2):
        batch = profiles[random.integers(0, len(profiles), users)]
        started = time.perf_counter_ns()
        ranked = ranker.rank(names, batch, reasons, 0)
        whole = time.perf_counter_ns() - started
        ranked.block()
        timings = {**ranked.timings, "whole_ns": whole, "avro_ns": time.perf_counter_ns() - started - whole}
        if turn >= 2:  # the first ones compile
            for stage, ns in timings.items():
                spent.setdefault(stage.removesuffix("_ns"), []).append(ns / 1000 / users)
    return {stage: round(median(each), 2) for stage, each in spent.items()}


def run(
    say: Callable[[str], None],
    *,
    events: int = 100_000,
    items: int = 5_000,
    ranker: str = "auto",
    batch: int = 256,
    candidates: int = 100,
    rounds: int = 40,
) -> dict[str, Any]:
    """Train a bundle and time rankings with it.

    Parameters
    ----------
    say
        Told what is being done.
    events, items
        Size of the simulated shop.
    ranker
        Kind of ranker, as for `swerve train`.
    batch
        Users in a batch.
    candidates
        Items scored for a user.
    rounds
        Batches timed.

    Returns
    -------
    dict
        ``microseconds_a_user`` by stage, and what was measured.
    """
    with tempfile.TemporaryDirectory() as folder:
        archive, out = Path(folder) / "archive", Path(folder) / "model" / "1"
        say(f"simulate {events:,} events and train on them")
        simulate(archive, events, max(100, events // 20), items, SEED)
        kind = train(archive, out, SEED, kinds=KINDS if ranker == "auto" else (ranker,)).ranker
        with_bundle = Ranker(Bundle.open(out), candidates)
        history = read_history(archive)
        wanted = np.zeros(len(history.events), np.bool_)
        wanted[np.random.default_rng(SEED).integers(0, len(wanted), min(20_000, len(wanted)))] = True
        profiles, _ = follow(history.events, history.users, with_bundle.bundle.segments, wanted)
        found = with_bundle.stages(profiles[:2_000])[0]
        say(f"rank {rounds} batches of {batch} users")
        return {
            "microseconds_a_user": measure(with_bundle, profiles, batch, rounds),
            "ranker": kind,
            "candidates": candidates,
            "filled": round(float(found.filled.mean()), 1),
            "items": len(with_bundle.tables.item_hash),
            "users_a_batch": batch,
        }
