"""Archives: folders of Avro files, indexed and read in log order. A file holds shop events (of any writer schema) or raw records."""

from __future__ import annotations

import heapq
import mmap
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from udfs.archive_files import files_of
from udfs.archive_records import read_events, read_records
from udfs.archive_schemas import check_schema, is_raw
from udfs.archive_writer import ArchiveWriter
from udfs.chunks import Chunk, ChunkData, Damage, Datums, read_chunk
from udfs.container import ArchiveError, Block, DamagedBlock, Header, open_block, read_header, scan_blocks
from udfs.event_times import event_times
from udfs.raw_records import raw_times

__all__ = [
    "ArchiveError",
    "ArchiveWriter",
    "Chunk",
    "ChunkData",
    "Damage",
    "Datums",
    "Index",
    "files_of",
    "index",
    "read_chunk",
    "read_events",
    "read_records",
]

YEAR_2000 = 946_684_800_000
FUTURE_MS = 60_000
_EARLIEST, _LATEST = -(2**63), 2**63 - 1

Progress = Callable[[int, int], None]


@dataclass
class Index:
    """What an archive holds.

    Attributes
    ----------
    chunks
        In log order, the partitions interleaved by time.
    events
        Their datums.
    max_time, min_time
        Greatest and least of the times that count, in ms; 0 if none does.
    partitions
        Number of partitions.
    """

    chunks: list[Chunk]
    events: int
    max_time: int
    min_time: int
    partitions: int


def index(
    archive: Path, chunk_events: int, progress: Progress | None = None, *, now_ms: int | None = None, future_ms: int = FUTURE_MS
) -> Index:
    """Find out where an archive's blocks lie and which times they span.

    Times more than `future_ms` ahead of the clock, or before the year 2000, do not count, nor do those of events that cannot be decoded.

    Parameters
    ----------
    archive
        The folder.
    chunk_events
        A chunk ends with the block that makes it as large.
    progress
        Called with the bytes done and to do.
    now_ms
        The clock; default: that of the machine.
    future_ms
        How far ahead of it an event may be.

    Raises
    ------
    ArchiveError
        If there is no archive, or one of its files is not Avro, holds something else, or is cut short.
    """
    files = files_of(archive)
    latest = (int(time.time() * 1000) if now_ms is None else now_ms) + future_ms
    total, done = sum(path.stat().st_size for _, path in files), 0
    lanes: dict[int, list[_Timed]] = {}
    for partition, path in files:
        lane = lanes.setdefault(partition, [])
        for timed in _chunks_of_file(path, partition, chunk_events, latest):
            lane.append(timed)
            if progress:
                progress(done + timed.chunk.offset + timed.chunk.size, total)
        done += path.stat().st_size
    ordered = list(heapq.merge(*map(_with_clock, lanes.values()), key=lambda pair: pair[0]))
    after = _LATEST
    max_time = max((timed.greatest for _, timed in ordered), default=_EARLIEST)
    if max_time == _EARLIEST:
        max_time = after = 0
    for place in range(len(ordered) - 1, -1, -1):
        timed = ordered[place][1]
        timed.chunk.index = place
        timed.chunk.watermark = min(after, max_time)
        after = min(after, timed.least)
    chunks = [timed.chunk for _, timed in ordered]
    return Index(chunks, sum(chunk.events for chunk in chunks), max_time, min(after, max_time), len(lanes))


class _Timed(NamedTuple):
    chunk: Chunk
    least: int
    greatest: int


def _with_clock(lane: list[_Timed]) -> Iterator[tuple[int, _Timed]]:
    """Give each chunk the greatest time so far in its partition: it never falls, so partitions can be merged by it."""
    clock = _EARLIEST
    for timed in lane:
        clock = max(clock, timed.greatest)
        yield clock, timed


def _chunks_of_file(path: Path, partition: int, chunk_events: int, latest: int) -> Iterator[_Timed]:
    with _mapped(path) as data:
        header = read_header(data, path)
        check_schema(header.schema, path)
        blocks: list[Block] = []
        least, greatest, events = _LATEST, _EARLIEST, 0

        def chunk() -> _Timed:
            start, end = blocks[0].offset, blocks[-1].offset + blocks[-1].size
            return _Timed(Chunk(str(path.resolve()), partition, start, end - start, events, 0, 0), least, greatest)

        for block in scan_blocks(data, header, path):
            blocks.append(block)
            events += block.count
            times = _times(data, block, header)
            times = times[(times >= YEAR_2000) & (times <= latest)]
            if times.size:
                least, greatest = min(least, int(times.min())), max(greatest, int(times.max()))
            if events >= chunk_events:
                yield chunk()
                blocks, least, greatest, events = [], _LATEST, _EARLIEST, 0
        if blocks:
            yield chunk()


def _times(data: mmap.mmap | bytes, block: Block, header: Header) -> NDArray[np.int64]:
    try:
        body = open_block(data, block, header.codec)
    except DamagedBlock:
        return np.empty(0, np.int64)
    if is_raw(header.schema):
        return raw_times(body, block.count)
    return event_times(header.schema, body, block.count)


@contextmanager
def _mapped(path: Path) -> Iterator[mmap.mmap | bytes]:
    """A file's bytes, read as they are touched."""
    try:
        with path.open("rb") as file:
            if path.stat().st_size == 0:
                raise ArchiveError(f"{path} is empty", "copy or write the file again")
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                yield data
    except OSError as error:
        raise ArchiveError(f"cannot read {path}: {error.strerror or error}") from error
