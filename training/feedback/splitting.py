"""The part of an archive before a time, as an archive."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np

from udfs.archive import FUTURE_MS, ArchiveWriter, ChunkData, index, read_chunk
from udfs.decode import Decoder
from udfs.schemas import LocalSchemas

CHUNK_EVENTS = 50_000
CATALOG = "catalog.csv"


def write_before(archive: Path, out: Path, until: int) -> int:
    """Write what lies before a time; what does not decode is left out, and the catalogue comes along.

    Parameters
    ----------
    archive
        The folder.
    out
        Where to.
    until
        Event time in ms: the first that is left out.

    Returns
    -------
    int
        Events written.

    Raises
    ------
    udfs.archive.ArchiveError
        The archive cannot be read, or the other one not be written.
    """
    latest = int(time.time() * 1000) + FUTURE_MS
    decoder = Decoder(LocalSchemas())
    writers: dict[int, tuple[dict[str, Any], ArchiveWriter]] = {}
    written = 0
    try:
        for chunk in index(archive, CHUNK_EVENTS).chunks:
            data = read_chunk(chunk)
            if chunk.partition not in writers or writers[chunk.partition][0] != data.schema:
                # A file has one schema; the next file of the partition goes on where this one ends.
                if chunk.partition in writers:
                    writers[chunk.partition][1].close()
                writers[chunk.partition] = (data.schema, ArchiveWriter(out, data.schema, chunk.partition))
            written += _write(data, decoder, latest, until, writers[chunk.partition][1])
    finally:
        for _, writer in writers.values():
            writer.close()
    if (archive / CATALOG).exists() and written:
        shutil.copyfile(archive / CATALOG, out / CATALOG)
    return written


def _write(data: ChunkData, decoder: Decoder, latest: int, until: int, writer: ArchiveWriter) -> int:
    if data.kind == "raw":
        decoded = decoder.values(data.raw.value, latest)
        rows = np.flatnonzero(decoded.good & (decoded.events["event_time"] < until)).tolist()
        columns = vars(data.raw)
        writer.append_records({name: column[row] for name, column in columns.items()} for row in rows)
        return len(rows)
    decoded = decoder.blocks(data.schema, [(block.count, block.body) for block in data.blocks], latest)
    kept = decoded.good & (decoded.events["event_time"] < until)
    body = decoded.data.tobytes()
    spans = zip(decoded.starts[kept].tolist(), decoded.ends[kept].tolist(), strict=True)
    writer.append(b"".join(body[start:end] for start, end in spans), int(kept.sum()))
    return int(kept.sum())
