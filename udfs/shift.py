"""When a shopper swerves: a one-sided CUSUM over each category. Defined in `docs/semantics.md`, section "Shift".

The method: E. S. Page, "Continuous inspection schemes", Biometrika 41 (1954). Why this one and these constants: `docs/decisions/0003-shift.md`.
"""

from __future__ import annotations

import math

import numba

from udfs.profile import CATEGORIES
from udfs.windows import long_count, short_count

INTENT_SHARE = 0.7
TASTE_PRIOR = 4.0
TASTE_SLOTS = 32.0
ADOPT_AT = 1024
SHIFT_AT = 2560
EVIDENCE_MAX = 32_767

NOTHING, ADOPTED, SHIFTED = 0, 1, 2


@numba.njit(nogil=True, cache=True)
def fix(x: float) -> int:
    """Write nats in integers of 1/256 nat: sums of integers do not depend on who adds them."""
    return int(math.floor(256.0 * x + 0.5))


@numba.njit(nogil=True, cache=True)
def background(profile, c):  # type: ignore[no-untyped-def]
    """Give the share of entry `c` in the user's own taste, the short window left out."""
    total, own = 0, 0
    for k in range(CATEGORIES):
        taste = max(0, long_count(profile.categories[k]) - short_count(profile.categories[k]))
        total += taste
        if k == c:
            own = taste
    return (own + TASTE_PRIOR / TASTE_SLOTS) / (total + TASTE_PRIOR)


@numba.njit(nogil=True, cache=True)
def observe(profile, c, t):  # type: ignore[no-untyped-def]
    """Weigh an event of entry `c` at time `t`, before its counts grow.

    Returns
    -------
    int
        `NOTHING`, `ADOPTED` (the visit's intent became known) or `SHIFTED`.
    """
    b = background(profile, c)
    category = profile.categories[c].category
    if profile.focus == 0:
        gain = fix(math.log((INTENT_SHARE + (1 - INTENT_SHARE) * b) / b))
        if _add(profile, c, gain) < ADOPT_AT:
            return NOTHING
        _take_focus(profile, category)
        return ADOPTED
    step = fix(math.log((INTENT_SHARE + (1 - INTENT_SHARE) * b) / ((1 - INTENT_SHARE) * b)))
    if category == profile.focus:
        for k in range(CATEGORIES):
            if k != c:
                profile.categories[k].evidence = max(0, profile.categories[k].evidence - step)
        return NOTHING
    if _add(profile, c, step) < SHIFT_AT:
        return NOTHING
    _take_focus(profile, category)
    profile.shifts = min(profile.shifts + 1, 65_535)
    profile.shift_time = t
    return SHIFTED


@numba.njit(nogil=True, cache=True)
def _add(profile, c, gain):  # type: ignore[no-untyped-def]
    evidence = min(profile.categories[c].evidence + gain, EVIDENCE_MAX)
    profile.categories[c].evidence = evidence
    return evidence


@numba.njit(nogil=True, cache=True)
def _take_focus(profile, category):  # type: ignore[no-untyped-def]
    profile.focus = category
    for k in range(CATEGORIES):
        profile.categories[k].evidence = 0
