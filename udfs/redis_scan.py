"""Goes through everything that Redis holds under one prefix, a batch of users at a time, in memory that does not grow with their number."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from typing import NamedTuple

import redis

from udfs.keys import VERSION_BYTES, around_user, profile_key, recommendations_key

BATCH_USERS = 500
SCAN_COUNT = 2_000
_SURFACE = re.compile(rb"[a-z0-9_-]+")
_GLOB = re.compile(r"([*?\[\]\\^-])")

Seen = Callable[[int], None]
"""Called with the number of users that were gone through."""


class Stored(NamedTuple):
    """What stands there for a user.

    Attributes
    ----------
    user
        Her id.
    profile
        The version of her keys and her profile behind it; none: no such key, or it holds no version.
    values
        The recommendations for each surface asked for.
    """

    user: bytes
    profile: bytes | None
    values: tuple[bytes | None, ...]

    @property
    def there(self) -> bool:
        """Whether there is anything."""
        return self.profile is not None or any(value is not None for value in self.values)

    @property
    def version(self) -> bytes | None:
        """The version: bytes that are ordered as they stand."""
        return self.profile[:VERSION_BYTES] if self.profile is not None else None


class Contents(NamedTuple):
    """What a prefix holds.

    Attributes
    ----------
    users
        Number of profiles.
    surfaces
        Surfaces that anybody has recommendations for, sorted.
    fallbacks
        Fall-back keys without the prefix, sorted.
    """

    users: int
    surfaces: tuple[str, ...]
    fallbacks: tuple[str, ...]

    @property
    def empty(self) -> bool:
        """Whether there is nothing of ours."""
        return not (self.users or self.surfaces or self.fallbacks)


class Prefix:
    """The keys under one prefix, those of no other.

    Parameters
    ----------
    client
        Made with `udfs.redis_connection.connect`.
    prefix
        What stands before every key; "" holds none of another prefix's.
    """

    def __init__(self, client: redis.Redis, prefix: str) -> None:
        self.client, self.prefix = client, prefix
        self._profile, self._profile_end = around_user(profile_key("\0", prefix))
        self._value, _ = around_user(recommendations_key("\0", "", prefix))
        self._fallback = f"{prefix}rec:default:".encode()
        # One pass that leaves most of the others' keys to the server; which key is ours is decided here.
        self._pattern = f"{escape_glob(prefix)}[pr][re]*"

    @cached_property
    def contents(self) -> Contents:
        """What there is, found by one look through the whole server."""
        users, surfaces, fallbacks = 0, set[bytes](), set[bytes]()
        for key in self._keys():
            if key.startswith(self._fallback):
                fallbacks.add(key[len(self.prefix.encode()) :])
                continue
            owner = self.owner(key)
            if owner is None:
                continue
            if owner[1] is None:
                users += 1
            else:
                surfaces.add(owner[1])
        return Contents(users, tuple(sorted(one.decode() for one in surfaces)), tuple(sorted(one.decode() for one in fallbacks)))

    def owner(self, key: bytes) -> tuple[bytes, bytes | None] | None:
        """Tell whose key it is and which surface it holds (none: her profile); None if it is not a user's key under this prefix."""
        if key.startswith(self._profile) and key.endswith(self._profile_end):
            return key[len(self._profile) : -len(self._profile_end)], None
        if key.startswith(self._value):
            user, brace, surface = key[len(self._value) :].rpartition(b"}:")
            if brace and _SURFACE.fullmatch(surface):
                return user, surface
        return None

    def keys_of(self, user: bytes, surfaces: Sequence[str]) -> list[bytes]:
        """Name a user's keys: her profile, then a surface each."""
        return [self._profile + user + self._profile_end, *(self._value + user + b"}:" + surface.encode() for surface in surfaces)]

    def users(self, surfaces: Sequence[str]) -> Iterator[list[bytes]]:
        """Give every user who has any key, once, some hundred at a time.

        She is met by her profile, or by her first surface where the profile was evicted. What is written meanwhile may be missed, and Redis
        may show a user twice while the number of its keys changes.
        """
        profiles: dict[bytes, None] = {}
        others: dict[bytes, set[bytes]] = {}
        for key in self._keys():
            owner = self.owner(key)
            if owner is None:
                continue
            user, surface = owner
            if surface is None:
                profiles[user] = None
            else:
                others.setdefault(user, set()).add(surface)
            if len(profiles) >= BATCH_USERS or len(others) >= 4 * BATCH_USERS:
                yield [*profiles, *self._without_profile(others, surfaces)]
                profiles, others = {}, {}
        yield [*profiles, *self._without_profile(others, surfaces)]

    def fetch(self, users: Sequence[bytes], surfaces: Sequence[str]) -> list[Stored]:
        """Read users' keys, all at one moment."""
        if not users:
            return []
        found = self.client.mget([key for user in users for key in self.keys_of(user, surfaces)])
        width = 1 + len(surfaces)
        rows = [found[at : at + width] for at in range(0, len(found), width)]  # type: ignore[index, arg-type]
        return [Stored(user, _versioned(row[0]), tuple(row[1:])) for user, row in zip(users, rows, strict=True)]

    def present(self, users: Sequence[bytes]) -> list[bool]:
        """Tell for each user whether she has a profile."""
        keys = [self.keys_of(user, ())[0] for user in users]
        if not keys:
            return []
        count = self.client.exists(*keys)
        if count in (0, len(keys)):
            return [bool(count)] * len(keys)
        with self.client.pipeline(transaction=False) as pipe:
            for key in keys:
                pipe.exists(key)
            return [bool(one) for one in pipe.execute()]

    def _without_profile(self, others: dict[bytes, set[bytes]], surfaces: Sequence[str]) -> Iterable[bytes]:
        names = list(others)
        alone = [user for user, has in zip(names, self.present(names), strict=True) if not has]
        for stored in self.fetch(alone, surfaces):
            first = next((surface for surface, value in zip(surfaces, stored.values, strict=True) if value is not None), None)
            if first is not None and first.encode() in others[stored.user]:
                yield stored.user

    def _keys(self) -> Iterator[bytes]:
        yield from self.client.scan_iter(match=self._pattern, count=SCAN_COUNT)


def escape_glob(text: str) -> str:
    r"""Write a text so that a pattern of Redis matches nothing else.

    Examples
    --------
    >>> escape_glob("shop[1]:")
    'shop\\[1\\]:'
    """
    return _GLOB.sub(r"\\\1", text)


def _versioned(stored: bytes | None) -> bytes | None:
    return stored if stored is not None and len(stored) >= VERSION_BYTES else None
