"""How the rows of a source become arguments of the collapse core."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from udfs.archive import Chunk
from udfs.collapse import Collapse, Collapsed, Limits
from udfs.schemas import LocalSchemas

if TYPE_CHECKING:
    from jobs.settings import Settings

Reader = Callable[..., Collapsed]


def reader(name: str, settings: Settings) -> Reader:
    """Give the function that collapses the columns of a batch.

    Parameters
    ----------
    name
        ``chunks``: rows that point into archive files.
    """
    limits = Limits(buckets=settings.state.buckets, max_bytes=settings.limits.max_bytes, future_ms=settings.time.future_ms)
    collapse = Collapse(limits, LocalSchemas())
    collapse.warm_up()

    def chunks(*columns: Any) -> Collapsed:
        rows = zip(*columns, strict=True)
        return collapse.chunks([Chunk(path, *map(int, numbers)) for path, *numbers in rows], int(time.time() * 1000))

    return {"chunks": chunks}[name]
