"""What the job writes beside Redis, followed as it appears: segment changes, recommendations, dead letters."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import fastavro

from udfs.container import ArchiveError, Block, DamagedBlock, Header, next_block, open_block, read_header
from udfs.schemas import plain

SEGMENTS, RECOMMENDATIONS, DEAD_LETTERS = "segments", "recommendations", "dead-letters"
KINDS = (SEGMENTS, RECOMMENDATIONS, DEAD_LETTERS)
#: Read of a file at a time.
STEP_BYTES = 4 * 2**20
HEADER_BYTES = 2**16


Said = tuple[str, dict[str, Any]]
"""A record of the job: of which kind, and its fields."""


class Feed(Protocol):
    """Where the job's records come from."""

    def poll(self) -> list[Said]:
        """Give what is new; waits for a moment at most."""

    def close(self) -> None:
        """Let go of what it holds."""


class ArchiveFeed:
    """The files that an embedded job writes into a folder.

    Parameters
    ----------
    folder
        Of ``segments-*.avro`` and the others; it need not be there yet.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read: dict[Path, tuple[Header, int]] = {}

    def poll(self) -> list[Said]:
        """Give the records of the blocks that have been written since."""
        return [(kind, record) for kind in KINDS for path in sorted(self._folder.glob(f"{kind}-*.avro")) for record in self._new(path)]

    def close(self) -> None:
        """Nothing is held."""

    def _new(self, path: Path) -> Iterator[dict[str, Any]]:
        header, at = self._read.get(path, (None, 0))
        try:
            if path.stat().st_size <= at:
                return
            with path.open("rb") as file:
                if header is None:
                    header = read_header(file.read(HEADER_BYTES), path)
                    at = header.size
                file.seek(at)
                data = file.read(STEP_BYTES)
            schema, here = fastavro.parse_schema(plain(header.schema)), 0
            # What does not end yet is the rest of a block on its way.
            while block := next_block(data, header.sync, here, len(data)):
                yield from _records(data, block, header, schema)
                here += block.size
                self._read[path] = (header, at + here)
        except (ArchiveError, OSError):
            return  # its header is not there yet, or the file is gone


def _records(data: bytes, block: Block, header: Header, schema: Any) -> Iterator[dict[str, Any]]:
    try:
        body = io.BytesIO(open_block(data, block, header.codec))
    except DamagedBlock:
        return
    for _ in range(block.count):
        record: Any = fastavro.schemaless_reader(body, schema, None)
        yield record
