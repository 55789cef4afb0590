"""Adapter of `udfs.collapse`: raw rows of a batch → one payload a bucket, dead letters, what has to wait, counters."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from pyflink.table.udf import FunctionContext, ScalarFunction

from jobs.operators.worker import restore_print
from jobs.rows import Tag, row

if TYPE_CHECKING:
    import pandas as pd

    from jobs.settings import Settings
    from udfs.collapse import Collapsed


class CollapseFunction(ScalarFunction):
    """Pandas UDF; row 0 of a call's result holds the rows of the whole batch, the others none."""

    def __init__(self, settings: Settings, reader: str) -> None:
        self._settings = settings
        self._reader = reader

    def is_deterministic(self) -> bool:
        """Tell the planner to evaluate once."""
        return False

    def open(self, function_context: FunctionContext) -> None:
        """Compile the decoder."""
        restore_print()
        from jobs.operators.readers import reader

        self._read = reader(self._reader, self._settings)

    def eval(self, *columns: pd.Series[Any]) -> pd.Series[Any]:
        """Collapse one batch."""
        import pandas as pd

        started = time.time_ns()
        return pd.Series([rows_of(self._read(*columns), started), *[[]] * (len(columns[0]) - 1)])


def rows_of(collapsed: Collapsed, started_ns: int, **more: int) -> list[bytes]:
    """Lay out what became of a batch.

    Parameters
    ----------
    collapsed
        What the core gave.
    started_ns
        When the call began.
    **more
        Further counters for the report.
    """
    import orjson

    from udfs.dead_letters import pack_dead_letters
    from udfs.raw_records import pack_raw

    rows = [row(Tag.PAYLOAD, payload) for payload in collapsed.payloads]
    if collapsed.dead_letters:
        rows.append(row(Tag.DEAD_LETTERS, pack_dead_letters(collapsed.dead_letters, started_ns // 1_000_000)))
    for partition, block in pack_raw(collapsed.waiting):
        rows.append(row(Tag.WAITING, partition.to_bytes(4, "little") + block))
    report = {
        "stage": "collapse",
        "events": collapsed.events,
        "denied": collapsed.denied,
        "reasons": collapsed.reasons,
        "waiting": len(collapsed.waiting),
        "at_ns": started_ns,
        "busy_ns": time.time_ns() - started_ns,
        **more,
    }
    rows.append(row(Tag.REPORT, orjson.dumps(report)))
    return rows
