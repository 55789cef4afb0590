"""Writing archives: Avro container files in a folder, one block at a time."""

from __future__ import annotations

import contextlib
import io
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import fastavro

from udfs.codecs import CODECS
from udfs.container import MAGIC, SYNC_BYTES, ArchiveError, write_varint

ROLL_BYTES = 128 * 2**20
BLOCK_RECORDS = 2000


class ArchiveWriter:
    """Writes `<prefix>-<partition>-<number>.avro` into a folder.

    A file is made with its first block, under a number behind all that are there, so that writers of several processes and runs never
    share one, and the files of a partition are in the order of its log also where old ones were deleted. What a writer left half-written
    when it crashed stays as it is: nobody writes behind it. Each block is given to the system in one piece: who reads at the same time, or
    after a crash, finds whole blocks.

    Parameters
    ----------
    folder
        Made if it is not there.
    schema
        Writer schema of what is appended.
    partition
        Number in the files' names.
    prefix
        ``"events"``, ``"segments"``, ``"recommendations"``, ``"dead-letters"``.
    codec
        One of `udfs.codecs.CODECS`.
    roll_bytes
        A file that has become as large is closed, and the next begins.
    sync
        The 16 bytes that end every block; default: random.

    Raises
    ------
    ArchiveError
        If something cannot be written.

    Examples
    --------
    >>> with ArchiveWriter(Path("out"), load("shop_event")) as writer:
    ...     writer.append_records(events)
    """

    def __init__(
        self,
        folder: Path,
        schema: Mapping[str, Any],
        partition: int = 0,
        *,
        prefix: str = "events",
        codec: str = "null",
        roll_bytes: int = ROLL_BYTES,
        sync: bytes | None = None,
    ) -> None:
        if codec not in CODECS:
            raise ArchiveError(f"no codec {codec}", f"there are {', '.join(CODECS)}")
        self._folder = folder
        self._name = f"{prefix}-{partition}"
        self._codec = codec
        self._roll = roll_bytes
        self._parsed = fastavro.parse_schema(dict(schema))
        self._sync = sync or os.urandom(SYNC_BYTES)
        meta = {"avro.schema": json.dumps(schema).encode(), "avro.codec": codec.encode()}
        pairs = b"".join(_bytes(name.encode()) + _bytes(value) for name, value in meta.items())
        self._header = MAGIC + write_varint(len(meta)) + pairs + b"\x00" + self._sync
        self._file: io.FileIO | None = None
        self._volatile: set[Path] = set()
        self.records = 0
        self.files: list[Path] = []

    def append(self, body: bytes | memoryview, count: int) -> None:
        """Append datums of the schema, encoded one behind the other, as one block."""
        if not count:
            return
        packed = CODECS[self._codec][0](bytes(body))
        block = b"".join((write_varint(count), write_varint(len(packed)), packed, self._sync))
        try:
            if self._file is None:
                self._file = self._open()
                block = self._header + block
            self._volatile.add(self.files[-1])
            self._write(self._file, block)
            if self._file.tell() >= self._roll:
                self.close()
        except OSError as error:
            raise self._refused(error) from error
        self.records += count

    def append_records(self, records: Iterable[Mapping[str, Any]], block_records: int = BLOCK_RECORDS) -> None:
        """Encode and append records, in blocks of `block_records`."""
        body, count = io.BytesIO(), 0
        for record in records:
            fastavro.schemaless_writer(body, self._parsed, record)
            count += 1
            if count == block_records:
                self.append(body.getbuffer(), count)
                body, count = io.BytesIO(), 0
        self.append(body.getbuffer(), count)

    def flush(self, *, durable: bool = False) -> None:
        """Return when everything appended can be read by others; it can be at once, as nothing is held back here.

        Parameters
        ----------
        durable
            Return when it would outlast a loss of power as well. One call for many blocks costs as much as one for each.

        Raises
        ------
        ArchiveError
            If the disk did not take it. Whether it has what was appended since the last call is then not known; what is appended from then
            on goes to another file.
        """
        if not durable or not self._volatile:
            return
        try:
            for path in sorted(self._volatile):
                _sync(path, os.O_RDWR)
            # A file that a folder does not name is lost as well.
            _sync(self._folder, os.O_RDONLY)
        except OSError as error:
            self._volatile.clear()
            self.close()
            raise self._refused(error) from error
        self._volatile.clear()

    def close(self) -> None:
        """Close the file; what is appended afterwards goes to the next."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def __enter__(self) -> ArchiveWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open(self) -> io.FileIO:
        self._folder.mkdir(parents=True, exist_ok=True)
        numbers = (path.stem.rpartition("-")[2] for path in self._folder.glob(f"{self._name}-*.avro"))
        number = max((int(text) for text in numbers if text.isdecimal()), default=-1)
        while True:
            number += 1
            path = self._folder / f"{self._name}-{number:06d}.avro"
            with contextlib.suppress(FileExistsError):
                file = io.FileIO(path, "xb")
                self.files.append(path)
                return file

    def _write(self, file: io.FileIO, block: bytes) -> None:
        start, rest = file.tell(), memoryview(block)
        try:
            while rest:
                rest = rest[file.write(rest) :]
        except OSError:
            # A full disk must not leave half a block behind; where it does, nothing comes behind that.
            try:
                file.truncate(start)
                file.seek(start)
            except OSError:
                self.close()
            raise

    def _refused(self, error: OSError) -> ArchiveError:
        return ArchiveError(f"cannot write {self._folder}: {error.strerror or error}", "is there space, and may you write there?")


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _bytes(value: bytes) -> bytes:
    return write_varint(len(value)) + value
