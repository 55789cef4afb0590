"""Rank requests on their way: who asks, why, and her profile as it was then."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from udfs.profile import pack_profiles, unpack_profiles

#: Length of the user id, length of the packed profile, reasons.
HEAD = struct.Struct("<IHB")
#: Beside the reasons: her deadline has passed, no event of hers has come, and the profile does not know it yet (`udfs.versions.settle`).
AHEAD = 64

Requests = tuple[list[bytes], NDArray[np.uint8], NDArray[np.void]]


def request_of(user: bytes, reason: int, packed_profile: bytes) -> bytes:
    """Make one request from a profile that is packed already."""
    return HEAD.pack(len(user), len(packed_profile), reason) + user + packed_profile


def pack_requests(users: Sequence[bytes], reasons: NDArray[np.uint8], profiles: NDArray[np.void]) -> bytes:
    """Pack requests behind each other.

    Parameters
    ----------
    users
        User ids in UTF-8.
    reasons : u1[R]
        Reason bits.
    profiles : PROFILE[R]
    """
    return b"".join(map(request_of, users, reasons.tolist(), pack_profiles(profiles)))


def unpack_requests(blocks: Iterable[bytes | memoryview]) -> Requests:
    """Unpack blocks of requests, in order.

    Returns
    -------
    users : list of bytes
    reasons : u1[R]
    profiles : PROFILE[R]
    """
    users: list[bytes] = []
    reasons: list[int] = []
    packed: list[bytes] = []
    for block in map(bytes, blocks):
        at, end = 0, len(block)
        while at < end:
            user_size, profile_size, reason = HEAD.unpack_from(block, at)
            middle = at + HEAD.size + user_size
            users.append(block[at + HEAD.size : middle])
            at = middle + profile_size
            packed.append(block[middle:at])
            reasons.append(reason)
    return users, np.array(reasons, np.uint8), unpack_profiles(packed)


def stands(request: bytes, profile: np.void) -> bool:
    """Tell whether a request is the last of its user: her profile has seen no event and fired no deadline since that asks."""
    then = unpack_requests([request])[2][0]
    return all(bool(then[field] == profile[field]) for field in ("clock", "n_events", "cart_deadline"))


def latest_of_each_user(users: list[bytes], reasons: NDArray[np.uint8], profiles: NDArray[np.void]) -> Requests:
    """Keep the last request of each user: an older one would be overwritten in Redis at once."""
    last = {user: position for position, user in enumerate(users)}
    if len(last) == len(users):
        return users, reasons, profiles
    keep = np.array(sorted(last.values()), np.int64)
    return [users[i] for i in keep.tolist()], reasons[keep], profiles[keep]
