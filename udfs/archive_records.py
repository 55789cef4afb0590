"""Records of Avro files as dictionaries, one at a time: for looking at them, not for throughput."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fastavro
from fastavro.read import SchemaResolutionError

from udfs.archive_files import files_of
from udfs.archive_schemas import is_raw
from udfs.container import ArchiveError, DamagedBlock, open_block, read_header, scan_blocks
from udfs.schemas import LocalSchemas, SchemaStore, UnknownSchema, load, plain

FRAMING_BYTES = 5
UNDECODABLE = (EOFError, ValueError, LookupError, OverflowError, MemoryError, TypeError, SchemaResolutionError)


def read_records(folder: Path, prefix: str = "events") -> Iterator[dict[str, Any]]:
    """Read the records of all `<prefix>*.avro` of a folder; times are numbers (ms).

    Parameters
    ----------
    folder
        An archive, or what the job wrote beside it.
    prefix
        ``"events"``, ``"segments"``, ``"recommendations"``, ``"dead-letters"``.

    Yields
    ------
    dict
        As the writer wrote it. A damaged block is left out, and so is what follows a record that does not decode in its block.

    Raises
    ------
    ArchiveError
        If a file is not Avro or is cut short.
    """
    paths = [path for _, path in files_of(folder)] if prefix == "events" else sorted(folder.glob(f"{prefix}-*.avro"))
    for path in paths:
        for record, _ in _records(path):
            yield record


def read_events(archive: Path, schemas: SchemaStore | None = None) -> Iterator[dict[str, Any]]:
    """Read an archive's events in the order of its files, by our schema; what does not decode is left out.

    Parameters
    ----------
    archive
        The folder.
    schemas
        Writer schemas of framed values; default: those of `avro/`.
    """
    store = schemas or LocalSchemas()
    ours = fastavro.parse_schema(plain(load("shop_event")))
    writers: dict[bytes, Any] = {}
    for _, path in files_of(archive):
        for record, raw in _records(path, ours):
            if not raw:
                yield record
                continue
            value = record["value"] or b""
            framing = value[:FRAMING_BYTES]
            try:
                if framing not in writers:
                    writers[framing] = fastavro.parse_schema(plain(store.get(int.from_bytes(framing[1:], "big"))))
                event: Any = fastavro.schemaless_reader(io.BytesIO(value[FRAMING_BYTES:]), writers[framing], ours)
            except (UnknownSchema, *UNDECODABLE):
                continue
            yield event


def _records(path: Path, reader: Any = None) -> Iterator[tuple[dict[str, Any], bool]]:
    """Give a file's records, those that are not raw by the reader's schema, and whether they are raw."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ArchiveError(f"cannot read {path}: {error.strerror or error}") from error
    header = read_header(data, path)
    raw = is_raw(header.schema)
    writer = fastavro.parse_schema(plain(header.schema))
    for block in scan_blocks(data, header, path):
        try:
            body = io.BytesIO(open_block(data, block, header.codec))
        except DamagedBlock:
            continue
        for _ in range(block.count):
            try:
                record: Any = fastavro.schemaless_reader(body, writer, None if raw else reader)
            except UNDECODABLE:
                break
            yield record, raw
