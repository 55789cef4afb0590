"""Following an archive that is being written: which whole blocks have come since the last look.

Nothing compiled is imported here: where this runs, another thread may be compiling, and an import that waits for the compiler, which waits
for an import, would wait for ever.
"""

from __future__ import annotations

import io
import logging
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import fastavro

from udfs.archive_files import Place, place_of
from udfs.archive_records import UNDECODABLE
from udfs.archive_schemas import check_schema, is_raw
from udfs.container import ArchiveError, Block, DamagedBlock, Header, next_block, open_block, read_header
from udfs.schemas import plain

HEADER_BYTES = 1 << 20
YEAR_2000 = 946_684_800_000
WINDOW = 1 << 20
BEFORE_ALL = -(2**63)
LOG = logging.getLogger(__name__)


@dataclass
class _File:
    """A file of the archive: how far it was read, how long it was when last seen, and how long when what follows was not whole."""

    place: Place
    path: Path
    at: int = 0
    size: int = 0
    stuck: int = -1
    header: Header | None = field(default=None, repr=False)
    parsed: Any = field(default=None, repr=False)
    refused: str = ""

    @property
    def unread(self) -> bool:
        """Whether there may be a whole block behind what was read."""
        return self.size > self.at and self.size != self.stuck


class Found(NamedTuple):
    """Consecutive whole blocks of a file.

    Attributes
    ----------
    path, partition, offset, size, events
        As those of `udfs.chunks.Chunk`.
    newest
        Time of the newest event that was looked at, in ms: the first of each block; `BEFORE_ALL` if none counts.
    time
        What comes behind is not before it, save for what is late; `BEFORE_ALL` while that is not known.
    """

    path: str
    partition: int
    offset: int
    size: int
    events: int
    newest: int
    time: int


