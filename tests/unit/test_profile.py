"""Profiles are stored and read back without a difference, in few bytes, in the same bytes for ever; older versions are brought up."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.golden.profile import golden, stored
from training.history import read_history
from training.simulator import simulate
from udfs.profile import (
    BOUGHT,
    CATEGORIES,
    HEADER_BYTES,
    MAX_BYTES,
    PROFILE,
    RING,
    SEEN,
    UPGRADES,
    VERSION,
    ProfileError,
    empty_profiles,
    pack_profiles,
    unpack_profiles,
    upgrade,
)
from udfs.segments import no_segments
from udfs.update import Updater

COUNTS = st.integers(0, 2**32 - 1)
RINGS = {"items": ("items_n", RING), "bought": ("bought_n", BOUGHT), "seen": ("seen_n", SEEN)}


def filled(seed: int, items: int, bought: int, seen: int, categories: int) -> NDArray[np.void]:
    """A profile of random bytes whose rings are filled as far as their counts say."""
    random = np.random.default_rng(seed)
    record = np.frombuffer(random.bytes(PROFILE.itemsize), PROFILE).copy()
    record["version"] = VERSION
    for (name, (count, size)), n in zip(RINGS.items(), (items, bought, seen), strict=True):
        record[count] = n
        record[name][0, min(n, size) :] = np.zeros(1, PROFILE[name].base)
    record["seen"] &= np.uint64(2**48 - 1)
    record["categories"]["category"] |= np.uint32(1)
    record["categories"][0, categories:] = np.zeros(1, PROFILE["categories"].base)
    return record


PROFILES = st.builds(filled, st.integers(0, 2**32), *[st.one_of(st.integers(0, 70), COUNTS)] * 3, st.integers(0, CATEGORIES))


@given(st.lists(PROFILES, max_size=5))
def test_what_is_stored_is_read_back(records: list[NDArray[np.void]]) -> None:
    profiles = np.concatenate([empty_profiles(0), *records])
    packed = pack_profiles(profiles)
    assert unpack_profiles(packed).tobytes() == profiles.tobytes()
    assert packed == [pack_profiles(record)[0] for record in records], "its neighbours are no part of a profile"


@given(PROFILES)
def test_a_record_is_as_long_as_what_is_used(record: NDArray[np.void]) -> None:
    used = int((record["categories"]["category"] != 0).sum())
    items, bought, seen = (min(int(record[count][0]), size) for count, size in RINGS.values())
    assert len(pack_profiles(record)[0]) == HEADER_BYTES + 1 + 10 * items + 4 * bought + 23 * used + 6 * seen


def test_no_record_is_longer_than_1_kib() -> None:
    packed = pack_profiles(filled(1, RING, BOUGHT, SEEN, CATEGORIES))[0]
    assert len(packed) == MAX_BYTES <= 1024


def test_profiles_of_a_shop_are_at_most_512_bytes_on_average(tmp_path: Path) -> None:
    """Twenty events a user, as in the benchmark of the job."""
    simulate(tmp_path / "shop", events=20_000, users=1_000, items=500, seed=5)
    history = read_history(tmp_path / "shop")
    profiles = empty_profiles(history.users)
    Updater(no_segments()).apply(profiles, history.events, latest_only=True)
    assert 150 < np.mean([len(packed) for packed in pack_profiles(profiles)]) <= 512


def test_nobody() -> None:
    assert pack_profiles(empty_profiles(0)) == []
    assert unpack_profiles([]).tobytes() == b""
    assert pack_profiles(empty_profiles(1))[0] == bytes([VERSION]) + empty_profiles(1).tobytes()[1:HEADER_BYTES] + b"\0"


def test_golden_bytes() -> None:
    assert pack_profiles(golden())[0] == stored()
    for version in range(1, VERSION + 1):
        assert unpack_profiles([stored(version)]).tobytes() == golden(version).tobytes(), version


@pytest.mark.parametrize("size", [1, 137, 138, 139, len(stored(1)) - 1])
def test_a_damaged_profile_of_an_older_version_stays_damaged(size: int) -> None:
    with pytest.raises(ProfileError, match="damaged"):
        unpack_profiles([stored(1)[:size]])
    with pytest.raises(ProfileError, match="damaged"):
        unpack_profiles([stored(1)[:138] + b"\xff" + stored(1)[139:]])


def test_every_version_ever_stored_can_be_read() -> None:
    assert set(UPGRADES) == set(range(1, VERSION))
    for version in range(1, VERSION + 1):
        assert stored(version)[0] == version
        assert len(unpack_profiles([stored(version)])) == 1


@given(PROFILES, st.data())
def test_a_record_of_another_length_is_refused(record: NDArray[np.void], data: st.DataObject) -> None:
    packed = pack_profiles(record)[0]
    damaged = data.draw(st.sampled_from([packed[: data.draw(st.integers(1, len(packed) - 1))], packed + b"\0"]))
    with pytest.raises(ProfileError, match=rf"{len(damaged)} bytes is damaged"):
        unpack_profiles([packed, damaged, packed])


def test_more_categories_than_there_is_room_for_are_refused() -> None:
    packed = bytearray(pack_profiles(filled(2, 0, 0, 0, CATEGORIES))[0])
    packed[HEADER_BYTES] = CATEGORIES + 1
    with pytest.raises(ProfileError, match="damaged"):
        unpack_profiles([bytes(packed) + bytes(23)])


@pytest.mark.parametrize("record", [b"", b"\x00", bytes([VERSION + 1]) + stored()[1:]])
def test_an_unknown_version_is_refused(record: bytes) -> None:
    with pytest.raises(ProfileError, match=rf"has version {record[0] if record else -1}, this is version {VERSION}"):
        unpack_profiles([record])


def test_older_versions_are_brought_up_step_by_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a release would do it that drops a byte of version 254 and one of version 255."""
    new = stored()
    monkeypatch.setitem(UPGRADES, 254, lambda record: b"\xff" + record[2:])
    monkeypatch.setitem(UPGRADES, 255, lambda record: bytes([VERSION]) + record[2:])
    oldest, old = b"\xfe\x00\x00" + new[1:], b"\xff\x00" + new[1:]
    assert unpack_profiles([oldest, new, old]).tobytes() == np.concatenate([golden()] * 3).tobytes()
    assert upgrade(oldest, version=255) == old
