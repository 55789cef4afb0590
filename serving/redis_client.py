"""A client of Redis for asyncio, where a page asks now and then; for lists the API has one of its own, `serving.api.redis_gets`."""

from __future__ import annotations

from redis.asyncio import Redis

from udfs.redis_connection import options_of

TIMEOUTS = {"socket_timeout": 5, "socket_connect_timeout": 2}


def make_client(url: str, password: str | None) -> Redis:
    """Make a client; its first command connects, by the rules of `udfs.redis_connection.connect`."""
    client: Redis = Redis.from_url(url, **{**options_of(url, password), **TIMEOUTS})
    return client
