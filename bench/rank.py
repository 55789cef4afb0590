"""What ranking a user costs, by stage, with a bundle trained on a simulated shop. ``python -m bench.rank``."""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.bundle import Bundle
from training.history import read_history
from training.profiles import follow
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


def main() -> None:
    """Train, measure, print one JSON document."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=100_000, help="events of the simulated shop")
    parser.add_argument("--items", type=int, default=5_000, help="its items")
    parser.add_argument("--users", type=int, default=256, help="users in a batch")
    parser.add_argument("--candidates", type=int, default=100, help="items scored for a user")
    parser.add_argument("--rounds", type=int, default=40, help="batches timed")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        archive, out = Path(folder) / "archive", Path(folder) / "model" / "1"
        simulate(archive, chosen.events, max(100, chosen.events // 20), chosen.items, SEED)
        train(archive, out, SEED)
        ranker = Ranker(Bundle.open(out), chosen.candidates)
        history = read_history(archive)
        wanted = np.zeros(len(history.events), np.bool_)
        wanted[np.random.default_rng(SEED).integers(0, len(wanted), min(20_000, len(wanted)))] = True
        profiles, _ = follow(history.events, history.users, ranker.bundle.segments, wanted)
        found = ranker.stages(profiles[:2_000])[0]
        document = {
            "microseconds_a_user": measure(ranker, profiles, chosen.users, chosen.rounds),
            "candidates": chosen.candidates,
            "filled": round(float(found.filled.mean()), 1),
            "items": len(ranker.tables.item_hash),
            "users_a_batch": chosen.users,
        }
    print(json.dumps(document, indent=1))


if __name__ == "__main__":
    main()
