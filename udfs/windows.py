"""Windows as rings of panes: which panes a window holds, and how it moves on. Defined in `docs/semantics.md`, section "Profile"."""

from __future__ import annotations

import numba

from udfs.profile import CATEGORIES, LONG_PANES, SHORT_PANES

SHORT_PANE_MS = 300_000
LONG_PANE_MS = 604_800_000


@numba.njit(nogil=True, cache=True)
def in_window(t: int, last_time: int, pane_ms: int, panes: int) -> bool:
    """Tell whether the pane of `t` lies in the window that ends with the pane of `last_time`."""
    newest = last_time // pane_ms
    return newest - panes + 1 <= t // pane_ms <= newest


@numba.njit(nogil=True, cache=True)
def advance(profile, t):  # type: ignore[no-untyped-def]
    """Move both windows of a profile to the time `t > last_time`: the panes that come are empty."""
    old, new = profile.last_time // SHORT_PANE_MS, t // SHORT_PANE_MS
    for pane in range(max(old + 1, new - SHORT_PANES + 1), new + 1):
        for k in range(CATEGORIES):
            profile.categories[k].short[pane % SHORT_PANES] = 0
    old, new = profile.last_time // LONG_PANE_MS, t // LONG_PANE_MS
    for pane in range(max(old + 1, new - LONG_PANES + 1), new + 1):
        for k in range(CATEGORIES):
            profile.categories[k].long[pane % LONG_PANES] = 0


@numba.njit(nogil=True, cache=True)
def short_count(entry):  # type: ignore[no-untyped-def]
    """Sum the counts of an entry over the short window."""
    total = 0
    for j in range(SHORT_PANES):
        total += np_int(entry.short[j])
    return total


@numba.njit(nogil=True, cache=True)
def long_count(entry):  # type: ignore[no-untyped-def]
    """Sum the counts of an entry over the long window."""
    total = 0
    for j in range(LONG_PANES):
        total += np_int(entry.long[j])
    return total


@numba.njit(inline="always")
def np_int(x):  # type: ignore[no-untyped-def]
    """Widen a small unsigned counter, so that differences keep their sign."""
    return int(x)
