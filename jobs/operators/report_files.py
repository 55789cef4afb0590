"""The counters of a run as JSON lines in files, written by a function: a sink of Flink's would leave state in a savepoint."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyflink.table.udf import ScalarFunction

if TYPE_CHECKING:
    import pandas as pd


class ReportFilesFunction(ScalarFunction):
    """Pandas UDF; the lines of a call are in a file of their own when it returns.

    Parameters
    ----------
    folder
        For the files.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def is_deterministic(self) -> bool:
        """Tell the planner to evaluate once."""
        return False

    def eval(self, rows: pd.Series[Any]) -> pd.Series[Any]:
        """Write one batch."""
        import pandas as pd

        folder = Path(self._folder)
        folder.mkdir(parents=True, exist_ok=True)
        name = f"{time.time_ns()}-{os.getpid()}"
        draft = folder / f".{name}"
        draft.write_bytes(b"\n".join(bytes(row)[1:] for row in rows) + b"\n")
        draft.rename(folder / name)
        return pd.Series([1] * len(rows), dtype="int32")
