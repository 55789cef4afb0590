"""Recommendations as the job emitted them, in columns."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl

from udfs.container import MAGIC, SYNC_BYTES, ArchiveError, DamagedBlock, open_block, read_header, scan_blocks, write_varint
from udfs.errors import SwerveError

PREFIX = "recommendations"
NEEDED = (
    "recommendation_id", "user_id", "surface", "sequence", "event_time", "segment_id", "segment_name", "model_name", "model_version",
    "reasons", "items",
)  # fmt: skip
_SYNC = bytes(SYNC_BYTES)

Progress = Callable[[int, int], None]


def read_shown(folder: Path, progress: Progress | None = None) -> tuple[pl.DataFrame, int]:
    """Read the recommendations of a folder, each id once.

    Parameters
    ----------
    folder
        With ``recommendations-*.avro``, as ``swerve replay --out`` writes them.
    progress
        Called with the bytes done and to do.

    Returns
    -------
    DataFrame
        The columns `NEEDED`, times in ms, in order of time and id.
    int
        How many were there more than once.

    Raises
    ------
    SwerveError
        If there are none, or a file cannot be read.
    """
    paths = sorted(folder.glob(f"{PREFIX}-*.avro"))
    if not paths:
        raise SwerveError(f"{folder} has no {PREFIX}-*.avro", "swerve replay --out DIR writes them; a topic is named as kafka:TOPIC")
    frames, done, total = [], 0, sum(path.stat().st_size for path in paths)
    for path in paths:
        frames.append(_read(path))
        done += path.stat().st_size
        if progress:
            progress(done, total)
    everything = pl.concat(frames)
    once = everything.unique("recommendation_id", keep="first", maintain_order=True).sort("event_time", "recommendation_id")
    return once, len(everything) - len(once)


def _read(path: Path) -> pl.DataFrame:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ArchiveError(f"cannot read {path}: {error.strerror or error}") from error
    header = read_header(data, path)
    missing = [name for name in NEEDED if name not in {field["name"] for field in header.schema.get("fields", ())}]
    if missing:
        raise ArchiveError(f"{path} holds no recommendations: its schema has no {missing[0]}")
    # A damaged block is left out; the others are read together, in columns.
    blocks = []
    for block in scan_blocks(data, header, path):
        try:
            blocks.append((block.count, open_block(data, block, header.codec)))
        except DamagedBlock:
            continue
    return _frame(header.schema, blocks, path)


def _frame(schema: dict[str, Any], blocks: list[tuple[int, bytes]], path: Path) -> pl.DataFrame:
    pairs = {"avro.schema": json.dumps(schema).encode(), "avro.codec": b"null"}
    meta = b"".join(_sized(name.encode()) + _sized(value) for name, value in pairs.items())
    parts = [MAGIC, write_varint(len(pairs)), meta, b"\0", _SYNC]
    for count, body in blocks:
        parts += [write_varint(count), _sized(body), _SYNC]
    try:
        frame = pl.read_avro(io.BytesIO(b"".join(parts)))
    except pl.exceptions.PolarsError as error:
        raise ArchiveError(f"{path} has records that do not decode: {str(error).splitlines()[0]}") from None
    return frame.select(NEEDED).with_columns(pl.col("event_time").to_physical().cast(pl.Int64))


def _sized(data: bytes) -> bytes:
    return write_varint(len(data)) + data
