"""What `swerve diff` and `swerve promote` share: a Redis that is there, its prefixes, and one line when it goes away."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import redis as redis_py

from jobs.cli.output import progress
from jobs.runs import with_last_run
from jobs.settings import RedisSettings, Settings
from udfs.errors import SwerveError, UsageError
from udfs.redis_scan import Prefix

T = TypeVar("T")
Seen = Callable[[int], None]


def with_redis(settings: Settings) -> Settings:
    """Take the Redis of the last run where none is named; the prefix stays the one that was given."""
    found = with_last_run(settings)
    if found.redis.url is None:
        raise UsageError("no run is known here, so no Redis", "run `swerve demo` or `swerve replay` first, or give --redis URL")
    return settings.with_values({"redis.url": found.redis.url})


@contextmanager
def prefixes(settings: RedisSettings, *names: str) -> Iterator[tuple[Prefix, ...]]:
    """Connect.

    Raises
    ------
    SwerveError
        If Redis does not let us in, or goes away while the block runs.
    """
    from udfs.redis_connection import check, connect, secrets_of
    from udfs.redis_errors import RedisRefused, why_to_wait

    assert settings.url is not None
    password = settings.secret
    check(settings.url, password, settings.masked_url)
    try:
        with connect(settings.url, password) as client:
            yield tuple(Prefix(client, name) for name in names)
    except redis_py.RedisError as error:
        try:
            why = why_to_wait(error, secrets_of(settings.url, password))[1]
        except RedisRefused as refused:
            raise RedisRefused(f"{settings.masked_url}: {refused.message}", refused.hint) from None
        raise SwerveError(f"{settings.masked_url}: {why}", "run it again: it does no harm") from None


def watched(what: str, total: int, action: Callable[[Seen], T]) -> T:
    """Do something with a progress bar."""
    with progress(what) as advance:
        return action(lambda done: advance(min(done, total), total))


def shown(prefix: str) -> str:
    """Name a prefix in a sentence.

    Examples
    --------
    >>> shown(""), shown("shadow:")
    ('the live prefix ""', '"shadow:"')
    """
    return f'"{prefix}"' if prefix else 'the live prefix ""'
