"""How the rows of a source become arguments of the collapse core."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from udfs.archive import Chunk
from udfs.collapse import Collapse, Collapsed, Limits
from udfs.schemas import LocalSchemas, SchemaStore

if TYPE_CHECKING:
    from jobs.settings import Settings

NONE: dict[str, bytes | None] = {}

LOG = logging.getLogger(__name__)

Reader = Callable[..., Collapsed]


def reader(name: str, settings: Settings) -> Reader:
    """Give the function that collapses the columns of a batch.

    Parameters
    ----------
    name
        ``chunks``: rows that point into archive files; ``followed``: the same in a job that must not end where one of them is gone;
        ``records``: rows that are records of a topic.
    """
    collapse = make_collapse(settings, registry=name == "records")
    collapse.warm_up()
    topic = settings.topics.events

    def chunks(*columns: Any) -> Collapsed:
        rows = zip(*columns, strict=True)
        return collapse.chunks([Chunk(path, *map(int, numbers)) for path, *numbers in rows], int(time.time() * 1000))

    def followed(*columns: Any) -> Collapsed:
        rows = zip(*columns, strict=True)
        there = [chunk for path, *numbers in rows if is_there(chunk := Chunk(path, *map(int, numbers)))]
        return collapse.chunks(there, int(time.time() * 1000))

    def records(value: Any, key: Any, headers: Any, timestamp: Any, partition: Any, offset: Any) -> Collapsed:
        return collapse.values(
            value.tolist(),
            key.tolist(),
            [dict(pairs) if pairs is not None and len(pairs) else NONE for pairs in headers],
            milliseconds(timestamp),
            partition.tolist(),
            offset.tolist(),
            topic,
            int(time.time() * 1000),
        )

    return {"chunks": chunks, "followed": followed, "records": records}[name]


def is_there(chunk: Chunk) -> bool:
    """Tell whether a file still holds a chunk; said in the log if not.

    Between a checkpoint and the restart from it a file may be deleted, or a loss of power may take what was not yet durable.
    """
    try:
        there = Path(chunk.path).stat().st_size >= chunk.offset + chunk.size
    except OSError:
        there = False
    if not there:
        LOG.warning("%d events at byte %d of %s are gone: passed over", chunk.events, chunk.offset, chunk.path)
    return there


def make_collapse(settings: Settings, *, registry: bool) -> Collapse:
    """Make the core; its schemas come from the registry of the settings, else from `avro/`.

    Parameters
    ----------
    settings
        The effective settings.
    registry
        Whether the values come from a topic: those of an archive carry ids of `avro/`.
    """
    limits = Limits(buckets=settings.state.buckets, max_bytes=settings.limits.max_bytes, future_ms=settings.time.future_ms)
    return Collapse(limits, schemas_of(settings) if registry else LocalSchemas())


def schemas_of(settings: Settings) -> SchemaStore:
    """Give the schemas of the registry that the settings name, else those of `avro/`."""
    # A job over files needs no client of HTTP.
    from jobs.registry import registry_of

    return registry_of(settings.registry, cached=True) or LocalSchemas()


def milliseconds(timestamps: Any) -> list[int]:
    """Give a column of timestamps as milliseconds since 1970."""
    times: list[int] = timestamps.to_numpy("datetime64[ms]").astype("int64").tolist()
    return times
