"""Commands for Redis as bytes, a user a command, and the script that they call."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from udfs.keys import VERSION_BYTES, around_user, profile_key, recommendations_key

SLICE_USERS, SLICE_BYTES = 128, 1 << 19
REPLY = b":1\r\n"

# Numbers, not texts, are compared: Lua compares texts by the server's locale. They are exact up to 2^53.
SCRIPT = b"""
local call = redis.call
local old = call('GETRANGE', KEYS[1], 0, 15)
if #old == 16 then
  local time, sequence = struct.unpack('>I8I8', old)
  local new_time, new_sequence = struct.unpack('>I8I8', ARGV[2])
  if time > new_time or (time == new_time and sequence > new_sequence) then return 0 end
end
for i = 1, #KEYS do call('SET', KEYS[i], ARGV[i + 1], 'EX', ARGV[1]) end
return 1
"""
SHA = hashlib.sha1(SCRIPT, usedforsecurity=False).hexdigest().encode()  # the name that Redis gives it


class Slice(NamedTuple):
    """Commands that are sent at once.

    Attributes
    ----------
    data
        The commands.
    reply
        The usual replies: others that are no error are as long.
    upto
        Number of users done with it.
    """

    data: bytes
    reply: bytes
    upto: int


def pack(*words: bytes) -> bytes:
    """Encode one command.

    Examples
    --------
    >>> pack(b"GET", b"a")
    b'*2\\r\\n$3\\r\\nGET\\r\\n$1\\r\\na\\r\\n'
    """
    return b"*%d\r\n" % len(words) + b"".join([b"$%d\r\n%b\r\n" % (len(word), word) for word in words])


def load_script() -> Slice:
    """Encode the command that makes the script known; Redis answers with `SHA`."""
    return Slice(pack(b"SCRIPT", b"LOAD", SCRIPT), b"$%d\r\n%b\r\n" % (len(SHA), SHA), 0)


def set_values(values: Mapping[str, bytes], prefix: str = "") -> Slice:
    """Encode plain SETs, without expiry."""
    commands = [pack(b"SET", (prefix + key).encode(), value) for key, value in values.items()]
    return Slice(b"".join(commands), b"+OK\r\n" * len(commands), 0)


class Encoder:
    """Encodes users' values.

    Parameters
    ----------
    surfaces
        Names of the values of a user.
    prefix
        Put before every key.
    ttl_seconds
        Lifetime of the keys.
    keep_profile
        Store profiles, not only their versions.
    """

    def __init__(self, surfaces: Sequence[str], prefix: str, ttl_seconds: int, keep_profile: bool) -> None:
        keys = [profile_key("\0", prefix), *(recommendations_key("\0", surface, prefix) for surface in surfaces)]
        count = b"%d" % len(keys)
        fixed = b"*%d\r\n$7\r\nEVALSHA\r\n$%d\r\n%b\r\n$%d\r\n%b\r\n" % (4 + 2 * len(keys), len(SHA), SHA, len(count), count)
        ttl = b"%d" % ttl_seconds
        # A template for everything up to the version: the length of each key depends on that of the user id.
        self._added = [len(before) + len(behind) for before, behind in map(around_user, keys)]
        names = b"".join(b"$%%d\r\n%b%%b%b\r\n" % (_quoted(before), _quoted(behind)) for before, behind in map(around_user, keys))
        self._head = fixed + names + b"$%d\r\n%b\r\n" % (len(ttl), ttl)
        self._one = self._head + b"$%d\r\n%b%b\r\n$%d\r\n%b\r\n"
        self._surfaces = len(surfaces)
        self._keep = keep_profile

    def slices(
        self,
        users: Sequence[bytes],
        versions: NDArray[np.uint64],
        values: Sequence[Sequence[bytes]],
        profiles: Sequence[bytes],
        start: int = 0,
    ) -> Iterator[Slice]:
        """Encode users from `start` on, some hundred at a time; see `RedisWriter.write`."""
        stamps = np.ascontiguousarray(versions, ">u8").tobytes()
        parts: list[bytes] = []
        size, n = 0, len(users)
        encode = self._encode_one if self._surfaces == 1 else self._encode_some
        for i in range(start, n):
            stamp = stamps[VERSION_BYTES * i : VERSION_BYTES * (i + 1)]
            command = encode(users[i], stamp, profiles[i] if self._keep else b"", values[i])
            parts.append(command)
            size += len(command)
            if size >= SLICE_BYTES or len(parts) == SLICE_USERS or i + 1 == n:
                yield Slice(b"".join(parts), REPLY * len(parts), i + 1)
                parts, size = [], 0

    def _encode_one(self, user: bytes, stamp: bytes, profile: bytes, values: Sequence[bytes]) -> bytes:
        (value,) = values
        (first, second), length = self._added, len(user)
        return self._one % (
            first + length, user, second + length, user, VERSION_BYTES + len(profile), stamp, profile, len(value), value
        )  # fmt: skip

    def _encode_some(self, user: bytes, stamp: bytes, profile: bytes, values: Sequence[bytes]) -> bytes:
        if len(values) != self._surfaces:
            raise ValueError(f"{len(values)} values for {self._surfaces} surfaces")
        names = [part for added in self._added for part in (added + len(user), user)]
        texts = (stamp + profile, *values)
        return b"".join([self._head % tuple(names), *(b"$%d\r\n%b\r\n" % (len(text), text) for text in texts)])


def _quoted(text: bytes) -> bytes:
    return text.replace(b"%", b"%%")
