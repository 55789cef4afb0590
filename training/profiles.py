"""Profiles as they were in history, made by the job's own kernel."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from udfs.profile import PROFILE, empty_profiles
from udfs.segments import SegmentModel
from udfs.update import EVENT_ASKS, Updater

EVENTS_A_STEP = 10_000

Progress = Callable[[int, int], None]


def follow(
    events: NDArray[np.void], users: int, segments: SegmentModel, wanted: NDArray[np.bool_], progress: Progress | None = None
) -> tuple[NDArray[np.void], NDArray[np.int32]]:
    """Apply a history to profiles.

    Parameters
    ----------
    events : EVENT[n]
        Without duplicates and events that are too late.
    users
        How many.
    segments
        The segments to put users in.
    wanted : bool[n]
        After which events to keep the profile.
    progress
        Called with events done and to do.

    Returns
    -------
    PROFILE[wanted], i4[n]
        Profiles after the wanted events, and the user's segment after each event.
    """
    updater = Updater(segments)
    profiles = empty_profiles(users)
    kept, segment = [np.empty(0, PROFILE)], np.empty(len(events), np.int32)
    for start in range(0, len(events), EVENTS_A_STEP):
        step = slice(start, start + EVENTS_A_STEP)
        applied = updater.apply(profiles, events[step], latest_only=False)
        after = applied.requests_profile[applied.requests_reason & EVENT_ASKS != 0]
        segment[step] = after["segment"]
        kept.append(after[wanted[step]])
        if progress:
            progress(min(start + EVENTS_A_STEP, len(events)), len(events))
    return np.concatenate(kept), segment
