"""Rank requests arrive as they were sent, in order, however they were put together."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.golden import request as golden_request
from tests.golden.profile import golden
from tests.unit.trail import applied_to, event
from udfs.profile import VERSION, ProfileError, empty_profiles, pack_profiles
from udfs.requests import Requests, latest_of_each_user, pack_requests, request_of, stands, unpack_requests

USERS = st.lists(st.one_of(st.sampled_from(["a", "b"]), st.text(max_size=300)).map(lambda name: name.encode("utf-8", "replace")))


def requests_of(users: list[bytes]) -> Requests:
    """One request a user, each with another reason and profile."""
    profiles: NDArray[np.void] = np.repeat(golden(), len(users))
    profiles["n_events"] = np.arange(len(users))
    return users, (np.arange(len(users)) % 64).astype(np.uint8), profiles


def assert_same(one: Requests, other: Requests) -> None:
    assert one[0] == other[0]
    assert one[1].tolist() == other[1].tolist()
    assert one[2].tobytes() == other[2].tobytes()


@given(USERS, st.data())
def test_requests_arrive_as_they_were_sent(users: list[bytes], data: st.DataObject) -> None:
    sent = requests_of(users)
    cut = data.draw(st.integers(0, len(users)))
    blocks = [pack_requests(users[:cut], sent[1][:cut], sent[2][:cut]), pack_requests(users[cut:], sent[1][cut:], sent[2][cut:])]
    assert_same(unpack_requests(blocks), sent)
    assert_same(unpack_requests([memoryview(b"".join(blocks))]), sent)
    assert b"".join(blocks) == b"".join(map(request_of, users, sent[1].tolist(), pack_profiles(sent[2])))


def test_no_requests() -> None:
    for blocks in ([], [b""]):
        users, reasons, profiles = unpack_requests(blocks)
        assert (users, len(reasons), len(profiles)) == ([], 0, 0)
    assert latest_of_each_user(*unpack_requests([]))[0] == []


@given(USERS)
def test_of_each_user_the_last_is_kept_in_order(users: list[bytes]) -> None:
    kept, reasons, profiles = latest_of_each_user(*requests_of(users))
    assert len(kept) == len(set(kept)) == len(set(users))
    last = {user: n for n, user in enumerate(users)}
    assert profiles["n_events"].tolist() == [last[user] for user in kept] == sorted(last.values())
    assert reasons.tolist() == [last[user] % 64 for user in kept]


def test_golden_bytes() -> None:
    assert golden_request.encode() == golden_request.stored()
    for version in range(1, VERSION + 1):
        held = golden_request.stored(version)
        assert_same(unpack_requests([held]), ([golden_request.USER], np.array([5], np.uint8), golden(version)))


def test_a_request_that_was_cut_off_is_refused() -> None:
    with pytest.raises(ProfileError, match="damaged"):
        unpack_requests([golden_request.stored()[:-1]])


def test_a_request_carries_what_the_kernel_kept() -> None:
    profiles = empty_profiles(2)
    applied = applied_to(profiles, event("add_to_cart", user=1, item=3), event("purchase", 5, user=1, item=3))
    sent = pack_requests([b"x"] * 2, applied.requests_reason, applied.requests_profile)
    _, reasons, arrived = unpack_requests([sent])
    assert reasons.tolist() == [4, 8]
    assert arrived["cart_items"].tolist() == [1, 0]
    assert arrived[1:].tobytes() == profiles[1:].tobytes()


@pytest.mark.parametrize(("field", "still"), [("seen_n", True), ("clock", False), ("n_events", False), ("cart_deadline", False)])
def test_a_request_stands_until_something_asks(field: str, still: bool) -> None:
    """An event that was too late is seen and asks for nothing; one that is applied counts; a deadline that fires is gone."""
    profiles: NDArray[np.void] = np.repeat(golden(), 1)
    request = request_of(b"u", 1, pack_profiles(profiles)[0])
    assert stands(request, profiles[0])
    profiles[field] += 1
    assert stands(request, profiles[0]) is still
