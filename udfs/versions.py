"""The version of what Redis holds of a user: of two values, the one with the greater version stays."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from udfs.requests import AHEAD
from udfs.update import fire


def settle(profiles: NDArray[np.void], reasons: NDArray[np.uint8]) -> tuple[NDArray[np.uint64], NDArray[np.uint8]]:
    """Give the versions of rank requests, and fire the deadlines that were only announced.

    A deadline that no event has followed yet is announced by a timer, maybe too soon: an event that came late may still undo it. So it
    counts for less than any event, late ones too, and for more than the profile without it.

    Parameters
    ----------
    profiles : PROFILE[R]
        Changed in place: a deadline announced ahead is fired.
    reasons : u1[R]
        Why they ask.

    Returns
    -------
    versions : u8[R, 2]
        Clock in ms, and twice the number of events; one more for a deadline that was announced ahead.
    reasons : u1[R]
        Without the mark.
    """
    ahead = (reasons & AHEAD) != 0
    versions = np.stack([profiles["clock"], 2 * profiles["n_events"].astype(np.uint64) + ahead], 1).astype(np.uint64)
    fire(profiles, ahead)
    return versions, reasons & np.uint8(255 - AHEAD)
