"""Collapse: a batch of raw records → one payload for each bucket, and dead letters for what is no good event."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from udfs.archive import Chunk, ChunkData, read_chunk
from udfs.blocks import pack_block, unpack_block
from udfs.decode import Decoded, Decoder
from udfs.framing import SCHEMA_HEADER, framed
from udfs.grouping import group
from udfs.merging import merge
from udfs.raw_records import RawColumns
from udfs.reasons import BAD_PRICE, BLOCK_DAMAGED, DETAILS, REASONS, TIME_IN_FUTURE, TIME_TOO_OLD, TOO_LARGE, WAITS
from udfs.schemas import SchemaStore, SchemaUnavailable, load

Headers = Mapping[str, bytes | None]

WARM_UP: dict[str, Any] = {
    "event_id": "-", "user_id": "-", "event_name": "other", "event_time": 10**12, "personalization_storage": "GRANTED",
}  # fmt: skip
LOCAL_FRAMING = b"\0\0\0\0\1"


@dataclass(frozen=True)
class Limits:
    """What the collapse allows.

    Attributes
    ----------
    buckets
        Number of buckets that users are divided into.
    max_bytes
        Size of the greatest value that is looked into.
    future_ms
        How far an event time may be ahead of the clock.
    """

    buckets: int = 128
    max_bytes: int = 1_000_000
    future_ms: int = 60_000


class DeadLetter(NamedTuple):
    """A value that is no good event, as it came.

    Attributes
    ----------
    reason
        One of `udfs.reasons.REASONS`.
    detail
        What exactly, for people.
    topic, partition, offset
        Where it came from. Of a file of events: its name, its partition, and where in the file the block begins.
    timestamp
        Of the record, in ms. Of a file of events: the event time, 0 if it is not known.
    key, value, headers
        The record. Of a file of events: no key, no headers, and the bytes of the event without framing.
    """

    reason: str
    detail: str
    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Headers


@dataclass
class Collapsed:
    """What became of a batch.

    Attributes
    ----------
    payloads
        One for each bucket that has events, see `udfs.events`; log order inside each.
    dead_letters
        In log order.
    events
        Good events, those without consent included.
    denied
        Good events whose consent does not allow personalisation: they are in no payload.
    waiting
        Records whose schema cannot be looked up now: to be collapsed again later.
    """

    payloads: list[bytes]
    dead_letters: list[DeadLetter] = field(default_factory=list)
    events: int = 0
    denied: int = 0
    waiting: RawColumns = field(default_factory=RawColumns)

    @property
    def reasons(self) -> Counter[str]:
        """Dead letters by reason."""
        return Counter(letter.reason for letter in self.dead_letters)


class Collapse:
    """Collapses batches; schemas are compiled once.

    Parameters
    ----------
    limits
        What is allowed.
    schemas
        Where the schemas of framed values come from.
    """

    def __init__(self, limits: Limits, schemas: SchemaStore) -> None:
        self._limits = limits
        self._schemas = schemas
        self._decoder = Decoder(schemas, max_bytes=limits.max_bytes)

    def warm_up(self) -> None:
        """Compile the kernels, or load them, so that the first batch need not wait for it."""
        _, datum = unpack_block(pack_block("shop_event", [WARM_UP]))
        decoded = self._decoder.blocks(load("shop_event"), [(1, datum)], WARM_UP["event_time"])
        for parts in ([decoded], [decoded, decoded]):  # what is merged is another type for the compiler: it may be written to
            self._group(merge(parts))
        self._decoder.values([LOCAL_FRAMING + datum], WARM_UP["event_time"])

    def chunks(self, chunks: Sequence[Chunk], now_ms: int) -> Collapsed:
        """Collapse parts of an archive as one batch.

        Parameters
        ----------
        chunks
            Where they are, in log order.
        now_ms
            The clock.

        Raises
        ------
        udfs.archive.ArchiveError
            If a file is no longer as it was indexed.
        """
        parts = [self._chunk(chunk, now_ms) for chunk in chunks]
        collapsed = self._group(merge([decoded for decoded, _ in parts]))
        collapsed.dead_letters = [letter for _, letters in parts for letter in letters]
        return collapsed

    def _chunk(self, chunk: Chunk, now_ms: int) -> tuple[Decoded, list[DeadLetter]]:
        data = read_chunk(chunk)
        topic = Path(chunk.path).name
        if data.kind == "raw":
            raw = data.raw
            decoded, letters = self._values(raw.value, raw.key, raw.headers, raw.timestamp, raw.partition, raw.offset, topic, now_ms)
        else:
            decoded, letters = self._blocks(chunk, data, topic, now_ms)
        letters += [
            DeadLetter(REASONS[BLOCK_DAMAGED], damage.detail, topic, chunk.partition, damage.offset, 0, None, damage.data, {})
            for damage in data.damaged
        ]
        if data.kind == "datums":
            letters.sort(key=lambda letter: letter.offset)
        return decoded, letters

    def values(
        self,
        values: Sequence[bytes | None],
        keys: Sequence[bytes | None],
        headers: Sequence[Headers],
        timestamps: Sequence[int],
        partitions: Sequence[int],
        offsets: Sequence[int],
        topic: str,
        now_ms: int,
    ) -> Collapsed:
        """Collapse records of a topic; one bad record never touches its neighbours.

        Parameters
        ----------
        values, keys, headers, timestamps, partitions, offsets
            The records, in log order.
        topic
            Name of the topic.
        now_ms
            The clock.
        """
        decoded, letters = self._values(values, keys, headers, timestamps, partitions, offsets, topic, now_ms)
        collapsed = self._group(decoded)
        collapsed.dead_letters = letters
        wait = np.flatnonzero(decoded.reasons == WAITS).tolist()
        if wait:
            columns = (partitions, offsets, timestamps, keys, values, headers)
            collapsed.waiting = RawColumns(*([column[row] for row in wait] for column in columns))
        return collapsed

    def _values(
        self,
        values: Sequence[bytes | None],
        keys: Sequence[bytes | None],
        headers: Sequence[Headers],
        timestamps: Sequence[int],
        partitions: Sequence[int],
        offsets: Sequence[int],
        topic: str,
        now_ms: int,
    ) -> tuple[Decoded, list[DeadLetter]]:
        together, wait = self._framed(values, headers)
        decoded = self._decoder.values(together, now_ms + self._limits.future_ms)
        decoded.reasons[wait] = WAITS
        return decoded, [
            DeadLetter(
                reason, detail, topic, int(partitions[row]), int(offsets[row]), int(timestamps[row]), keys[row], values[row], headers[row]
            )
            for row, reason, detail in self._rejects(decoded, now_ms)
        ]

    def _framed(self, values: Sequence[bytes | None], headers: Sequence[Headers]) -> tuple[Sequence[bytes | None], list[int]]:
        """Values with their schema id in front also where it came in a header, and the rows whose id cannot be looked up now."""
        rows = [row for row, header in enumerate(headers) if header and SCHEMA_HEADER in header]
        if not rows:
            return values, []
        together, wait = list(values), []
        for row in rows:
            try:
                together[row] = framed(values[row], headers[row], self._schemas)
            except SchemaUnavailable:
                together[row] = None
                wait.append(row)
        return together, wait

    def _blocks(self, chunk: Chunk, data: ChunkData, topic: str, now_ms: int) -> tuple[Decoded, list[DeadLetter]]:
        decoded = self._decoder.blocks(data.schema, [(block.count, block.body) for block in data.blocks], now_ms + self._limits.future_ms)
        starts = np.cumsum([0, *(len(block.body) for block in data.blocks)])
        schema = str(data.schema.get("name"))
        letters: list[tuple[int, DeadLetter]] = []
        for row, reason, detail in self._rejects(decoded, now_ms):
            start, end = int(decoded.starts[row]), int(decoded.ends[row])
            block = int(np.searchsorted(starts, start, "right")) - 1
            detail = f"{detail}; at byte {start - starts[block]} of the block"
            time, value = int(decoded.events["event_time"][row]), decoded.data[start:end].tobytes()
            letters.append((start, DeadLetter(reason, detail, topic, chunk.partition, data.blocks[block].offset, time, None, value, {})))
        for rest in decoded.rests:
            reason = REASONS[rest.reason]
            detail = f"{schema} {rest.row} of the block, at its byte {rest.at}; {rest.lost} are lost"
            letters.append(
                (rest.start, DeadLetter(reason, detail, topic, chunk.partition, data.blocks[rest.block].offset, 0, None, rest.data, {}))
            )
        return decoded, [letter for _, letter in sorted(letters, key=lambda pair: pair[0])]

    def _group(self, decoded: Decoded) -> Collapsed:
        good = decoded.good
        rows = np.flatnonzero(good & decoded.granted)
        events = int(good.sum())
        return Collapsed(group(decoded, rows, self._limits.buckets), [], events, events - len(rows))

    def _rejects(self, decoded: Decoded, now_ms: int) -> Iterator[tuple[int, str, str]]:
        """Rows that are no good events, with the reason and what to say of it."""
        for row in np.flatnonzero(~decoded.good & (decoded.reasons != WAITS)).tolist():
            code = int(decoded.reasons[row])
            detail = decoded.details.get(row) or DETAILS[code]
            event = decoded.events[row]
            if code == BAD_PRICE:
                detail = f"price {event['price']}"
            elif code in (TIME_IN_FUTURE, TIME_TOO_OLD):
                detail = f"event_time {event['event_time']}, {int(event['event_time']) - now_ms:+d} ms from the clock"
            elif code == TOO_LARGE:
                detail = f"more than {self._limits.max_bytes} bytes"
            yield row, REASONS[code], detail
