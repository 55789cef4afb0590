"""The profile of a user: the working record of the kernels, and the shorter bytes that state and Redis hold.

The fields are defined in `docs/semantics.md`, section "Profile".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numba
import numpy as np
from numpy.typing import NDArray

from udfs.profile_upgrades import from_version_1

VERSION = 2
RING, BOUGHT, CATEGORIES, SEEN = 12, 8, 10, 64
SHORT_PANES, LONG_PANES = 6, 4
COUNT_GROUPS = 10

ITEM = np.dtype([("item", "<u8"), ("kind", "u1"), ("visit", "u1")])
CATEGORY = np.dtype(
    [
        ("category", "<u4"),
        ("own", "<i2"),
        ("evidence", "<i2"),
        ("short", "u1", SHORT_PANES),
        ("long", "<u2", LONG_PANES),
        ("affinity", "u1"),
    ]
)

_HEADER = [
    ("version", "u1"),
    ("device", "u1"),
    ("country", "<u2"),
    ("n_events", "<u4"),
    ("first_time", "<i8"),
    ("last_time", "<i8"),
    ("clock", "<i8"),
    ("visit_start", "<i8"),
    ("visits", "<u4"),
    ("visit_events", "<u2"),
    ("segment", "<i2"),
    ("counts", "<u2", COUNT_GROUPS),
    ("engagement_ms", "<u4"),
    ("price_sum", "<f8"),
    ("price_n", "<u4"),
    ("monetary", "<f8"),
    ("last_purchase_time", "<i8"),
    ("cart_deadline", "<i8"),
    ("cart_items", "<u2"),
    ("abandoned", "<u2"),
    ("focus", "<u4"),
    ("shift_time", "<i8"),
    ("shifts", "<u2"),
    ("items_n", "<u4"),
    ("bought_n", "<u4"),
    ("seen_n", "<u4"),
    ("segments_of", "<u4"),
    ("click_propensity", "<f4"),
    ("purchase_propensity", "<f4"),
    ("churn_risk", "<f4"),
]

#: Working record of a user. All zero but `version` and `segment` (see `empty_profiles`): a user without events.
PROFILE = np.dtype(
    [*_HEADER, ("items", ITEM, RING), ("bought", "<u4", BOUGHT), ("categories", CATEGORY, CATEGORIES), ("seen", "<u8", SEEN)]
)
HEADER_BYTES = int(np.dtype(_HEADER).itemsize)
SEEN_BYTES = 6
_PRESENT = bytes([VERSION])
_ITEMS, _BOUGHT, _CATEGORIES, _SEEN = (int(PROFILE.fields[name][1]) for name in ("items", "bought", "categories", "seen"))  # type: ignore[index]
#: Longest stored record: the header, how many categories are used, and all rings full.
MAX_BYTES = HEADER_BYTES + 1 + RING * ITEM.itemsize + BOUGHT * 4 + CATEGORIES * CATEGORY.itemsize + SEEN * SEEN_BYTES


class ProfileError(ValueError):
    """Stored bytes that are no profile this version can read."""


Upgrade = Callable[[bytes], bytes]
#: How the stored bytes of a version become those of the next one.
UPGRADES: dict[int, Upgrade] = {1: from_version_1}


def empty_profiles(n: int) -> NDArray[np.void]:
    """Make the profiles of users without events.

    Parameters
    ----------
    n
        How many.

    Returns
    -------
    PROFILE[n]
    """
    profiles = np.zeros(n, PROFILE)
    profiles["version"] = VERSION
    profiles["segment"] = -1
    return profiles


def pack_profiles(profiles: NDArray[np.void]) -> list[bytes]:
    """Pack working records into what is stored: the header and the used part of each ring.

    Parameters
    ----------
    profiles : PROFILE[n]
        The records.

    Returns
    -------
    list of bytes
        One a profile, at most `MAX_BYTES` long.
    """
    n = len(profiles)
    if n == 0:
        return []
    buffer = np.empty(n * MAX_BYTES, np.uint8)
    ends = np.empty(n, np.int64)
    _pack(np.ascontiguousarray(profiles).view(np.uint8).reshape(n, PROFILE.itemsize), profiles, buffer, ends)
    stored = buffer[: ends[-1]].tobytes()
    bounds = ends.tolist()
    return [stored[start:end] for start, end in zip([0, *bounds], bounds)]


def unpack_profiles(packed: Sequence[bytes]) -> NDArray[np.void]:
    """Unpack stored profiles, of this version or an older one.

    Parameters
    ----------
    packed
        What `pack_profiles` gave.

    Returns
    -------
    PROFILE[n]

    Raises
    ------
    ProfileError
        If a record has a version that this one does not know, or another length than it says.
    """
    n = len(packed)
    profiles = np.zeros(n, PROFILE)
    if n == 0:
        return profiles
    current = [record if record[:1] == _PRESENT else upgrade(record) for record in packed]
    ends = np.cumsum(np.fromiter(map(len, current), np.int64, n))
    bad = _unpack(np.frombuffer(b"".join(current), np.uint8), ends, profiles.view(np.uint8).reshape(n, PROFILE.itemsize), profiles)
    if bad >= 0:
        raise ProfileError(f"a stored profile of {len(current[bad])} bytes is damaged")
    return profiles


def upgrade(record: bytes, upgrades: dict[int, Upgrade] | None = None, version: int = VERSION) -> bytes:
    """Bring stored bytes to the present version, one step at a time.

    Raises
    ------
    ProfileError
        If there is no way from its version to the present one.
    """
    steps = UPGRADES if upgrades is None else upgrades
    while (found := record[0] if record else -1) != version:
        if found not in steps:
            raise ProfileError(f"a stored profile has version {found}, this is version {version}: it was written by another release")
        record = steps[found](record)
    return record


@numba.njit(nogil=True, cache=True)
def _pack(raw, profiles, buffer, ends):  # type: ignore[no-untyped-def]
    at = 0
    for i in range(len(profiles)):
        profile, source = profiles[i], raw[i]
        used = 0
        while used < CATEGORIES and profile.categories[used].category != 0:
            used += 1
        at = _copy(source, 0, buffer, at, HEADER_BYTES)
        buffer[at] = used
        at = _copy(source, _ITEMS, buffer, at + 1, min(profile.items_n, RING) * ITEM_BYTES)
        at = _copy(source, _BOUGHT, buffer, at, min(profile.bought_n, BOUGHT) * 4)
        at = _copy(source, _CATEGORIES, buffer, at, used * CATEGORY_BYTES)
        for j in range(min(profile.seen_n, SEEN)):
            at = _copy(source, _SEEN + 8 * j, buffer, at, SEEN_BYTES)
        ends[i] = at


@numba.njit(nogil=True, cache=True)
def _unpack(stored, ends, raw, profiles):  # type: ignore[no-untyped-def]
    """Fill the records; gives the index of the first damaged one, or -1."""
    at = 0
    for i in range(len(profiles)):
        profile, target, end = profiles[i], raw[i], ends[i]
        if end - at <= HEADER_BYTES:
            return i
        _copy(stored, at, target, 0, HEADER_BYTES)
        used = stored[at + HEADER_BYTES]
        items, bought, seen = min(profile.items_n, RING), min(profile.bought_n, BOUGHT), min(profile.seen_n, SEEN)
        size = HEADER_BYTES + 1 + items * ITEM_BYTES + bought * 4 + used * CATEGORY_BYTES + seen * SEEN_BYTES
        if used > CATEGORIES or end - at != size:
            return i
        at += HEADER_BYTES + 1
        at += _copy(stored, at, target, _ITEMS, items * ITEM_BYTES) - _ITEMS
        at += _copy(stored, at, target, _BOUGHT, bought * 4) - _BOUGHT
        at += _copy(stored, at, target, _CATEGORIES, used * CATEGORY_BYTES) - _CATEGORIES
        for j in range(seen):
            _copy(stored, at, target, _SEEN + 8 * j, SEEN_BYTES)
            at += SEEN_BYTES
    return -1


ITEM_BYTES, CATEGORY_BYTES = int(ITEM.itemsize), int(CATEGORY.itemsize)


@numba.njit(nogil=True, cache=True)
def _copy(source, start, target, at, size):  # type: ignore[no-untyped-def]
    for k in range(size):
        target[at + k] = source[start + k]
    return at + size
