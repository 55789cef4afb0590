"""Adapter of `udfs.collapse`: raw rows of a batch → one payload a bucket, dead letters, counters."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from pyflink.table.udf import FunctionContext, ScalarFunction

from jobs.operators.worker import restore_print
from jobs.rows import Tag, row

if TYPE_CHECKING:
    import pandas as pd

    from jobs.settings import Settings


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
        import orjson
        import pandas as pd

        from udfs.dead_letters import pack_dead_letters

        started = time.time_ns()
        collapsed = self._read(*columns)
        rows = [row(Tag.PAYLOAD, payload) for payload in collapsed.payloads]
        if collapsed.dead_letters:
            rows.append(row(Tag.DEAD_LETTERS, pack_dead_letters(collapsed.dead_letters, started // 1_000_000)))
        report = {
            "stage": "collapse",
            "events": collapsed.events,
            "denied": collapsed.denied,
            "reasons": collapsed.reasons,
            "at_ns": started,
            "busy_ns": time.time_ns() - started,
        }
        rows.append(row(Tag.REPORT, orjson.dumps(report)))
        return pd.Series([rows, *[[]] * (len(columns[0]) - 1)])
