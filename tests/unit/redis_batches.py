"""Batches for the writer, and what should stand in Redis after them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import redis

from udfs.keys import profile_key, recommendations_key
from udfs.redis_writes import RedisWriter, Written

Version = tuple[int, int]


def put(writer: RedisWriter, users: Sequence[str], version: Version | Sequence[Version], size: int = 0) -> Written:
    """Write one value for each user that tells its version."""
    versions = [version] * len(users) if isinstance(version, tuple) else list(version)
    values = [(value_of(user, one, size),) for user, one in zip(users, versions, strict=True)]
    stamps = np.array(versions, np.uint64).reshape(-1, 2)
    return writer.write(
        [user.encode() for user in users], stamps, values, [profile_of(user, one) for user, one in zip(users, versions, strict=True)]
    )


def value_of(user: str, version: Version, size: int = 0) -> bytes:
    """What `put` writes."""
    return f'{{"user_id":"{user}","version":{list(version)},"pad":"{"x" * size}"}}'.encode()


def profile_of(user: str, version: Version) -> bytes:
    """The profile that `put` writes."""
    return f"profile of {user} at {version}".encode()


def assert_holds(client: redis.Redis, user: str, version: Version, size: int = 0, prefix: str = "") -> None:
    """Check value and profile of a user."""
    stamp = version[0].to_bytes(8, "big") + version[1].to_bytes(8, "big")
    assert client.get(recommendations_key(user, "home", prefix)) == value_of(user, version, size)
    assert client.get(profile_key(user, prefix)) == stamp + profile_of(user, version)
