"""Connections to Redis, and whether one can be had."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote, urlsplit

import redis

from udfs.redis_errors import ErrorReply, RedisRefused, why_to_wait

TIMEOUT_SECONDS = 10.0


def connect(url: str, password: str | None = None) -> redis.Redis:
    """Make a client; its first command connects.

    Parameters
    ----------
    url
        redis://, rediss:// or unix:// address; options of redis-py may follow as a query, such as ``?ssl_ca_certs=ca.pem``.
    password
        Used where the address has none.

    Raises
    ------
    RedisRefused
        If the address is none.
    """
    options: dict[str, Any] = {"socket_timeout": TIMEOUT_SECONDS, "socket_connect_timeout": TIMEOUT_SECONDS}
    if password is not None:
        options["password"] = password
    try:
        client = redis.Redis.from_url(url, **options)
        client.connection_pool.make_connection()
    except (ValueError, TypeError):
        # Their texts quote the address.
        raise RedisRefused("redis.url is no address of a Redis", "it should look like redis://user:password@host:6379/0") from None
    return client


def secrets_of(url: str, password: str | None = None) -> tuple[str, ...]:
    """List what must not be shown of an address, as it stands there and as it is meant."""
    try:
        own = urlsplit(url).password
    except ValueError:
        own = None
    found = [text for text in (password, own, unquote(own) if own else None) if text]
    return tuple(sorted(set(found), key=len, reverse=True))


def check(url: str, password: str | None = None, shown: str = "Redis") -> str:
    """Ask a server for its version.

    Parameters
    ----------
    url, password
        As for `connect`.
    shown
        The address without secrets, for the message.

    Returns
    -------
    str
        Its version.

    Raises
    ------
    RedisRefused
        If it cannot be reached or does not let us in; the message holds no secret.
    """
    try:
        with connect(url, password) as client:
            client.ping()
            return str(client.info("server")["redis_version"])
    except (redis.RedisError, OSError, ErrorReply) as error:
        _, why = why_to_wait(error, secrets_of(url, password))
        raise RedisRefused(f"{shown}: {why}", "is it running, and is the address right?") from None
