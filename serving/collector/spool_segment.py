"""A file of the spool: a name of its own, then entries one behind the other, each with its length and a checksum."""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

MAGIC = b"SWSPOOL1"
ID_BYTES = 16
HEADER_BYTES = len(MAGIC) + ID_BYTES
#: Bytes and checksum of what follows; then time and length of the key.
_FRAME, _FRONT = struct.Struct("<II"), struct.Struct("<qH")


class Entry(NamedTuple):
    """A record for the log: key, value and time in ms."""

    key: bytes
    value: bytes
    timestamp: int


def pack(entries: Sequence[Entry]) -> bytes:
    """Write entries as they stand in a file."""
    parts = []
    for key, value, timestamp in entries:
        body = _FRONT.pack(timestamp, len(key)) + key + value
        parts.append(_FRAME.pack(len(body), zlib.crc32(body)))
        parts.append(body)
    return b"".join(parts)


def unpack(data: bytes) -> Iterator[tuple[Entry, int]]:
    """Read entries and where each ends; stops before the first that is not whole."""
    at = 0
    while at + _FRAME.size <= len(data):
        size, checksum = _FRAME.unpack_from(data, at)
        end = at + _FRAME.size + size
        body = data[at + _FRAME.size : end]
        if size < _FRONT.size or len(body) < size or zlib.crc32(body) != checksum:
            return
        timestamp, key = _FRONT.unpack_from(body)
        yield Entry(body[_FRONT.size : _FRONT.size + key], body[_FRONT.size + key :], timestamp), end
        at = end


def reaches(data: bytes) -> int:
    """Give the bytes that an entry at the beginning of some bytes takes, however many of them are there."""
    return _FRAME.size + int(_FRAME.unpack_from(data)[0]) if len(data) >= _FRAME.size else _FRAME.size


class Segment:
    """A file that is there.

    Parameters
    ----------
    path
        The file.

    Attributes
    ----------
    name
        Its random name, which no other file has; empty if even that was not written to the end.
    size
        Its bytes that are on the disk.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with path.open("rb") as file:
            header = file.read(HEADER_BYTES)
        whole = len(header) == HEADER_BYTES and header.startswith(MAGIC)
        self.name = header[len(MAGIC) :] if whole else b""
        self.size = path.stat().st_size

    @classmethod
    def create(cls, path: Path) -> Segment:
        """Make a file without entries, which outlasts a loss of power."""
        with path.open("xb", buffering=0) as file:
            file.write(MAGIC + os.urandom(ID_BYTES))
            os.fsync(file)
        sync_folder(path.parent)
        return cls(path)

    def append(self, data: bytes) -> None:
        """Write behind what is there, and return when the disk has it.

        Raises
        ------
        OSError
            If it does not take it. The file is cut to what it was; where that fails as well, nobody may write to it again.
        """
        with self.path.open("r+b", buffering=0) as file:
            file.seek(self.size)
            try:
                rest = memoryview(data)
                while rest:
                    rest = rest[file.write(rest) :]
                os.fsync(file)
            except OSError:
                file.truncate(self.size)
                os.fsync(file)
                raise
        self.size += len(data)

    def repair(self) -> int:
        """Cut off what a crash left of an entry that nobody was told of; gives its bytes."""
        if not self.name:
            torn, self.size = self.size, 0
            return torn
        with self.path.open("r+b") as file:
            file.seek(HEADER_BYTES)
            whole = HEADER_BYTES + max((end for _, end in unpack(file.read())), default=0)
            torn = self.size - whole
            if torn:
                file.truncate(whole)
                os.fsync(file.fileno())
        self.size = whole
        return torn

    def read(self, at: int, most: int) -> list[tuple[Entry, int]]:
        """Read entries from a place, as many as fit into so many bytes, but one at least; each with the place behind it."""
        with self.path.open("rb") as file:
            file.seek(at)
            data = file.read(min(max(most, _FRAME.size), self.size - at))
            need = reaches(data)
            if len(data) < need <= self.size - at:
                data += file.read(need - len(data))
        return [(entry, at + end) for entry, end in unpack(data)]


def sync_folder(folder: Path) -> None:
    """Return when the disk knows the names of a folder's files."""
    place = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(place)
    finally:
        os.close(place)
