"""An archive as records for a topic: framed, keyed by user, in order of event time over all partitions."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from jobs.kafka.time_shift import TimeShift
from udfs.archive import FUTURE_MS, YEAR_2000, Chunk, Index, read_chunk
from udfs.chunks import ChunkData
from udfs.decode import Decoder
from udfs.schemas import LocalSchemas, Schema

ANY_TIME = 2**63 - 1
USER = ("user_id",)

Frame = Callable[[Schema], bytes]
Reframe = Callable[[bytes | None], bytes | None]


class LogRecord(NamedTuple):
    """A record of a topic: partition of the archive, key, value, timestamp in ms, headers."""

    partition: int
    key: bytes | None
    value: bytes | None
    timestamp: int
    headers: list[tuple[str, bytes]]


class ArchiveLog:
    """The records of an archive.

    A record's timestamp is its event time, unless that cannot be: then it is the latest time before it in its partition, so that a client
    clock that lies does not move the time of the topic.

    Parameters
    ----------
    index
        Of the archive, with a chunk for each block.
    frame
        Gives the five bytes in front of a value for the schema that wrote it.
    reframe
        What becomes of a value that is framed already.
    shift
        How far times are moved; none: not at all.
    now_ms
        The clock.

    Attributes
    ----------
    damaged
        Blocks that cannot be opened: they are left out.
    """

    def __init__(self, index: Index, frame: Frame, reframe: Reframe, shift: TimeShift | None, now_ms: int) -> None:
        self._index, self._frame, self._reframe, self._shift = index, frame, reframe, shift
        self._latest = now_ms + FUTURE_MS
        self._decoder = Decoder(LocalSchemas(), keep=USER)
        self.damaged = 0

    def __iter__(self) -> Iterator[LogRecord]:
        lanes: dict[int, list[Chunk]] = {}
        for chunk in self._index.chunks:
            lanes.setdefault(chunk.partition, []).append(chunk)
        # Times of a lane never fall, and lanes differ: records are not compared.
        for _, _, record in heapq.merge(*(self._lane(number, chunks) for number, chunks in lanes.items())):
            yield record

    def _lane(self, lane: int, chunks: list[Chunk]) -> Iterator[tuple[int, int, LogRecord]]:
        clock = 0
        for chunk in chunks:
            data = read_chunk(chunk)
            self.damaged += len(data.damaged)
            records = self._raw(data) if data.kind == "raw" else self._events(chunk, data, clock)
            for time, record in records:
                clock = max(clock, time)
                yield clock, lane, record

    def _raw(self, data: ChunkData) -> Iterator[tuple[int, LogRecord]]:
        raw, latest, shift = data.raw, self._latest, self._shift
        for partition, timestamp, key, value, headers in zip(raw.partition, raw.timestamp, raw.key, raw.value, raw.headers):
            time = timestamp if YEAR_2000 <= timestamp <= latest else 0
            if shift is not None:
                timestamp, value = timestamp + shift.ms, shift.framed(value)
            sendable = [(name, content or b"") for name, content in headers.items()]
            yield time, LogRecord(partition, key, self._reframe(value), max(0, timestamp), sendable)

    def _events(self, chunk: Chunk, data: ChunkData, clock: int) -> Iterator[tuple[int, LogRecord]]:
        frame, shift = self._frame(data.schema), self._shift
        decoded = self._decoder.blocks(data.schema, [(block.count, block.body) for block in data.blocks], ANY_TIME)
        times = _clocks(decoded.events["event_time"], clock, self._latest)
        good = decoded.good.tolist()
        users = iter(decoded.strings("user_id", np.flatnonzero(decoded.good)))
        body = decoded.data.tobytes()
        # What does not decode stands between the records; it is sent as one value, which the job rejects as it rejects the archive's.
        rests = [(rest.start, rest.data) for rest in decoded.rests if rest.data]
        for row, (start, end, (time, stamp)) in enumerate(zip(decoded.starts.tolist(), decoded.ends.tolist(), times.tolist())):
            while rests and rests[0][0] < start:
                yield self._rest(chunk.partition, frame, rests.pop(0)[1], time)
            key = str(next(users)).encode() if good[row] else None
            datum = body[start:end]
            if shift is not None:
                datum, stamp = shift.datum(data.schema, datum), stamp + shift.ms
            yield time, LogRecord(chunk.partition, key, frame + datum, stamp, [])
        last = int(times[-1, 0]) if len(times) else clock
        for _, rest in rests:
            yield self._rest(chunk.partition, frame, rest, last)

    def _rest(self, partition: int, frame: bytes, data: bytes, time: int) -> tuple[int, LogRecord]:
        return time, LogRecord(partition, None, frame + data, time + (self._shift.ms if self._shift else 0), [])


def _clocks(times: NDArray[np.int64], clock: int, latest: int) -> NDArray[np.int64]:
    """For each event the greatest time up to it, and its own, both without regard to times that cannot be."""
    possible = (times >= YEAR_2000) & (times <= latest)
    clocks = np.maximum.accumulate(np.where(possible, times, clock)) if len(times) else times
    clocks = np.maximum(clocks, clock)
    return np.stack([clocks, np.where(possible, times, clocks)], axis=1)
