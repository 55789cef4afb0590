"""When a shopper swerves: a CUSUM over each category, with a lead that the focus must have had. `docs/semantics.md`, section "Shift".

Sources: E. S. Page, "Continuous inspection schemes", Biometrika 41 (1954); G. Lorden, "Procedures for reacting to a change in
distribution", Annals of Mathematical Statistics 42 (1971). Why this rule and these constants: `docs/decisions/0003-shift.md`.
"""

from __future__ import annotations

import math

import numba

from udfs.events import KIND
from udfs.profile import CATEGORIES, SHORT_PANES
from udfs.windows import long_count, short_count

INTENT_SHARE = 0.6
TASTE_PRIOR = 8.0
TASTE_SLOTS = 32.0
LEAST_SHARE = 0.08
GLANCE, ACT = -77, 768
LEAD = 1792
SHIFT_AT = 2304
MOST = 32_767

NOTHING, ADOPTED, SHIFTED = 0, 1, 2
_VIEW = KIND["view_item"]


@numba.njit(nogil=True, cache=True)
def fix(x: float) -> int:
    """Write nats in integers of 1/256 nat: sums of integers do not depend on who adds them."""
    return math.floor(256.0 * x + 0.5)


@numba.njit(nogil=True, cache=True)
def taste(profile, k):  # type: ignore[no-untyped-def]
    """Count what entry `k` had before the short window."""
    return max(0, long_count(profile.categories[k]) - short_count(profile.categories[k]))


@numba.njit(nogil=True, cache=True)
def share(profile, c):  # type: ignore[no-untyped-def]
    """Give the share of entry `c` in the user's own taste, smoothed."""
    total = 0
    for k in range(CATEGORIES):
        total += taste(profile, k)
    return (taste(profile, c) + TASTE_PRIOR / TASTE_SLOTS) / (total + TASTE_PRIOR)


@numba.njit(nogil=True, cache=True)
def begin_visit(profile):  # type: ignore[no-untyped-def]
    """Forget the last visit's intent; what she likes is likely to be what she comes for."""
    profile.focus = 0
    for k in range(CATEGORIES):
        entry = profile.categories[k]
        entry.evidence = 0
        entry.own = fix(math.log(share(profile, k))) if entry.category != 0 else 0


@numba.njit(nogil=True, cache=True)
def begin_entry(profile, c):  # type: ignore[no-untyped-def]
    """Set up a cleared entry that was taken for a new category."""
    entry = profile.categories[c]
    entry.evidence = 0
    entry.own = fix(math.log(share(profile, c)))


@numba.njit(nogil=True, cache=True)
def observe(profile, c, kind, t):  # type: ignore[no-untyped-def]
    """Weigh an event of entry `c` at time `t`, before its counts grow.

    Returns
    -------
    int
        `NOTHING`, `ADOPTED` (the visit's intent became known, or is better explained) or `SHIFTED`.
    """
    b = max(LEAST_SHARE, share(profile, c))
    weight = GLANCE if kind == _VIEW else ACT
    gain = max(0, fix(math.log((INTENT_SHARE + (1 - INTENT_SHARE) * b) / ((1 - INTENT_SHARE) * b))) + weight)
    entry = profile.categories[c]
    entry.own = min(int(entry.own) + gain, MOST)
    if profile.focus == 0:
        profile.focus = entry.category
        outcome = ADOPTED
    else:
        outcome = NOTHING
    if entry.category == profile.focus or entry.own > _own_of_focus(profile):
        for k in range(CATEGORIES):
            if k != c:
                profile.categories[k].evidence = max(0, int(profile.categories[k].evidence) - gain)
    if entry.category == profile.focus:
        return outcome
    entry.evidence = min(int(entry.evidence) + gain, MOST)
    if entry.evidence < SHIFT_AT:
        return NOTHING
    outcome = SHIFTED if lead(profile, c) >= LEAD else ADOPTED
    if outcome == SHIFTED:
        profile.shifts = min(int(profile.shifts) + 1, 65_535)
        profile.shift_time = t
        _begin_anew(profile, c)
    profile.focus = entry.category
    for k in range(CATEGORIES):
        profile.categories[k].evidence = 0
    return outcome


@numba.njit(nogil=True, cache=True)
def lead(profile, c):  # type: ignore[no-untyped-def]
    """Tell how far the best other entry was ahead of entry `c` before the evidence for `c` began."""
    rival = -MOST
    for k in range(CATEGORIES):
        if k != c and profile.categories[k].category != 0:
            rival = max(rival, int(profile.categories[k].own))
    entry = profile.categories[c]
    return rival - (int(entry.own) - int(entry.evidence))


@numba.njit(nogil=True, cache=True)
def _own_of_focus(profile):  # type: ignore[no-untyped-def]
    for k in range(CATEGORIES):
        if profile.categories[k].category == profile.focus:
            return int(profile.categories[k].own)
    return MOST


@numba.njit(nogil=True, cache=True)
def _begin_anew(profile, c):  # type: ignore[no-untyped-def]
    """Let the new intent alone stand in the short window."""
    profile.categories[c].own = profile.categories[c].evidence
    for k in range(CATEGORIES):
        if k != c:
            entry = profile.categories[k]
            entry.own = 0
            for j in range(SHORT_PANES):
                entry.short[j] = 0
