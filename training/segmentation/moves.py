"""How shoppers move between segments, and how their visits end."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.interactions import find_visits
from udfs.events import KIND
from udfs.segments import COLD_START


def count_moves(events: NDArray[np.void], after: NDArray[np.int32], segments: int) -> dict[str, Any]:
    """Count moves and visits.

    Parameters
    ----------
    events : EVENT[n]
        A history in log order.
    after : i4[n]
        The shopper's segment after each event, as `training.profiles.follow` gives it.
    segments
        How many there are; others (cold start) are no segment.

    Returns
    -------
    dict
        `moves`: how often somebody went from the row's segment to the column's; `arrivals`: how often a new shopper's first segment was
        this; `visits` that were in the segment at some time, and `bought`: those of them with a purchase that began from it.
    """
    visits = find_visits(events)
    now = after[visits.order].astype(np.int64)
    first = np.ones(len(now), np.bool_)
    first[1:] = visits.user[1:] != visits.user[:-1]
    before = np.r_[np.full(min(1, len(now)), -1), now[:-1]]
    before[first] = -1
    inside = (now >= 0) & (now < segments)
    moved = inside & (before >= 0) & (before < segments) & (before != now)
    moves = np.bincount(before[moved] * segments + now[moved], minlength=segments * segments).reshape(segments, segments)
    came = inside & ((before >= COLD_START) | (before < 0))
    # What she was in when she decided to buy, not what the purchase made of her.
    purchase = events["kind"][visits.order] == KIND["purchase"]
    at = np.where((before >= 0) & (before < segments), before, now)
    bought = purchase & (at >= 0) & (at < segments)
    return {
        "moves": moves.tolist(),
        "arrivals": np.bincount(now[came], minlength=segments).tolist(),
        "visits": _visits(visits.visit[inside | bought], np.where(bought, at, now)[inside | bought], segments),
        "bought": _visits(visits.visit[bought], at[bought], segments),
    }


def _visits(visit: NDArray[np.int64], segment: NDArray[np.int64], segments: int) -> list[int]:
    """Count the visits of each segment, each once."""
    pairs = np.unique(visit * max(1, segments) + segment)
    counts: list[int] = np.bincount(pairs % max(1, segments), minlength=segments).tolist()
    return counts
