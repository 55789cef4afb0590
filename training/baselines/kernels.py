"""Compiled pieces that several baselines share."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

#: How a weight falls with the distance, by name.
DECAYS = ("same", "div", "linear", "quadratic", "log")
_SAME, _DIV, _LINEAR, _QUADRATIC = range(4)


@numba.njit(cache=True, nogil=True)
def decay(kind: Any, step: Any) -> Any:
    """Weigh what lies `step` clicks back, 1 for the newest; `kind` is a place in `DECAYS`."""
    if kind == _SAME:
        return 1.0
    if kind == _DIV:
        return 1.0 / step
    if kind == _LINEAR:
        return max(0.0, 1.0 - 0.1 * step)
    if kind == _QUADRATIC:
        return 1.0 / (step * step)
    return 1.0 / np.log10(step + 1.7)


@numba.njit(cache=True, nogil=True)
def place_weight(kind: Any, place: Any, length: Any) -> Any:
    """Weigh the click at `place` of a session, from 1 to `length`; `kind` is a place in `DECAYS`."""
    if kind == _SAME:
        return 1.0
    if kind == _DIV:
        return place / length
    if kind == _LINEAR:
        return max(0.0, 1.0 - 0.1 * (length - place))
    if kind == _QUADRATIC:
        return (place / length) ** 2
    return 1.0 / np.log10(length - place + 1.7)


@numba.njit(cache=True, nogil=True)
def insert(items: Any, scores: Any, filled: Any, item: Any, score: Any) -> Any:
    """Put an item into a list that is sorted by score and then by number, if it is good enough; give how many the list holds."""
    top = len(items)
    if filled == top and (score < scores[top - 1] or (score == scores[top - 1] and item > items[top - 1])):
        return filled
    at = filled if filled < top else top - 1
    while at > 0 and (score > scores[at - 1] or (score == scores[at - 1] and item < items[at - 1])):
        items[at], scores[at] = items[at - 1], scores[at - 1]
        at -= 1
    items[at], scores[at] = item, score
    return min(top, filled + 1)