class Follower:
    """Reads on, file by file, where it stopped at the last look; what is half-written is left for the next one.

    Partitions are interleaved by time, so that a backlog comes in about the order of the log. Of each partition files are read in the
    order of their numbers. What a writer left half-written when it crashed holds nothing up: who comes after it begins a file of its own.

    Parameters
    ----------
    folder
        The archive; it need not be there yet.
    chunk_events
        A chunk ends with the block that makes it as large.
    future_ms
        How far ahead of the clock an event may be for its time to count.
    positions
        By file name, how many bytes were read before.
    clocks
        By partition, the greatest time that was read before, in ms.

    Attributes
    ----------
    positions, clocks
        The same as it is now.
    """

    def __init__(
        self,
        folder: Path,
        chunk_events: int,
        *,
        future_ms: int = 60_000,
        positions: Mapping[str, int] | None = None,
        clocks: Mapping[int, int] | None = None,
    ) -> None:
        self._folder = folder.resolve()
        self._chunk_events = chunk_events
        self._future_ms = future_ms
        self.positions = dict(positions or {})
        self.clocks = dict(clocks or {})
        self._files: dict[str, _File] = {}

    @property
    def behind(self) -> int:
        """Bytes that were seen at the last look, and not read; those of half a block do not count."""
        return sum(file.size - file.at for file in self._files.values() if file.unread)

    def look(self, now_ms: int, limit: int) -> Iterator[Found]:
        """Read what has come.

        Parameters
        ----------
        now_ms
            The clock.
        limit
            Chunks at most; the rest comes with the next look.

        Yields
        ------
        Found
            `positions` and `clocks` stand behind it as soon as it is given.
        """
        self._list()
        unread: dict[int, list[_File]] = {}
        for file in sorted(self._files.values(), key=lambda file: (file.place, file.path)):
            if file.unread:
                unread.setdefault(file.place.partition, []).append(file)
        given = 0
        while unread and given < limit:
            partition = min(unread, key=lambda number: (self.clocks.get(number, BEFORE_ALL), number))
            file = unread[partition][0]
            found = self._read(file, now_ms + self._future_ms)
            if not file.unread:
                unread[partition].pop(0)
                if not unread[partition]:
                    del unread[partition]
            if found is not None:
                given += 1
                # A partition that was read to its end does not hold the others.
                held = (self.clocks.get(number, BEFORE_ALL) for number in unread)
                yield found._replace(time=min(held, default=max(self.clocks.values())))

    def skip(self, now_ms: int, before_ms: int | None = None) -> Iterator[Found]:
        """Read on to the end of what is there, and give only chunks with an event at `before_ms` or later; none: nothing."""
        for found in self.look(now_ms, 2**63):
            if before_ms is not None and found.newest >= before_ms:
                yield found

    def _list(self) -> None:
        try:
            names = os.listdir(self._folder)
        except FileNotFoundError:
            return
        # A file is measured after all of them were listed: one that the next had already followed is then as long as it will be.
        for name in names:
            file = self._files.get(name)
            if file is None:
                place = place_of(name)
                if place is None:
                    continue
                file = self._files[name] = _File(place, self._folder / name, self.positions.get(name, 0))
            try:
                size = file.path.stat().st_size
            except FileNotFoundError:
                continue
            if size < file.at and size != file.size:
                LOG.warning("%s has %d bytes, %d were read: it is passed over until it has more", file.path, size, file.at)
            file.size = size

    def _read(self, file: _File, latest: int) -> Found | None:
        """Read the next chunk of a file; none if there is no whole block."""
        try:
            with file.path.open("rb", buffering=0) as opened:
                if file.header is None:
                    file.header = self._header(file, opened.read(HEADER_BYTES))
                    if file.header is None:
                        return None
                    file.at = max(file.at, file.header.size)
                window = WINDOW
                while True:
                    opened.seek(file.at)
                    data = _read_all(opened.fileno(), min(window, file.size - file.at))
                    found = self._chunk(file, file.header, data, latest)
                    if found is not None or file.at + len(data) >= file.size or len(data) < window:
                        break
                    window *= 4
        except OSError as error:
            self._refuse(file, f"cannot read {file.path}: {error.strerror or error}")
            return None
        if found is None:
            file.stuck = file.size
            return None
        file.at += found.size
        self.positions[file.path.name] = file.at
        self.clocks[found.partition] = max(self.clocks.get(found.partition, BEFORE_ALL), found.newest)
        return found

    def _header(self, file: _File, data: bytes) -> Header | None:
        try:
            header = read_header(data, file.path)
            check_schema(header.schema, file.path)
            file.parsed = fastavro.parse_schema(plain(header.schema))
        except ArchiveError as error:
            # Its header may still be on the way.
            self._refuse(file, error.message)
            return None
        return header

    def _refuse(self, file: _File, why: str) -> None:
        file.stuck = file.size
        if why != file.refused:
            LOG.warning("%s; it is passed over until there is more of it", why)
        file.refused = why

    def _chunk(self, file: _File, header: Header, data: bytes, latest: int) -> Found | None:
        at = events = 0
        newest = BEFORE_ALL
        while events < self._chunk_events and (block := next_block(data, header.sync, at, len(data))):
            time = _first_time(data, block, header, file.parsed)
            if YEAR_2000 <= time <= latest:
                newest = max(newest, time)
            at += block.size
            events += block.count
        return Found(str(file.path), file.place.partition, file.at, at, events, newest, BEFORE_ALL) if at else None


def _first_time(data: bytes, block: Block, header: Header, parsed: Any) -> int:
    """Give the time of a block's first record; `BEFORE_ALL` if it cannot be read."""
    if not block.count:
        return BEFORE_ALL
    try:
        body = io.BytesIO(open_block(data, block, header.codec))
        record: Any = fastavro.schemaless_reader(body, parsed, None)
        return int(record["timestamp" if is_raw(header.schema) else "event_time"])
    except (DamagedBlock, *UNDECODABLE):
        return BEFORE_ALL


def _read_all(descriptor: int, size: int) -> bytes:
    """Read so many bytes, fewer only at the end of the file."""
    parts, missing = [], size
    while missing and (part := os.read(descriptor, missing)):
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)
