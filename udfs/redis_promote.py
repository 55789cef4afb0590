"""Brings what one prefix holds under another, such as a replay's results into the live prefix: the newer one wins, as in every write.

A user's keys change together, by the very script of the job; users change one after the other. So it does no harm to be interrupted, to be
started again, or to run beside a live job.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from types import TracebackType

import numpy as np

from udfs.keys import VERSION_BYTES
from udfs.redis_scan import Contents, Prefix, Seen, Stored
from udfs.redis_writes import RedisWriter, Target

# A write that came in between is not deleted: what is promoted is what was read.
DELETE_SCRIPT = """
if redis.call('GETRANGE', KEYS[1], 0, 15) ~= ARGV[1] then return 0 end
redis.call('DEL', unpack(KEYS))
return 1
"""


@dataclass
class Promoted:
    """What became of the users of a prefix.

    Attributes
    ----------
    promoted
        Users whose keys were set.
    kept_newer
        Users for whom something newer was there.
    deleted
        Users whose keys are gone from where they came from.
    unversioned
        Users without a version, because their profile was evicted: left where they are, until they expire.
    fallbacks
        Number of fall-backs copied.
    """

    promoted: int = 0
    kept_newer: int = 0
    deleted: int = 0
    unversioned: int = 0
    fallbacks: int = 0


def promote(
    source: Prefix, target: Target, keep: bool = False, on_wait: Callable[[str], None] | None = None, seen: Seen = lambda _: None
) -> Promoted:
    """Bring everything under a prefix into that of a target on the same server.

    Parameters
    ----------
    source
        Where it comes from.
    target
        Where it goes; its surfaces are not asked for, those that are there are taken.
    keep
        Leave it where it came from as well.
    on_wait
        As for `RedisWriter`.
    seen
        Told how many users are done.

    Raises
    ------
    RedisRefused
        If Redis refuses to write.
    redis.RedisError
        If Redis does not answer. What was done until then stays, and doing it again ends the same.
    """
    contents = source.contents
    result = Promoted(fallbacks=len(contents.fallbacks))
    delete = source.client.register_script(DELETE_SCRIPT)
    with _Writers(target, _fallbacks(source, contents), on_wait) as writers:
        done = 0
        for users in source.users(contents.surfaces):
            rows = [row for row in source.fetch(users, contents.surfaces) if row.there]
            versioned = [row for row in rows if row.profile is not None]
            result.unversioned += len(rows) - len(versioned)
            for surfaces, group in _by_surfaces(versioned, contents.surfaces).items():
                written, stale = writers.write(surfaces, group)
                result.promoted += written
                result.kept_newer += stale
            if versioned and not keep:
                with source.client.pipeline(transaction=False) as pipe:
                    for row in versioned:
                        version = (row.profile or b"")[:VERSION_BYTES]
                        delete(keys=source.keys_of(row.user, contents.surfaces), args=[version], client=pipe)
                    result.deleted += sum(pipe.execute())
            done += len(users)
            seen(done)
    if contents.fallbacks and not keep:
        source.client.delete(*(source.prefix + key for key in contents.fallbacks))
    return result


def plan(source: Prefix, target: Prefix, seen: Seen = lambda _: None) -> Promoted:
    """Tell what `promote` would do, and change nothing."""
    contents = source.contents
    result = Promoted(fallbacks=len(contents.fallbacks))
    done = 0
    for users in source.users(contents.surfaces):
        rows = [row for row in source.fetch(users, contents.surfaces) if row.there]
        there = target.fetch([row.user for row in rows], ())
        for row, old in zip(rows, there, strict=True):
            if row.version is None:
                result.unversioned += 1
            elif old.version is not None and old.version > row.version:
                result.kept_newer += 1
            else:
                result.promoted += 1
        done += len(users)
        seen(done)
    return result


class _Writers:
    """A writer for each set of surfaces that users have."""

    def __init__(self, target: Target, fallbacks: dict[str, bytes], on_wait: Callable[[str], None] | None) -> None:
        self._target, self._fallbacks, self._on_wait = target, fallbacks, on_wait
        self._writers: dict[tuple[str, ...], RedisWriter] = {}

    def __enter__(self) -> _Writers:
        if self._fallbacks:
            with RedisWriter(self._target, self._fallbacks, self._on_wait) as writer:
                writer.open()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for writer in self._writers.values():
            writer.close()

    def write(self, surfaces: tuple[str, ...], rows: Sequence[Stored]) -> tuple[int, int]:
        writer = self._writers.get(surfaces)
        if writer is None:
            target = replace(self._target, surfaces=surfaces, keep_profile=True)
            writer = self._writers[surfaces] = RedisWriter(target, None, self._on_wait)
        profiles = [row.profile or b"" for row in rows]
        written = writer.write(
            [row.user for row in rows],
            np.frombuffer(b"".join(one[:VERSION_BYTES] for one in profiles), ">u8").reshape(-1, 2).astype(np.uint64),
            [[value for value in row.values if value is not None] for row in rows],
            [one[VERSION_BYTES:] for one in profiles],
        )
        return written.written, written.stale


def _by_surfaces(rows: Sequence[Stored], surfaces: Sequence[str]) -> dict[tuple[str, ...], list[Stored]]:
    groups: dict[tuple[str, ...], list[Stored]] = {}
    for row in rows:
        has = tuple(surface for surface, value in zip(surfaces, row.values, strict=True) if value is not None)
        groups.setdefault(has, []).append(row)
    return groups


def _fallbacks(source: Prefix, contents: Contents) -> dict[str, bytes]:
    if not contents.fallbacks:
        return {}
    values = source.client.mget([source.prefix + key for key in contents.fallbacks])
    return {key: value for key, value in zip(contents.fallbacks, values, strict=True) if value is not None}  # type: ignore[arg-type]
