"""What the profiles cost: the kernel, and packing what it read and writes, for payloads of two sizes and two kinds of traffic."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.history import read_history
from training.simulator import simulate
from udfs.profile import PROFILE, empty_profiles, pack_profiles, unpack_profiles
from udfs.segments import BEHAVIOUR, SegmentModel
from udfs.update import Updater

SEED = 11
SEGMENTS = 8
PAYLOADS = (300, 1250)
CENTROID_CATEGORIES = 24


def run(say: Callable[[str], None], *, events: int = 500_000, users: int = 25_000, items: int = 5_000) -> dict[str, Any]:
    """Apply a simulated shop's events payload by payload, each profile unpacked, updated and packed again.

    Parameters
    ----------
    say
        Told what is being done.
    events, users, items
        Size of the shop.

    Returns
    -------
    dict
        By traffic (``even``, and ``power``: few shoppers with most of the events) and size of the payloads: events a second of the
        kernel alone and with packing, and the bytes of a packed profile at the end, on average and at most.
    """
    found: dict[str, Any] = {}
    for activity in ("even", "power"):
        say(f"simulate {events:,} events of {users:,} shoppers, activity {activity}, seed {SEED}")
        with tempfile.TemporaryDirectory() as folder:
            simulate(Path(folder) / "archive", events=events, users=users, items=items, seed=SEED, activity=activity)
            log = read_history(Path(folder) / "archive").events
        updater = Updater(_segments(log["category"]))
        measure(updater, log[:5_000], users, PAYLOADS[0])  # compiles
        found[activity] = {str(size): measure(updater, log, users, size) for size in PAYLOADS}
    return found


def measure(updater: Updater, log: NDArray[np.void], users: int, size: int) -> dict[str, float]:
    """Time one pass over a log.

    Parameters
    ----------
    updater
        The kernel.
    log : EVENT[n]
        In log order; `user` is a number below `users`.
    users
        Number of users.
    size
        Events of a payload.
    """
    stored: list[bytes] = pack_profiles(empty_profiles(users))
    spent = {"unpack": 0, "kernel": 0, "pack": 0}
    for asking, events in _payloads(log, size):
        started = time.perf_counter_ns()
        profiles = unpack_profiles([stored[user] for user in asking])
        unpacked = time.perf_counter_ns()
        updater.apply(profiles, events, latest_only=True)
        applied = time.perf_counter_ns()
        for user, packed in zip(asking, pack_profiles(profiles), strict=True):
            stored[user] = packed
        packed_at = time.perf_counter_ns()
        spent["unpack"] += unpacked - started
        spent["kernel"] += applied - unpacked
        spent["pack"] += packed_at - applied
    lengths = [len(stored[user]) for user in np.unique(log["user"]).tolist()]
    return {
        "kernel_events_per_second": round(len(log) / spent["kernel"] * 1e9),
        "events_per_second": round(len(log) / sum(spent.values()) * 1e9),
        **{f"{stage}_ns_per_event": round(ns / len(log)) for stage, ns in spent.items()},
        "profile_bytes_mean": round(float(np.mean(lengths)), 1),
        "profile_bytes_max": max(lengths),
        "working_record_bytes": PROFILE.itemsize,
    }


def _payloads(log: NDArray[np.void], size: int) -> Iterator[tuple[list[int], NDArray[np.void]]]:
    for at in range(0, len(log), size):
        events = log[at : at + size].copy()
        users, events["user"] = np.unique(events["user"], return_inverse=True)
        yield users.tolist(), events


def _segments(categories: NDArray[np.uint32]) -> SegmentModel:
    """Make centroids that lie among real categories: their values cost nothing, their number does."""
    known = np.unique(categories[categories != 0])[:CENTROID_CATEGORIES].astype(np.uint32)
    return SegmentModel(known, np.random.default_rng(SEED).dirichlet(np.ones(len(known) + BEHAVIOUR), SEGMENTS))


if __name__ == "__main__":
    print(json.dumps(run(lambda text: print(text, file=sys.stderr)), indent=2))
