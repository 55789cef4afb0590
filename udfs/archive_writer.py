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

    A file is made with its first block, under the first number that is free, so that writers of several processes and runs never share one.
    Each block is given to the system in one piece: who reads at the same time, or after a crash, finds whole blocks.

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
        self._number = 0
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
            self._write(self._file, block)
            if self._file.tell() >= self._roll:
                self.close()
        except OSError as error:
            raise ArchiveError(
                f"cannot write {self._folder}: {error.strerror or error}", "is there space, and may you write there?"
            ) from error
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

    def flush(self) -> None:
        """Return when everything appended can be read by others; it can be at once, as nothing is held back here."""

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
        while True:
            path = self._folder / f"{self._name}-{self._number:06d}.avro"
            self._number += 1
            with contextlib.suppress(FileExistsError):
                file = io.FileIO(path, "xb")
                self.files.append(path)
                return file

    @staticmethod
    def _write(file: io.FileIO, block: bytes) -> None:
        start, rest = file.tell(), memoryview(block)
        try:
            while rest:
                rest = rest[file.write(rest) :]
        except OSError:
            # A full disk must not leave half a block behind.
            file.truncate(start)
            raise


def _bytes(value: bytes) -> bytes:
    return write_varint(len(value)) + value
