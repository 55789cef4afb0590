"""Event ids that were kept a short while ago."""

from __future__ import annotations


class Recent:
    """Remembers the last ids of users, in bounded memory: two sets, of which the older one is forgotten when the newer is full.

    An id is remembered as a hash of 64 bits that is another in every process: that an event meets one of half a million by chance happens
    to one in 10^13.

    Parameters
    ----------
    most
        Ids that are remembered; at least half as many are at any time.
    """

    def __init__(self, most: int) -> None:
        self._half = max(1, most // 2)
        self._new: set[int] = set()
        self._old: set[int] = set()

    def __contains__(self, key: tuple[str, str]) -> bool:
        hashed = hash(key)
        return hashed in self._new or hashed in self._old

    def add(self, key: tuple[str, str]) -> None:
        """Remember user and event id."""
        if len(self._new) >= self._half:
            self._old, self._new = self._new, set()
        self._new.add(hash(key))
