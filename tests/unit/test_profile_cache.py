"""The cache beside the state never changes what is read, however small it is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.operators import profile_cache
from jobs.operators.profile_cache import ProfileCache
from udfs.profile import empty_profiles, pack_profiles

USERS = [f"ü{n}".encode() for n in range(7)]
BATCHES = st.lists(st.lists(st.sampled_from(USERS), unique=True), max_size=12)


class State(dict[str, bytes]):
    """What the cache needs of a map state, and how often it was asked."""

    reads = 0

    def get(self, key: str, default: Any = None) -> Any:
        self.reads += 1
        return super().get(key, default)

    put_all = dict.update


def touch(cache: ProfileCache, users: list[bytes]) -> tuple[int, int, int]:
    """Give every user one more event, with rings that grow; tells who was new, and the bytes before and after."""
    read = cache.read(users)
    for profile in read.profiles:
        profile["n_events"] += 1
        profile["items"]["item"][profile["items_n"] % 12] = profile["n_events"]
        profile["items_n"] += 1
    return read.new, read.size, cache.write(users, read.profiles)


def plain(users: list[bytes], stored: dict[bytes, int]) -> dict[str, bytes]:
    """The profiles of users that were touched so often."""
    found = {}
    for user in users:
        profiles = empty_profiles(1)
        events = np.arange(1, stored[user] + 1)
        profiles["n_events"] = profiles["items_n"] = len(events)
        profiles["items"]["item"][0, (events - 1) % 12] = events
        found[user.decode()] = pack_profiles(profiles)[0]
    return found


@given(BATCHES, st.integers(1, len(USERS) + 1), st.integers(1, 4))
def test_results_are_those_without_a_cache(batches: list[list[bytes]], capacity: int, first: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(profile_cache, "FIRST_CAPACITY", first)
        state: State = State()
        cache = ProfileCache(state, capacity)
    counts: dict[bytes, int] = {}
    for users in batches:
        before = plain([user for user in users if user in counts], counts)
        new, read_size, written_size = touch(cache, users)
        assert new == len(users) - len(before)
        assert read_size == sum(map(len, before.values()))
        counts.update({user: counts.get(user, 0) + 1 for user in users})
        assert written_size == sum(map(len, plain(users, counts).values()))
    assert state == plain(list(counts), counts)


@given(BATCHES, st.integers(1, len(USERS)))
def test_a_new_cache_over_old_state_goes_on(batches: list[list[bytes]], capacity: int) -> None:
    """As after a restart: what the cache held is in the state."""
    state: State = State()
    counts: dict[bytes, int] = {}
    for users in batches:
        touch(ProfileCache(state, capacity), users)
        counts.update({user: counts.get(user, 0) + 1 for user in users})
    assert state == plain(list(counts), counts)


def test_who_is_kept_is_not_asked_for_again_and_the_first_in_goes_first() -> None:
    state: State = State()
    cache = ProfileCache(state, 3)
    one, two, three, four = USERS[:4]
    for users, reads in (([one, two, three], 3), ([two], 0), ([four], 1), ([two, three, four], 0), ([one], 1), ([two], 1)):
        state.reads = 0
        touch(cache, users)
        assert state.reads == reads, users


def test_what_was_read_is_a_copy() -> None:
    cache = ProfileCache(State(), 4)
    touch(cache, USERS[:1])
    cache.read(USERS[:1]).profiles["n_events"] = 99
    assert cache.read(USERS[:1]).profiles["n_events"].tolist() == [1]


def test_nobody() -> None:
    state: State = State()
    assert touch(ProfileCache(state, 1), []) == (0, 0, 0)
    assert state == {}
