"""How the rows of a source become arguments of the collapse core."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from udfs.archive import Chunk
from udfs.collapse import Collapse, Collapsed, Limits
from udfs.schemas import LocalSchemas

if TYPE_CHECKING:
    from jobs.settings import Settings

Reader = Callable[..., Iterator[Collapsed]]


def reader(name: str, settings: Settings) -> Reader:
    """Give the function that turns the columns of a batch into collapsed parts, in log order.

    Parameters
    ----------
    name
        ``chunks``: rows that point into archive files.
    """
    limits = Limits(
        buckets=settings.state.buckets, max_bytes=settings.limits.max_bytes, future_ms=settings.time.future_ms
    )
    collapse = Collapse(limits, LocalSchemas())

    def chunks(*columns: Any) -> Iterator[Collapsed]:
        for path, partition, offset, size, events, watermark, index in zip(*columns):
            chunk = Chunk(path, int(partition), int(offset), int(size), int(events), int(watermark), int(index))
            yield collapse.chunk(chunk, int(time.time() * 1000))

    return {"chunks": chunks}[name]
