"""Section "Shift": the sums over a visit's categories that tell when its intent changed."""

from __future__ import annotations

import math

from tests.oracle.constants import ACT, EVIDENCE_MAX, GLANCE, INTENT_SHARE, LEAD, LEAST_SHARE, SHIFT_AT, TASTE_PRIOR, TASTE_SLOTS
from tests.oracle.events import Event
from tests.oracle.profile import Profile, sat16


def fix(x: float) -> int:
    """A real number of nats in integers of 1/256 nat."""
    return math.floor(256 * x + 0.5)


def share(profile: Profile, c: int) -> float:
    """p_c: the share of entry c in the user's own taste, the short window left out."""
    taste = [max(0, sum(entry.long) - sum(entry.short)) for entry in profile.categories]
    return (taste[c] + TASTE_PRIOR / TASTE_SLOTS) / (sum(taste) + TASTE_PRIOR)


def begin_visit(profile: Profile) -> None:
    """What a visit starts with."""
    profile.focus = 0
    for k, entry in enumerate(profile.categories):
        entry.evidence = 0
        entry.own = fix(math.log(share(profile, k))) if entry.category else 0


def begin_entry(profile: Profile, c: int) -> None:
    """What an entry that was taken for a new category starts with."""
    profile.categories[c].evidence = 0
    profile.categories[c].own = fix(math.log(share(profile, c)))


def observe(profile: Profile, c: int, event: Event) -> str:
    """Apply the rule to an event of entry c, before its counts grow. Returns "adopted", "shift" or ""."""
    a, b = INTENT_SHARE, max(LEAST_SHARE, share(profile, c))
    weight = GLANCE if event.event_name == "view_item" else ACT
    gain = max(0, fix(math.log((a + (1 - a) * b) / ((1 - a) * b))) + weight)
    entry, others = profile.categories[c], [other for k, other in enumerate(profile.categories) if k != c]

    entry.own = min(entry.own + gain, EVIDENCE_MAX)
    adopted = profile.focus == 0
    if adopted:
        profile.focus = entry.category
    focus = profile.categories[profile.entry_of(profile.focus)]
    if entry is focus or entry.own > focus.own:
        for other in others:
            other.evidence = max(0, other.evidence - gain)
    if entry is focus:
        return "adopted" if adopted else ""

    entry.evidence = min(entry.evidence + gain, EVIDENCE_MAX)
    if entry.evidence < SHIFT_AT:
        return ""
    rival = max(other.own for other in others if other.category)
    shifted = rival - (entry.own - entry.evidence) >= LEAD
    if shifted:
        profile.shifts = sat16(profile.shifts + 1)
        profile.shift_time = event.time
        entry.own = entry.evidence
        for other in others:
            other.own = 0
            other.short = [0] * len(other.short)
    profile.focus = entry.category
    for any_entry in profile.categories:
        any_entry.evidence = 0
    return "shift" if shifted else "adopted"
