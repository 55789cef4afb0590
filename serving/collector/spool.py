"""Records that the brokers have not acknowledged yet, on disk, in order, and bounded.

``spool-<number>.log`` are files of entries (`serving.collector.spool_segment`); ``head`` says how far the first was taken out. A head that
is older than the truth, or lost, only means that some are sent twice.
"""

from __future__ import annotations

import fcntl
import logging
import os
import threading
from collections.abc import Sequence
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import NamedTuple

from serving.collector.spool_segment import HEADER_BYTES, Entry, Segment, pack
from udfs.errors import SwerveError

SEGMENT_BYTES = 16 * 2**20
#: Files that a spool of the least size still has.
LEAST_SEGMENTS = 8

log = logging.getLogger(__name__)


class Full(Exception):
    """There is no room for these entries; none of them is kept."""


class Place(NamedTuple):
    """Where a reader is: the name of a file, and the bytes before it there."""

    name: bytes
    at: int


class Spool:
    """The spool. One thread appends and one takes out; a folder has one process.

    Parameters
    ----------
    folder
        Made if it is not there.
    most_bytes
        What its files may hold together.
    """

    def __init__(self, folder: Path, most_bytes: int) -> None:
        self._folder, self._most = folder, most_bytes
        self._roll = min(SEGMENT_BYTES, max(1, most_bytes // LEAST_SEGMENTS))
        self._lock = threading.Lock()
        self._segments: list[Segment] = []
        #: The file that is written to, and the same while it is being written.
        self._writing: Segment | None = None
        self._busy: Segment | None = None
        self._number = 0
        self._at = HEADER_BYTES
        self._held: FileIO | None = None

    @property
    def held(self) -> int:
        """What its files hold that was not taken out."""
        with self._lock:
            return max(0, sum(segment.size - HEADER_BYTES for segment in self._segments) - (self._at - HEADER_BYTES))

    def open(self) -> None:
        """Find what an earlier process left.

        Raises
        ------
        SwerveError
            If the folder is another process's, or cannot be used.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._held = FileIO(self._folder / "lock", "ab")
            fcntl.flock(self._held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            paths = sorted(self._folder.glob("spool-*.log"))
            self._segments = [Segment(path) for path in paths]
            if self._segments:
                self._number = int(paths[-1].stem.partition("-")[2])
                if torn := self._segments[-1].repair():
                    log.info("the spool ended with %d bytes of what was never acknowledged", torn)
            self._at = self._found_head()
        except BlockingIOError:
            self.close()
            raise SwerveError(f"the spool {self._folder} is in use", "each collector has a folder of its own: serving.spool") from None
        except OSError as error:
            self.close()
            raise SwerveError(f"the spool {self._folder} cannot be used: {error.strerror}", "set serving.spool") from error

    def close(self) -> None:
        """Let go of the folder; what is in it stays."""
        if self._held is not None:
            self._held.close()
            self._held = None

    def append(self, entries: Sequence[Entry]) -> None:
        """Return when the disk has them.

        Raises
        ------
        Full
            If there is no room.
        OSError
            If the disk does not take them.
        """
        self.append_all([entries])

    def append_all(self, groups: Sequence[Sequence[Entry]]) -> list[bool]:
        """Append groups of entries with one write; gives for each whether there was room, for all of it or none.

        Raises
        ------
        OSError
            If the disk does not take them: none is kept.
        """
        packed, taken, room = [], [], self._most - self._used()
        for group in groups:
            data = pack(group)
            fits = len(data) <= room
            taken.append(fits)
            if fits:
                packed.append(data)
                room -= len(data)
        if any(packed):
            self._write(b"".join(packed))
        return taken

    def peek(self, most: int) -> list[tuple[Entry, Place]]:
        """Give the first entries and the place behind each; at least one if there is any, else as many as fit into so many bytes."""
        while True:
            with self._lock:
                if not self._segments:
                    return []
                first, at = self._segments[0], self._at
                size, last = first.size, first is self._writing
            if at < size and first.name:
                if found := first.read(at, most):
                    return [(entry, Place(first.name, end)) for entry, end in found]
                with self._lock:
                    self._writing = None if last else self._writing
                    busy = self._busy is first
                if busy:
                    return []
                log.error("the spool is damaged: %d bytes of %s cannot be read; they are kept as *.damaged", size - at, first.path.name)
                self._drop(first, keep=True)
            elif last:
                return []
            else:
                self._drop(first)

    def advance(self, place: Place) -> None:
        """Take out what lies before a place."""
        with self._lock:
            first = self._segments[0]
            assert first.name == place.name
            self._at = place.at
            done = self._at >= first.size and first is not self._writing
        if done:
            self._drop(first)
        else:
            self._note_head(place)

    def clear(self) -> None:
        """Drop the file that is written to, which has nothing left; nobody may append meanwhile."""
        with self._lock:
            self._writing = None
        assert not self.peek(1)

    def _used(self) -> int:
        with self._lock:
            return sum(segment.size for segment in self._segments)

    def _write(self, data: bytes) -> None:
        segment = self._writing
        if segment is None or segment.size + len(data) > max(self._roll, HEADER_BYTES + len(data)):
            self._number += 1
            segment = Segment.create(self._folder / f"spool-{self._number:012d}.log")
            with self._lock:
                if not self._segments:
                    self._at = HEADER_BYTES
                self._segments.append(segment)
                self._writing = segment
        with self._lock:
            self._busy = segment
        try:
            segment.append(data)
        except OSError:
            # What the disk has of it is not known: another file is begun.
            with self._lock:
                self._writing = None
            raise
        finally:
            with self._lock:
                self._busy = None

    def _drop(self, segment: Segment, *, keep: bool = False) -> None:
        with self._lock:
            self._segments.remove(segment)
            self._at = HEADER_BYTES
        if keep:
            segment.path.rename(segment.path.with_suffix(".damaged"))
        else:
            segment.path.unlink()

    def _note_head(self, place: Place) -> None:
        fresh = self._folder / "head.new"
        with suppress(OSError):
            fresh.write_text(f"{place.name.hex()} {place.at}\n", encoding="ascii")
            os.replace(fresh, self._folder / "head")

    def _found_head(self) -> int:
        with suppress(OSError, ValueError):
            name, at = (self._folder / "head").read_text(encoding="ascii").split()
            if self._segments and bytes.fromhex(name) == self._segments[0].name and HEADER_BYTES <= int(at) <= self._segments[0].size:
                return int(at)
        return HEADER_BYTES
