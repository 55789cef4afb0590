"""Reads what `udfs.redis_writes` wrote, as a front end does: one GET, and the fall-backs where there is nothing of the user's own."""

from __future__ import annotations

from typing import Any, NamedTuple

import orjson
import redis

from udfs.errors import SwerveError
from udfs.keys import VERSION_BYTES, fallback_key, profile_key, recommendations_key


class StoredProfile(NamedTuple):
    """A user's profile.

    Attributes
    ----------
    clock
        Latest event time that it has seen, milliseconds since 1970.
    n_events
        Events applied.
    packed
        The profile as `udfs.profile` packs it; empty where profiles are not kept.
    """

    clock: int
    n_events: int
    packed: bytes


class Recommendations(NamedTuple):
    """What a page shows to a user.

    Attributes
    ----------
    key
        Where it was found.
    source
        "user", "segment" or "default".
    value
        The JSON document.
    ttl_seconds
        What is left of its lifetime; none: it does not expire.
    """

    key: str
    source: str
    value: dict[str, Any]
    ttl_seconds: int | None


def read_profile(client: redis.Redis, user: str, prefix: str = "") -> StoredProfile | None:
    """Read a user's profile and the version of her recommendations.

    Parameters
    ----------
    client
        Made with `udfs.redis_connection.connect`.
    user, prefix
        Her id, and what stands before every key.
    """
    stored = client.get(profile_key(user, prefix))
    if not isinstance(stored, bytes) or len(stored) < VERSION_BYTES:
        return None
    half = VERSION_BYTES // 2
    number = int.from_bytes(stored[half:VERSION_BYTES], "big")
    return StoredProfile(int.from_bytes(stored[:half], "big"), number // 2, stored[VERSION_BYTES:])


def read_recommendations(
    client: redis.Redis, user: str, surface: str = "home", segment: int | None = None, prefix: str = ""
) -> Recommendations | None:
    """Read what a page shows to a user: her own, else her segment's, else everybody's.

    Parameters
    ----------
    client
        Made with `udfs.redis_connection.connect`.
    user, surface, prefix
        Her id, the place in the shop, and what stands before every key.
    segment
        Her segment, where it is known.

    Returns
    -------
    Recommendations or None
        None if there is nothing at all.

    Raises
    ------
    SwerveError
        If a key holds what is none of ours.
    """
    keys = {"user": recommendations_key(user, surface, prefix)}
    if segment is not None:
        keys["segment"] = fallback_key(surface, segment, prefix)
    keys["default"] = fallback_key(surface, None, prefix)
    for source, key in keys.items():
        stored = client.get(key)
        if isinstance(stored, bytes):
            left = client.ttl(key)
            return Recommendations(key, source, _parsed(key, stored), left if isinstance(left, int) and left >= 0 else None)
    return None


def read_value(client: redis.Redis, user: str, surface: str = "home", prefix: str = "") -> bytes | None:
    """Read a user's own recommendations as they stand there.

    Parameters
    ----------
    client, user, surface, prefix
        As for `read_recommendations`.
    """
    stored = client.get(recommendations_key(user, surface, prefix))
    return stored if isinstance(stored, bytes) else None


def _parsed(key: str, stored: bytes) -> dict[str, Any]:
    try:
        value = orjson.loads(stored)
    except orjson.JSONDecodeError:
        value = None
    if not isinstance(value, dict) or not isinstance(value.get("items"), list):
        raise SwerveError(f"{key} holds no recommendations", "does another program write there? redis.prefix keeps keys apart")
    return value
