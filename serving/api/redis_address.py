"""Where Redis is, for a connection of asyncio: the addresses and options are those of redis-py."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass, field
from typing import Any, TypeVar

import redis

from udfs.redis_connection import connect, secrets_of

P = TypeVar("P", bound=asyncio.Protocol)


@dataclass(frozen=True)
class RedisAddress:
    """Where Redis is, and who asks.

    Attributes
    ----------
    url
        redis://, rediss:// or unix:// address.
    password
        Used where the address has none.
    """

    url: str = field(repr=False)
    password: str | None = field(default=None, repr=False)

    def opener(self) -> Opener:
        """Read it.

        Raises
        ------
        udfs.redis_errors.RedisRefused
            If it is no address, or names a file for TLS that cannot be read.
        """
        with connect(self.url, self.password) as client:
            return Opener(client.connection_pool.make_connection())

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must not be shown of it."""
        return secrets_of(self.url, self.password)


class Opener:
    """Opens connections.

    Parameters
    ----------
    like
        A connection of redis-py that is not open: what it would do is done here.
    """

    def __init__(self, like: Any) -> None:
        self._like = like
        self._ssl = _context(like) if isinstance(like, redis.SSLConnection) else None

    async def open(self, protocol: P) -> P:
        """Connect."""
        loop, like = asyncio.get_running_loop(), self._like
        if isinstance(like, redis.UnixDomainSocketConnection):
            await loop.create_unix_connection(lambda: protocol, like.path)
        else:
            server = like.host if self._ssl else None
            await loop.create_connection(lambda: protocol, like.host, like.port, ssl=self._ssl, server_hostname=server)
        return protocol

    def greeting(self) -> list[tuple[bytes, ...]]:
        """List the commands that come first: who asks, and in which database."""
        like, commands = self._like, list[tuple[bytes, ...]]()
        if like.password is not None or like.username is not None:
            who = (like.username, like.password or "") if like.username is not None else (like.password,)
            commands.append((b"AUTH", *(word.encode() for word in who)))
        if like.db:
            commands.append((b"SELECT", str(like.db).encode()))
        return commands


def _context(like: Any) -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = like.check_hostname
    context.verify_mode = like.cert_reqs
    if like.certfile or like.keyfile:
        context.load_cert_chain(like.certfile, like.keyfile, like.certificate_password)
    if like.ca_certs is not None or like.ca_path is not None or like.ca_data is not None:
        context.load_verify_locations(like.ca_certs, like.ca_path, like.ca_data)
    if like.ssl_min_version is not None:
        context.minimum_version = like.ssl_min_version
    if like.ssl_ciphers:
        context.set_ciphers(like.ssl_ciphers)
    return context
