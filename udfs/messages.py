"""Blocks of records as messages of a topic: key, value, timestamp and headers."""

from __future__ import annotations

import io
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

import fastavro

from udfs.blocks import unpack_block
from udfs.collapse import DeadLetter
from udfs.dead_letters import OMITTED, error_headers
from udfs.schemas import load, plain

MAGIC = b"\0"
#: What a batch of records and the lengths in it take, with room to spare.
OVERHEAD = 16_384


class Message(NamedTuple):
    """A record of a topic.

    Attributes
    ----------
    key, value
        Bytes, or none.
    timestamp
        In ms.
    headers
        By name.
    """

    key: bytes | None
    value: bytes | None
    timestamp: int
    headers: dict[str, bytes | None]


def messages(kind: str, block: bytes | memoryview, schema_id: int, largest: int = 2**31) -> Iterator[Message]:
    """Cut a block into messages.

    Parameters
    ----------
    kind
        The schema of its records: ``dead_letter`` gives the original record with headers that say what is wrong; any other has
        ``user_id`` and ``event_time``, and gives its datum with Confluent framing, keyed by user.
    block
        As `udfs.blocks` makes it.
    schema_id
        Stands in front of the values.
    largest
        Bytes of a dead letter that its topic takes. The value of a larger one is left out, and a header says so: it is where it came from.
    """
    count, body = unpack_block(block)
    stream, schema = io.BytesIO(body), _schema(kind)
    framing = MAGIC + schema_id.to_bytes(4, "big")
    for _ in range(count):
        start = stream.tell()
        record: Any = fastavro.schemaless_reader(stream, schema, None)
        if kind == "dead_letter":
            letter = DeadLetter(**{name: record[name] for name in DeadLetter._fields})
            headers = {**letter.headers, **error_headers(letter)}
            size = len(letter.key or b"") + len(letter.value or b"") + sum(len(name) + len(text or b"") for name, text in headers.items())
            fits = size + OVERHEAD <= largest
            if not fits:
                headers[OMITTED] = str(len(letter.value or b"")).encode()
            yield Message(letter.key, letter.value if fits else None, letter.timestamp, headers)
        else:
            yield Message(record["user_id"].encode(), framing + body[start : stream.tell()], record["event_time"], {})


@cache
def _schema(kind: str) -> Any:
    return fastavro.parse_schema(plain(load(kind)))
