"""The body of a request as JSON, without ever holding more of it than is allowed."""

from __future__ import annotations

import zlib
from typing import Any

import orjson
from starlette.requests import Request

from serving.problems import Problem

GZIP = 16 + zlib.MAX_WBITS
#: A beacon may send text without asking the browser's rules for other origins; a blob without a type has none.
TYPES = ("", "application/json", "text/plain")


async def read_json(request: Request, most: int) -> tuple[Any, int]:
    """Read a body; gives it and the bytes that came.

    Parameters
    ----------
    request
        Its content type is JSON or text, its encoding none or gzip.
    most
        Largest body, compressed and not.

    Raises
    ------
    Problem
        400, 413 or 415.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in TYPES:
        raise Problem(415, "a body is application/json, or text/plain that is JSON")
    body = await _read(request, most)
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding == "gzip":
        plain = _unpack(body, most)
    elif encoding == "identity":
        plain = body
    else:
        raise Problem(415, "a body may be compressed with gzip, and nothing else", {"Accept-Encoding": "gzip"})
    try:
        return orjson.loads(plain), len(body)
    except orjson.JSONDecodeError:
        raise Problem(400, "the body is no JSON in UTF-8") from None


async def _read(request: Request, most: int) -> bytes:
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > most:
        raise _too_large(most)
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > most:
            raise _too_large(most)
        parts.append(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _unpack(body: bytes, most: int) -> bytes:
    unpacker = zlib.decompressobj(GZIP)
    try:
        plain = unpacker.decompress(body, most + 1)
    except zlib.error:
        raise Problem(400, "the body is no gzip") from None
    if len(plain) > most:
        raise _too_large(most)
    if not unpacker.eof or unpacker.unused_data:
        raise Problem(400, "the body is no gzip, or not all of it")
    return plain


def _too_large(most: int) -> Problem:
    return Problem(413, f"a body has at most {most} bytes, decompressed too: send fewer events at a time")
