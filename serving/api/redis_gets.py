"""GETs from Redis over one connection of asyncio: all that are asked for in one turn of the loop leave in one write.

Redis answers in order, so a reply needs no name. What does not come in time is answered otherwise, and what is late is passed over when it
comes. Measured beside redis-py's asyncio client in docs/decisions/0016-api.md.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import deque
from contextlib import suppress
from itertools import islice
from typing import cast

from serving.api.redis_address import Opener, RedisAddress
from serving.api.replies import NotRedis, Replies, Reply
from udfs.redis_commands import pack
from udfs.redis_errors import ErrorReply, RedisRefused, no_redis, why_to_wait

CONNECT_SECONDS = 2.0
FIRST_PAUSE, LONGEST_PAUSE = 0.05, 2.0
#: A connection that has owed a reply for this long is given up, as if it were lost.
GIVE_UP_SECONDS = 1.0
MOST_WAITING = 20_000
#: A timer that is so late was held up by what else this process does.
HELD_UP_SECONDS = 0.01

log = logging.getLogger(__name__)


class RedisAway(Exception):
    """No answer: Redis cannot be reached, or is too slow."""


NO_ANSWER = (RedisAway, ErrorReply)
"""What a GET may end with."""


class RedisGets:
    """A client that can do one thing.

    Parameters
    ----------
    address
        Where Redis is.
    probe
        A key to ask for when a connection is new: it is there for us once that is answered, whether it holds anything or not.
    timeout_seconds
        How long a GET may take.
    """

    def __init__(self, address: RedisAddress, probe: bytes, timeout_seconds: float = 0.05) -> None:
        self._address, self._probe, self._timeout = address, probe, timeout_seconds
        self._connection: _Connection | None = None
        self._task: asyncio.Task[None] | None = None
        self._trouble = ""
        self.errors = 0

    @property
    def connected(self) -> bool:
        """Whether it would answer now, as far as one knows."""
        return self._connection is not None and not self._connection.stuck

    @property
    def trouble(self) -> str:
        """What is the matter; empty: nothing."""
        return self._trouble if self._connection is None else ""

    async def start(self) -> None:
        """Connect, and stay connected; waits for the first try alone.

        Raises
        ------
        RedisRefused
            If the address is none.
        """
        opener = self._address.opener()
        tried = asyncio.Event()
        self._task = asyncio.create_task(self._stay_connected(opener, tried), name="redis")
        await tried.wait()

    async def stop(self) -> None:
        """Disconnect."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    def get(self, key: bytes) -> asyncio.Future[Reply]:
        """Ask for a key; the answer is none where there is none.

        Raises
        ------
        RedisAway
            At once or when it is awaited: there is no answer.
        """
        connection = self._connection
        if connection is None or connection.stuck:
            self.errors += 1
            raise RedisAway
        return connection.ask(b"*2\r\n$3\r\nGET\r\n$%d\r\n%b\r\n" % (len(key), key))

    async def _stay_connected(self, opener: Opener, tried: asyncio.Event) -> None:
        pause = FIRST_PAUSE
        while True:
            connection = _Connection(self._timeout, self)
            try:
                await asyncio.wait_for(self._greet(opener, connection), CONNECT_SECONDS)
                self._say("")
                self._connection, pause = connection, FIRST_PAUSE
                tried.set()
                await connection.lost
            except (OSError, asyncio.TimeoutError, ErrorReply, NotRedis, RedisAway) as error:
                self._say(self._told(connection.why or error))
            finally:
                self._connection = None
                connection.close()
                tried.set()
            await asyncio.sleep(pause * random.uniform(0.5, 1))
            pause = min(2 * pause, LONGEST_PAUSE)

    async def _greet(self, opener: Opener, connection: _Connection) -> None:
        await opener.open(connection)
        for command in [*opener.greeting(), (b"GET", self._probe)]:
            await connection.ask(pack(*command), CONNECT_SECONDS)
        connection.forget_timer()

    def _told(self, error: Exception) -> str:
        if isinstance(error, NotRedis):
            return no_redis().message
        if isinstance(error, (asyncio.TimeoutError, RedisAway)):
            return "Redis does not answer in time"
        try:
            return why_to_wait(error, self._address.secrets)[1]
        except RedisRefused as refused:
            return refused.message

    def _say(self, trouble: str) -> None:
        """Log what is new, once."""
        if trouble != self._trouble:
            if trouble:
                log.warning("recommendations come from memory: %s", trouble)
            else:
                log.warning("Redis answers again")
            self._trouble = trouble


