"""Section "Shift": the CUSUM of the log-likelihood ratio between a new intent and the present focus."""

from __future__ import annotations

import math

from tests.oracle.constants import ADOPT_AT, EVIDENCE_MAX, INTENT_SHARE, SHIFT_AT, TASTE_PRIOR, TASTE_SLOTS
from tests.oracle.profile import Profile, sat16


def fix(x: float) -> int:
    """A real number of nats in integers of 1/256 nat."""
    return math.floor(256 * x + 0.5)


def background(profile: Profile, c: int) -> float:
    """b_c: the share of entry c in the user's own taste, the short window left out."""
    taste = [max(0, sum(entry.long) - sum(entry.short)) for entry in profile.categories]
    return (taste[c] + TASTE_PRIOR / TASTE_SLOTS) / (sum(taste) + TASTE_PRIOR)


def observe(profile: Profile, c: int, t: int) -> str:
    """Apply the shift rule to an event of entry `c` at time `t`, before its counts grow.

    Returns "adopted", "shift" or "".
    """
    a, b = INTENT_SHARE, background(profile, c)
    entry = profile.categories[c]
    against_noise = fix(math.log((a + (1 - a) * b) / b))
    against_focus = fix(math.log((a + (1 - a) * b) / ((1 - a) * b)))

    if profile.focus == 0:
        entry.evidence = min(entry.evidence + against_noise, EVIDENCE_MAX)
        if entry.evidence >= ADOPT_AT:
            _new_focus(profile, c)
            return "adopted"
    elif profile.focus == entry.category:
        for k, other in enumerate(profile.categories):
            if k != c:
                other.evidence = max(0, other.evidence - against_focus)
    else:
        entry.evidence = min(entry.evidence + against_focus, EVIDENCE_MAX)
        if entry.evidence >= SHIFT_AT:
            _new_focus(profile, c)
            profile.shifts = sat16(profile.shifts + 1)
            profile.shift_time = t
            return "shift"
    return ""


def _new_focus(profile: Profile, c: int) -> None:
    profile.focus = profile.categories[c].category
    for entry in profile.categories:
        entry.evidence = 0
