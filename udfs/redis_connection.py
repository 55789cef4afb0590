"""Connections to Redis, and whether one can be had."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import redis

from udfs.redis_errors import ErrorReply, RedisRefused, why_to_wait
from udfs.redis_tls import check_files, refuse_other_side

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
        If the address is none, or names a file for TLS that cannot be read.
    """
    try:
        client = redis.Redis.from_url(url, **options_of(url, password))
        connection = client.connection_pool.make_connection()
    except (ValueError, TypeError, redis.RedisError):
        # Their texts quote the address.
        raise RedisRefused("redis.url is no address of a Redis", "it should look like redis://user:password@host:6379/0") from None
    if isinstance(connection, redis.SSLConnection):
        check_files(connection)
    return client


def options_of(url: str, password: str | None = None) -> dict[str, Any]:
    """Give the options of redis-py that every client of ours has, beside what its address says.

    Parameters
    ----------
    url, password
        As for `connect`.
    """
    options: dict[str, Any] = {"socket_timeout": TIMEOUT_SECONDS, "socket_connect_timeout": TIMEOUT_SECONDS}
    # Nothing but what a write needs is sent: a server logs every command that a user may not give.
    options |= {"lib_name": None, "lib_version": None}
    if password is not None:
        options["password"] = password
    if url.startswith("rediss://") and "ssl_cert_reqs=" not in url:
        options["ssl_check_hostname"] = True  # not redis-py's default; what the address says wins
    return options


def secrets_of(url: str, password: str | None = None) -> tuple[str, ...]:
    """List what must not be shown of an address, as it stands there and as it is meant."""
    try:
        parts = urlsplit(url)
        own, query = parts.password, parse_qs(parts.query)
    except ValueError:
        own, query = None, {}
    options = [value for name, values in query.items() if "pass" in name for value in values]
    found = [text for text in (password, own, unquote(own) if own else None, *options) if text]
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
            # Not INFO: this one everybody may ask who may connect.
            return _version(client.execute_command("HELLO"))
    except (redis.RedisError, OSError, ErrorReply) as error:
        try:
            code, why = why_to_wait(error, secrets_of(url, password))
            if not code:
                refuse_other_side(url, error)
        except RedisRefused as refused:
            raise RedisRefused(f"{shown}: {refused.message}", refused.hint) from None
        raise RedisRefused(f"{shown}: {why}", "is it running, and is the address right?") from None


def _version(hello: Any) -> str:
    pairs = hello if isinstance(hello, dict) else dict(zip(hello[::2], hello[1::2], strict=True))
    return next(
        value.decode() if isinstance(value, bytes) else str(value) for name, value in pairs.items() if name in (b"version", "version")
    )
