"""Cuts what Redis sends into replies (RESP2), however the bytes come."""

from __future__ import annotations

from udfs.redis_errors import ErrorReply

Reply = bytes | None | ErrorReply

_DOLLAR, _PLUS, _MINUS, _COLON = b"$+-:"
_END = b"\r\n"
LONGEST_LINE = 65_536


class NotRedis(Exception):
    """Bytes that no Redis sends."""


class Replies:
    """A stream of replies: of texts, numbers (as texts) and errors; the commands that are sent here have no others."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._have = 0
        self._needed = 1

    def feed(self, data: bytes) -> list[Reply]:
        """Take bytes, and give the replies that are whole now.

        Raises
        ------
        NotRedis
            If they are none.
        """
        if self._pieces:
            # A great reply comes in pieces: they are put together once, not with each of them.
            self._pieces.append(data)
            self._have += len(data)
            if self._have < self._needed:
                return []
            data = b"".join(self._pieces)
        replies: list[Reply] = []
        at, size = 0, len(data)
        needed = 1
        while at < size:
            line_end = data.find(_END, at)
            if line_end < 0:
                if size - at > LONGEST_LINE:
                    raise NotRedis
                needed = size - at + 1
                break
            kind, after = data[at], line_end + 2
            if kind == _DOLLAR:
                length = _number(data[at + 1 : line_end])
                if length < 0:
                    replies.append(None)
                else:
                    end = after + length
                    if end + 2 > size:
                        needed = end + 2 - at
                        break
                    replies.append(data[after:end])
                    after = end + 2
            elif kind in (_PLUS, _COLON):
                replies.append(data[at + 1 : line_end])
            elif kind == _MINUS:
                replies.append(ErrorReply(data[at + 1 : line_end].decode(errors="replace")))
            else:
                raise NotRedis
            at = after
        self._pieces = [data[at:]] if at < size else []
        self._have, self._needed = size - at, needed
        return replies


def _number(digits: bytes) -> int:
    try:
        return int(digits)
    except ValueError:
        raise NotRedis from None
