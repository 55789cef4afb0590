"""Short logs of one user, written by hand, and the kernel applied to them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from udfs.events import EVENT, KIND
from udfs.profile import empty_profiles
from udfs.segments import SegmentModel, no_segments
from udfs.update import Applied, Updater

START = 1_699_999_800_000
"""The start of a short pane."""


def event(kind: str = "view_item", at: int = 0, **fields: Any) -> dict[str, Any]:
    """An event `at` milliseconds after the start; what is not said is absent."""
    return {"kind": KIND[kind], "event_time": START + at, "quantity": 1, **fields}


def events_of(*trail: dict[str, Any]) -> NDArray[np.void]:
    """Events as a payload has them, each with an id of its own where it says none."""
    events = np.zeros(len(trail), EVENT)
    for n, fields in enumerate(trail):
        for name, value in {"event_id": n + 1, "row": n, **fields}.items():
            events[name][n] = value
    return events


def applied_to(
    profiles: NDArray[np.void],
    *trail: dict[str, Any],
    segments: SegmentModel | None = None,
    rank_on: str = "triggers",
    every: int = 1_000,
    latest_only: bool = False,
) -> Applied:
    """Apply events to profiles, in place."""
    return Updater(segments or no_segments(), rank_on, every).apply(profiles, events_of(*trail), latest_only=latest_only)


def profile_after(*trail: dict[str, Any]) -> np.void:
    """The profile of a user with these events."""
    profiles = empty_profiles(1)
    applied_to(profiles, *trail)
    profile: np.void = profiles[0]
    return profile
