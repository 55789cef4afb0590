"""Chunks: consecutive blocks of an archive's file, opened but not decoded."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from udfs.archive_schemas import is_raw
from udfs.container import ArchiveError, DamagedBlock, Header, open_block, read_header, scan_blocks
from udfs.raw_records import RawColumns, read_raw

HEADER_BYTES = 1 << 20


@dataclass
class Chunk:
    """Consecutive blocks of one file.

    Attributes
    ----------
    path
        The file.
    partition
        Partition of the log.
    offset, size
        Where the blocks lie, in bytes of the file.
    events
        Datums in them.
    watermark
        Least event time in all chunks after this one, in ms; of the last chunk the greatest of all.
    index
        Position in the log, from 0.
    """

    path: str
    partition: int
    offset: int
    size: int
    events: int
    watermark: int
    index: int


@dataclass(frozen=True)
class Datums:
    """The datums of a block: how many, their bytes, decompressed, and where in the file the block begins."""

    count: int
    body: bytes
    offset: int


class Damage(NamedTuple):
    """What of a chunk cannot be opened: where in the file, the bytes, and what is wrong."""

    offset: int
    data: bytes
    detail: str


@dataclass
class ChunkData:
    """The content of a chunk.

    Attributes
    ----------
    kind
        ``"datums"`` (see `schema` and `blocks`) or ``"raw"`` (see `raw`).
    schema
        Writer schema of the file.
    blocks
        Blocks of datums, in log order.
    raw
        Raw records, in log order.
    damaged
        What could not be opened.
    """

    kind: str
    schema: dict[str, Any]
    blocks: list[Datums] = field(default_factory=list)
    raw: RawColumns = field(default_factory=RawColumns)
    damaged: list[Damage] = field(default_factory=list)


def read_chunk(chunk: Chunk) -> ChunkData:
    """Open the blocks of a chunk.

    Raises
    ------
    ArchiveError
        If its file is no longer as it was indexed.
    """
    path = Path(chunk.path)
    try:
        state = path.stat()
        header = _header(path, state.st_size, state.st_mtime_ns)
        with path.open("rb") as file:
            file.seek(chunk.offset)
            data = file.read(chunk.size)
    except OSError as error:
        raise ArchiveError(f"cannot read {path}: {error.strerror or error}") from error
    if len(data) < chunk.size:
        raise ArchiveError(f"{path} has become shorter: there is nothing at byte {chunk.offset + len(data)}")
    content = ChunkData("raw" if is_raw(header.schema) else "datums", header.schema)
    for at in scan_blocks(data, _at_start(header), path):
        try:
            body = open_block(data, at, header.codec)
        except DamagedBlock as error:
            content.damaged.append(Damage(chunk.offset + at.offset, data[at.offset : at.offset + at.size], str(error)))
            continue
        if content.kind == "datums":
            content.blocks.append(Datums(at.count, body, chunk.offset + at.offset))
        elif (end := read_raw(body, at.count, content.raw)) < len(body):
            content.damaged.append(Damage(chunk.offset + at.offset, body[end:], "its records do not end where the block does"))
    return content


def _at_start(header: Header) -> Header:
    return Header(header.schema, header.codec, header.sync, 0)


@lru_cache(maxsize=64)
def _header(path: Path, size: int, modified: int) -> Header:  # noqa: ARG001 — a file that changed is another
    with path.open("rb") as file:
        return read_header(file.read(HEADER_BYTES), path)
