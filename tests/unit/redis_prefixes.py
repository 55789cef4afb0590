"""What two prefixes hold, made up by Hypothesis, and written by the job's own writer."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import redis
from hypothesis import strategies as st

from udfs.redis_scan import Prefix
from udfs.redis_writes import RedisWriter, Target

LIVE, SHADOW = "", "shadow:"
#: Of a user: version, and what tells her value from another of the same version.
User = tuple[tuple[int, int], int]
USERS = st.dictionaries(
    st.one_of(
        st.sampled_from(["ana", "bo", "}:home", "a}:home", "{x}", "default", "é*[?]"]), st.text(st.characters(codec="utf-8"), min_size=1)
    ),
    st.tuples(st.tuples(st.integers(1, 3), st.integers(0, 2)), st.integers(0, 2)),
    max_size=6,
)


def fill(url: str, prefix: str, users: Mapping[str, User], now: int = 0, surfaces: tuple[str, ...] = ("home",)) -> None:
    """Write users under a prefix; `now` goes where a comparison does not look."""
    if not users:
        return
    with RedisWriter(Target(url, prefix=prefix, surfaces=surfaces)) as writer:
        writer.write(
            [user.encode() for user in users],
            np.array([version for version, _ in users.values()], np.uint64),
            [[value(surface, one, now) for surface in surfaces] for one in users.values()],
            [f"profile {one}".encode() for one in users.values()],
        )


def value(surface: str, user: User, now: int = 0) -> bytes:
    """The value that `fill` writes."""
    (time, number), mark = user
    return b'{"surface":"%b","event_time":%d,"generated_at":%d,"items":[%d,%d]}' % (surface.encode(), time, now, number, mark)


def holds(client: redis.Redis, prefix: str) -> dict[bytes, bytes | None]:
    """Everything of ours under a prefix, by key without the prefix."""
    ours = Prefix(client, prefix)
    start = prefix.encode()
    keys = [key for key in client.scan_iter() if ours.owner(key) or key.startswith(start + b"rec:default:")]
    found: list[bytes | None] = client.mget(keys) if keys else []  # type: ignore[assignment]
    return {key[len(start) :]: value for key, value in zip(keys, found, strict=True)}
