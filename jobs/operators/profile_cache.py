"""Profiles of recent users beside Flink's state: a read from state costs more than the rest of an event."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from udfs.profile import PROFILE, empty_profiles, pack_profiles, unpack_profiles

FIRST_CAPACITY = 4096


class Read(NamedTuple):
    """Profiles as they were read.

    Attributes
    ----------
    profiles : PROFILE[U]
        Copies, to be changed and given to `ProfileCache.write`.
    new
        How many users had none.
    size
        Bytes that state holds of these users.
    """

    profiles: NDArray[np.void]
    new: int
    size: int


class ProfileCache:
    """Write-through cache over a `MapState[user → packed profile]`; first in, first out.

    Parameters
    ----------
    state
        The map state; its keys are unique over all buckets of a subtask, as a user has one bucket.
    capacity
        Number of profiles kept, about 1 KiB each.
    """

    def __init__(self, state: Any, capacity: int) -> None:
        self._state = state
        self._capacity = capacity
        self._records = np.zeros(min(capacity, FIRST_CAPACITY), PROFILE)
        self._sizes = np.zeros(capacity, np.int32)
        self._names: list[bytes] = []
        self._slots: dict[bytes, int] = {}
        self._next = 0

    def read(self, users: list[bytes]) -> Read:
        """Read the users' profiles, empty ones for new users."""
        find = self._slots.get
        slots = np.array([find(user, -1) for user in users], np.int64)
        profiles: NDArray[np.void] = self._records[slots]
        missing = np.flatnonzero(slots < 0)
        size = int(self._sizes[slots[slots >= 0]].sum())
        new = 0
        if missing.size:
            stored = [self._state.get(users[i].decode()) for i in missing.tolist()]
            profiles[missing] = empty_profiles(1)
            there = [i for i, packed in enumerate(stored) if packed is not None]
            if there:
                profiles[missing[there]] = unpack_profiles([stored[i] for i in there])
            size += sum(len(stored[i]) for i in there)
            new = len(stored) - len(there)
        return Read(profiles, new, size)

    def write(self, users: list[bytes], profiles: NDArray[np.void]) -> int:
        """Write the profiles to state and keep them here.

        Returns
        -------
        int
            Bytes that state holds of these users.
        """
        packed = pack_profiles(profiles)
        self._state.put_all({user.decode(): record for user, record in zip(users, packed, strict=True)})
        slots = np.array([self._slot(user) for user in users], np.int64)
        sizes = np.array([len(record) for record in packed], np.int32)
        self._records[slots], self._sizes[slots] = profiles, sizes
        return int(sizes.sum())

    def _slot(self, user: bytes) -> int:
        slot = self._slots.get(user)
        if slot is not None:
            return slot
        if len(self._names) < self._capacity:
            slot = len(self._names)
            self._names.append(user)
            if slot == len(self._records):
                grown = np.zeros(min(self._capacity, 2 * slot), PROFILE)
                grown[:slot] = self._records
                self._records = grown
        else:
            slot = self._next
            self._next = (slot + 1) % self._capacity
            del self._slots[self._names[slot]]
            self._names[slot] = user
        self._slots[user] = slot
        return slot
