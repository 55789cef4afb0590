"""Writes recommendations to Redis: the newer one wins, and nothing counts as written that Redis has not confirmed.

A user's values are set by a script on the server, only if what is there is not newer. A write that fails for a reason that passes is tried
again until it succeeds; the stream waits meanwhile. Keys: `udfs/keys.py`; what passes: `udfs/redis_errors.py`.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

import numpy as np
import redis
from numpy.typing import NDArray

from udfs.redis_commands import Encoder, Slice, load_script, set_values
from udfs.redis_connection import connect, secrets_of
from udfs.redis_errors import ErrorReply, no_redis, why_to_wait
from udfs.redis_tls import refuse_other_side

FALLBACK_SECONDS = 60.0
FIRST_WAIT, LONGEST_WAIT = 0.05, 5.0
RECEIVE_BYTES = 1 << 16
NEWLINE = 10

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Written:
    """What became of a batch.

    Attributes
    ----------
    written
        Users whose values were set.
    stale
        Users for whom something newer was there.
    retries
        How often the batch, or what was left of it, had to be sent again.
    """

    written: int
    stale: int
    retries: int


@dataclass(frozen=True)
class Target:
    """Where to write, and how.

    Attributes
    ----------
    url
        redis://, rediss:// or unix:// address.
    password
        Used where the address has none.
    prefix
        Put before every key.
    ttl_seconds
        Lifetime of a user's keys.
    keep_profile
        Store the profile behind its version.
    surfaces
        The surfaces of a value each, in order.
    """

    url: str = field(repr=False)
    password: str | None = field(default=None, repr=False)
    prefix: str = ""
    ttl_seconds: int = 7 * 24 * 3600
    keep_profile: bool = True
    surfaces: tuple[str, ...] = ("home",)


class RedisWriter:
    """One connection that writes batches; it is made when the first is written.

    Parameters
    ----------
    target
        Where to write.
    fallbacks
        Values of the fall-back keys, by key without the prefix. They are written when a connection is made and once a minute of writing, so
        that a Redis that was emptied has them again.
    on_wait
        Told, in one line, each time a write has to wait. By default it is logged.

    Raises
    ------
    RedisRefused
        If the address is none.
    """

    def __init__(self, target: Target, fallbacks: Mapping[str, bytes] | None = None, on_wait: Callable[[str], None] | None = None) -> None:
        self._pool = connect(target.url, target.password).connection_pool
        self._url = target.url
        self._secrets = secrets_of(target.url, target.password)
        self._encoder = Encoder(target.surfaces, target.prefix, target.ttl_seconds, target.keep_profile)
        self._prefix = target.prefix
        self._on_wait = on_wait or log.warning
        self._connection: Any = None
        self._fallbacks = Slice(b"", b"", 0)
        self._fallbacks_due = 0.0
        self.set_fallbacks(fallbacks or {})

    def __enter__(self) -> RedisWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def open(self) -> None:
        """Connect and write the fall-backs now; waits as `write` does."""
        self._patiently(self._ready, "the fall-backs wait")

    def close(self) -> None:
        """Disconnect."""
        self._drop()
        self._pool.disconnect()

    def set_fallbacks(self, fallbacks: Mapping[str, bytes]) -> None:
        """Take other fall-backs, those of a new model; the next write writes them first."""
        self._fallbacks = set_values(fallbacks, self._prefix)
        self._fallbacks_due = 0.0

    def write(
        self, users: Sequence[bytes], versions: NDArray[np.uint64], values: Sequence[Sequence[bytes]], profiles: Sequence[bytes]
    ) -> Written:
        """Write the values of some users; returns when Redis has confirmed all of them.

        Parameters
        ----------
        users
            n user ids in UTF-8.
        versions : u8[n, 2]
            Clock (ms) and number of events of each.
        values
            By user: the JSON of each surface.
        profiles
            Packed profile of each user.

        Raises
        ------
        RedisRefused
            If trying again would not help. What came before may have been written: writing it again does no harm.
        """
        done = written = 0

        def send_rest() -> None:
            nonlocal done, written
            self._ready()
            for sent, replies in self._exchange(self._encoder.slices(users, versions, values, profiles, done)):
                ones, zeros = replies.count(b":1\r\n"), replies.count(b":0\r\n")
                if ones + zeros != sent.upto - done:
                    raise no_redis()
                written, done = written + ones, sent.upto

        retries = self._patiently(send_rest, lambda: f"{len(users) - done} users wait") if users else 0
        return Written(written, len(users) - written, retries)

    def _patiently(self, action: Callable[[], None], waiting: str | Callable[[], str]) -> int:
        """Do something until it succeeds; gives the number of failures."""
        failures, wait, looked = 0, FIRST_WAIT, False
        while True:
            try:
                action()
            except (redis.RedisError, OSError, ErrorReply) as error:
                self._drop()
                code, why = why_to_wait(error, self._secrets)
                failures += 1
                looked = looked or (not code and refuse_other_side(self._url, error))
                # A server that was restarted or told to forget gets the script again with the next connection.
                if code == "NOSCRIPT" and failures == 1:
                    continue
                who = waiting if isinstance(waiting, str) else waiting()
                self._on_wait(f"{why}; {who}, next try in {wait:g} s")
                time.sleep(wait)
                wait = min(2 * wait, LONGEST_WAIT)
            except BaseException:
                # Replies may be under way: they are not those of the next write.
                self._drop()
                raise
            else:
                return failures

    def _ready(self) -> None:
        if self._connection is None:
            self._connection = self._pool.get_connection()
            self._all_well(load_script())
            self._fallbacks_due = 0.0
        if self._fallbacks.data and time.monotonic() >= self._fallbacks_due:
            self._all_well(self._fallbacks)
            self._fallbacks_due = time.monotonic() + FALLBACK_SECONDS

    def _all_well(self, command: Slice) -> None:
        for sent, replies in self._exchange([command]):
            if replies != sent.reply:
                raise no_redis()

    def _exchange(self, slices: Iterable[Slice]) -> Iterator[tuple[Slice, bytes]]:
        """Send slices and give the replies to each.

        One is sent ahead of the replies, so that Redis works while the next is made. No more: what two of them answer fits into the
        buffers between the two sides, so that neither waits for the other to read.
        """
        buffer = bytearray()
        ahead: deque[Slice] = deque()
        for one in slices:
            self._connection.send_packed_command([one.data], check_health=False)
            ahead.append(one)
            if len(ahead) > 1:
                yield ahead[0], self._receive(buffer, len(ahead[0].reply))
                ahead.popleft()
        for one in ahead:
            yield one, self._receive(buffer, len(one.reply))

    def _receive(self, buffer: bytearray, size: int) -> bytes:
        """Take `size` bytes of replies, none of which holds a dash; an error begins with one."""
        socket = self._connection._sock  # redis-py's parser takes longer than Redis
        while b"-" not in buffer and len(buffer) < size:
            _more(socket, buffer)
        if b"-" in buffer:
            start = buffer.index(b"-") + 1
            if start > 1 and buffer[start - 2] != NEWLINE:
                raise no_redis()
            while (end := buffer.find(b"\r\n", start)) < 0:
                _more(socket, buffer)
            raise ErrorReply(buffer[start:end].decode(errors="replace"))
        replies = bytes(buffer[:size])
        del buffer[:size]
        return replies

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.disconnect()
            self._pool.release(connection)


def _more(socket: Any, buffer: bytearray) -> None:
    received = socket.recv(RECEIVE_BYTES)
    if not received:
        raise redis.ConnectionError("it closed the connection")
    buffer += received
