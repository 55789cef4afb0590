"""Which of two values of a user stays in Redis."""

from __future__ import annotations

import numpy as np

from tests.unit.trail import START, applied_to, event
from udfs.profile import empty_profiles
from udfs.requests import AHEAD
from udfs.update import CART_DELAY_MS, DEADLINE_ASKS, EVENT_ASKS
from udfs.versions import settle


def version(profiles: object, reason: int) -> tuple[int, ...]:
    versions, _ = settle(profiles, np.array([reason], np.uint8))  # type: ignore[arg-type]
    return tuple(versions[0].tolist())


def test_a_deadline_ahead_is_above_the_profile_and_below_every_event_after_it() -> None:
    profiles = empty_profiles(1)
    applied_to(profiles, event("add_to_cart", 1_000))
    before = version(profiles.copy(), EVENT_ASKS)
    ahead = version(profiles.copy(), DEADLINE_ASKS | AHEAD)
    late = profiles.copy()
    applied_to(late, event("purchase", 0, event_id=77))  # older than all that was seen, and it clears the deadline
    assert before < ahead < version(late, EVENT_ASKS)
    returned = profiles.copy()
    applied_to(returned, event("view_item", 1_001 + CART_DELAY_MS, event_id=78))
    assert ahead < version(returned, EVENT_ASKS)


def test_a_deadline_ahead_is_fired_in_what_is_ranked_and_the_mark_is_gone() -> None:
    profiles = empty_profiles(2)
    applied_to(profiles, event("add_to_cart", 0, user=0), event("add_to_cart", 0, user=1))
    _, reasons = settle(profiles, np.array([DEADLINE_ASKS | AHEAD, EVENT_ASKS], np.uint8))
    assert reasons.tolist() == [DEADLINE_ASKS, EVENT_ASKS]
    assert profiles["abandoned"].tolist() == [1, 0]
    assert profiles["clock"].tolist() == [START + CART_DELAY_MS, START]
    assert profiles["cart_deadline"].tolist() == [0, START + CART_DELAY_MS]
