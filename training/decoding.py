"""The decoded events of an archive, a chunk at a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from udfs.archive import FUTURE_MS, ChunkData, index, read_chunk
from udfs.decode import Decoded, Decoder

CHUNK_EVENTS = 50_000

Progress = Callable[[int, int], None]


class Part(NamedTuple):
    """A chunk as it was read and decoded, and how many of its values are no events."""

    data: ChunkData
    decoded: Decoded
    rejects: int


def decode_archive(archive: Path, decoder: Decoder, progress: Progress | None = None) -> Iterator[Part]:
    """Decode an archive.

    Parameters
    ----------
    archive
        The folder.
    decoder
        Of events; it says which texts are kept.
    progress
        Called with events read and to read.

    Raises
    ------
    udfs.archive.ArchiveError
        It cannot be read.
    """
    latest = int(time.time() * 1000) + FUTURE_MS
    chunks = index(archive, CHUNK_EVENTS)
    done = 0
    for chunk in chunks.chunks:
        data = read_chunk(chunk)
        if data.kind == "raw":
            decoded = decoder.values(data.raw.value, latest)
        else:
            decoded = decoder.blocks(data.schema, [(block.count, block.body) for block in data.blocks], latest)
        yield Part(data, decoded, int((~decoded.good).sum()) + sum(rest.lost for rest in decoded.rests) + len(data.damaged))
        done += chunk.events
        if progress:
            progress(done, chunks.events)
