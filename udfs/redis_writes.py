"""Writes recommendations to Redis: the newer one wins, and nothing counts as written that Redis has not confirmed.

A user's values are set by a script on the server, only if what is there is not newer. A write that fails for a reason that passes is tried
again until it succeeds; the stream waits meanwhile. Keys: `udfs/keys.py`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import numpy as np
import redis
from numpy.typing import NDArray

from udfs.errors import SwerveError

VERSION_BYTES = 16
FALLBACK_SECONDS = 60.0
FIRST_WAIT, LONGEST_WAIT = 0.05, 5.0
SLICE_BYTES = 1 << 19
RECEIVE_BYTES = 1 << 16
TIMEOUT_SECONDS = 10.0

# Numbers, not texts, are compared: Lua compares texts by the server's locale.
SCRIPT = """
local old = redis.call('GETRANGE', KEYS[1], 0, 15)
if #old == 16 then
  local time, sequence = struct.unpack('>I8I8', old)
  local new_time, new_sequence = struct.unpack('>I8I8', ARGV[2])
  if time > new_time or (time == new_time and sequence > new_sequence) then return 0 end
end
redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[1])
for i = 2, #KEYS do redis.call('SET', KEYS[i], ARGV[i + 1], 'EX', ARGV[1]) end
return 1
"""

#: First words of error replies that pass by themselves or by an operator's doing.
PASSING = ("LOADING", "OOM", "BUSY", "READONLY", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "NOREPLICAS", "MISCONF")

log = logging.getLogger(__name__)


class RedisRefused(SwerveError):  # noqa: N818
    """Redis will not do it however often it is asked: password, rights, type of a key."""


class _Again(Exception):  # noqa: N818
    """Try again later; says why."""


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
        How often the batch had to be sent again.
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

    url: str
    password: str | None = None
    prefix: str = ""
    ttl_seconds: int = 7 * 24 * 3600
    keep_profile: bool = True
    surfaces: tuple[str, ...] = ("home",)


def connect(url: str, password: str | None = None) -> redis.Redis:
    """Make a client; the first command connects."""
    options: dict[str, Any] = {"socket_timeout": TIMEOUT_SECONDS, "socket_connect_timeout": TIMEOUT_SECONDS}
    if password is not None:
        options["password"] = password
    return redis.Redis.from_url(url, **options)


def check(url: str, password: str | None = None, shown: str = "Redis") -> str:
    """Ask the server for its version.

    Parameters
    ----------
    shown
        The address without secrets, for the message.

    Raises
    ------
    RedisRefused
        If it cannot be reached or does not let us in; the message holds no secret.
    """
    try:
        with connect(url, password) as client:
            client.ping()
            return str(client.info("server")["redis_version"])
    except redis.AuthenticationError:
        raise RedisRefused(f"{shown} refuses the password or the user name", "check redis.url and redis.password") from None
    except redis.RedisError as error:
        raise RedisRefused(f"{shown} does not answer: {error}", "is it running, and is the address right?") from None


class RedisWriter:
    """One connection that writes batches.

    Parameters
    ----------
    target
        Where to write.
    fallbacks
        Values of the fall-back keys, by key without the prefix; written at the start and then at most once a minute, so that a Redis
        that was emptied has them again.
    on_wait
        Told, in one line, each time a write has to wait. By default it is logged.
    """

    def __init__(
        self, target: Target, fallbacks: Mapping[str, bytes] | None = None, on_wait: Callable[[str], None] | None = None
    ) -> None:
        self._target = target
        self._pool = connect(target.url, target.password).connection_pool
        self._connection: Any = None
        self._sha = b""
        self._fallbacks = dict(fallbacks or {})
        self._fallbacks_at = -FALLBACK_SECONDS
        self._on_wait = on_wait or log.warning
        prefix = target.prefix.encode()
        self._profile_key = prefix + b"profile:{%b}"
        self._value_keys = [prefix + b"rec:{%b}:" + surface.encode() for surface in target.surfaces]

    def __enter__(self) -> RedisWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Disconnect."""
        self._drop()
        self._pool.disconnect()

    def write(
        self, users: Sequence[bytes], versions: NDArray[np.uint64], values: Sequence[Sequence[bytes]], profiles: Sequence[bytes]
    ) -> Written:
        """Write the values of some users; returns when Redis has confirmed all of them.

        Parameters
        ----------
        users
            User ids in UTF-8.
        versions : u8[n, 2]
            Clock (ms) and number of events of each.
        values
            By user: the JSON of each surface.
        profiles
            Packed profile of each user.

        Raises
        ------
        RedisRefused
            If trying again would not help.
        """
        retries, wait = 0, FIRST_WAIT
        while True:
            try:
                self._ready()
                self._send(users, versions, values, profiles)
                replies = self._receive(len(users))
                return Written(replies.count(b":1"), replies.count(b":0"), retries)
            except (redis.ConnectionError, redis.TimeoutError, OSError, _Again) as error:
                if isinstance(error, redis.AuthenticationError):
                    raise RedisRefused("Redis refuses the password or the user name", "check redis.url and redis.password") from None
                self._drop()
                if str(error) != "NOSCRIPT":
                    self._on_wait(f"Redis: {error}; {len(users)} users wait, again in {wait:g} s")
                    time.sleep(wait)
                    wait = min(2 * wait, LONGEST_WAIT)
                retries += 1

    def _ready(self) -> None:
        if self._connection is None:
            connection = self._pool.get_connection()
            self._connection = connection
            self._sha = self._ask(b"SCRIPT", b"LOAD", SCRIPT.encode())
        if self._fallbacks and time.monotonic() - self._fallbacks_at >= FALLBACK_SECONDS:
            prefix = self._target.prefix.encode()
            for key, value in self._fallbacks.items():
                self._ask(b"SET", prefix + key.encode(), value)
            self._fallbacks_at = time.monotonic()

    def _ask(self, *command: bytes) -> Any:
        self._connection.send_command(*command)
        try:
            return self._connection.read_response()
        except redis.ResponseError as error:
            _judge(str(error))
            raise

    def _send(
        self, users: Sequence[bytes], versions: NDArray[np.uint64], values: Sequence[Sequence[bytes]], profiles: Sequence[bytes]
    ) -> None:
        """Send one EVALSHA a user; replies are a few bytes each, so both sides never wait for each other's buffers."""
        keys = 1 + len(self._value_keys)
        head = b"*%d\r\n$7\r\nEVALSHA\r\n$%d\r\n%b\r\n$%d\r\n%d\r\n" % (3 + keys + 1 + keys, len(self._sha), self._sha, len(b"%d" % keys), keys)
        ttl = b"%d" % self._target.ttl_seconds
        expiry = b"$%d\r\n%b\r\n" % (len(ttl), ttl)
        stamps = np.ascontiguousarray(versions, ">u8").tobytes()
        keep = self._target.keep_profile
        parts: list[bytes] = []
        size = 0
        for i, (user, value) in enumerate(zip(users, values, strict=True)):
            key = self._profile_key % user
            profile = stamps[VERSION_BYTES * i : VERSION_BYTES * (i + 1)] + (profiles[i] if keep else b"")
            if len(value) == 1:
                name, (json,) = self._value_keys[0] % user, value
                command = b"%b$%d\r\n%b\r\n$%d\r\n%b\r\n%b$%d\r\n%b\r\n$%d\r\n%b\r\n" % (
                    head, len(key), key, len(name), name, expiry, len(profile), profile, len(json), json,
                )  # fmt: skip
            else:
                names = [key_format % user for key_format in self._value_keys]
                texts = [key, *names], [profile, *value]
                first, second = (b"".join(b"$%d\r\n%b\r\n" % (len(text), text) for text in group) for group in texts)
                command = head + first + expiry + second
            parts.append(command)
            size += len(command)
            if size >= SLICE_BYTES:
                self._connection.send_packed_command([b"".join(parts)], check_health=False)
                parts, size = [], 0
        if parts:
            self._connection.send_packed_command([b"".join(parts)], check_health=False)

    def _receive(self, n: int) -> list[bytes]:
        """Read n replies, each one line: an integer or an error."""
        socket = self._connection._sock  # noqa: SLF001 — redis-py's parser takes longer than Redis
        data = bytearray()
        lines = 0
        while lines < n:
            received = socket.recv(RECEIVE_BYTES)
            if not received:
                raise redis.ConnectionError("Redis closed the connection")
            data += received
            lines += received.count(b"\n")
        replies = bytes(data).split(b"\r\n")[:n]
        for reply in replies:
            if reply not in (b":1", b":0"):
                _judge(reply.lstrip(b"-").decode(errors="replace"))
                raise RedisRefused(f"Redis answers {reply[:200].decode(errors='replace')}")
        return replies

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.disconnect()
            self._pool.release(connection)


def _judge(message: str) -> None:
    """Tell what passes from what does not."""
    word = message.split(" ", 1)[0].removesuffix(":")
    if word == "NOSCRIPT" or "NOSCRIPT" in message:
        raise _Again("NOSCRIPT")
    if word == "OOM" or "OOM" in message.split("script", 1)[0] or "used memory > 'maxmemory'" in message:
        raise _Again("out of memory: raise maxmemory, or give it a policy that evicts")
    if word in PASSING:
        raise _Again(message)
    raise RedisRefused(f"Redis refuses to write: {message}", "check the user's rights and the keys' prefix")


def read_profile(client: redis.Redis, user: str, prefix: str = "") -> tuple[int, int, bytes] | None:
    """Read what `RedisWriter` stored beside a user's recommendations.

    Returns
    -------
    tuple or None
        Clock (ms), number of events, packed profile (empty if profiles are not kept).
    """
    stored = client.get(f"{prefix}profile:{{{user}}}")
    if not isinstance(stored, bytes) or len(stored) < VERSION_BYTES:
        return None
    return int.from_bytes(stored[:8], "big"), int.from_bytes(stored[8:VERSION_BYTES], "big"), stored[VERSION_BYTES:]