class _Connection(asyncio.Protocol):
    """One connection, and what waits for replies on it."""

    def __init__(self, timeout: float, owner: RedisGets) -> None:
        self._timeout, self._owner = timeout, owner
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._replies = Replies()
        self._out: list[bytes] = []
        self._waiting: deque[tuple[asyncio.Future[Reply], float]] = deque()
        #: How many of the first of these were told that there is no answer.
        self._late = 0
        self._timer: asyncio.TimerHandle | None = None
        self.lost: asyncio.Future[None] = self._loop.create_future()
        self.why: Exception | None = None

    @property
    def stuck(self) -> bool:
        """Whether Redis owes a reply that is late: then nobody else waits for it."""
        return self._late > 0 or len(self._waiting) >= MOST_WAITING

    def ask(self, command: bytes, timeout: float | None = None) -> asyncio.Future[Reply]:
        """Send a command with the next write."""
        future: asyncio.Future[Reply] = self._loop.create_future()
        if not self._out:
            self._loop.call_soon(self._flush)
        self._out.append(command)
        timeout = self._timeout if timeout is None else timeout
        self._waiting.append((future, self._loop.time() + timeout))
        if self._timer is None:
            self._set_timer(self._loop.time() + timeout)
        return future

    def forget_timer(self) -> None:
        """Let the next command set its own: it may have less time than the last one had."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def close(self) -> None:
        """Let go of it."""
        if self._transport is not None:
            self._transport.abort()
        self._fail()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are no subclass

    def data_received(self, data: bytes) -> None:
        """Hand replies to those who wait."""
        try:
            replies = self._replies.feed(data)
            for reply in replies:
                future, _ = self._waiting.popleft()
                if self._late:
                    self._late -= 1
                elif not future.done():
                    if isinstance(reply, ErrorReply):
                        self._owner.errors += 1
                        future.set_exception(reply)
                    else:
                        future.set_result(reply)
        except (NotRedis, IndexError):
            self._lose(NotRedis())

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell those who wait."""
        self._lose(exc if isinstance(exc, OSError) else ConnectionError("it closed the connection"))

    def _lose(self, error: Exception) -> None:
        if not self.lost.done():
            self.why = error
            self.lost.set_exception(error)
            # Nobody may be waiting for it yet.
            self.lost.exception()
        self.close()

    def _flush(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(b"".join(self._out))
        self._out.clear()

    def _tick(self, at: float | None = None) -> None:
        """Tell those who have waited too long, and look again when the next one will have.

        Parameters
        ----------
        at
            When this was to be called; none: whenever.
        """
        now, self._timer = self._loop.time(), None
        if at is not None and now - at > HELD_UP_SECONDS:
            # It was this process that was held up, maybe before it sent what it asks: Redis gets its time once more.
            self._set_timer(now + self._timeout)
            return
        for future, deadline in islice(self._waiting, self._late, None):
            if deadline > now and not future.done():
                self._set_timer(deadline)
                break
            if not future.done():
                self._owner.errors += 1
                future.set_exception(RedisAway())
            self._late += 1
        if self._late:
            first = self._waiting[0][1] - self._timeout
            if now - first > GIVE_UP_SECONDS:
                self._lose(ConnectionError("it does not answer"))
            elif self._timer is None:
                self._set_timer(first + GIVE_UP_SECONDS)

    def _set_timer(self, at: float) -> None:
        self._timer = self._loop.call_at(at, self._tick, at)

    def _fail(self) -> None:
        self.forget_timer()
        waiting, self._waiting, self._late = self._waiting, deque(), 0
        for future, _ in waiting:
            if not future.done():
                self._owner.errors += 1
                future.set_exception(RedisAway())
                future.exception()
