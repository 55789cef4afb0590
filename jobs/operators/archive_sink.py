"""Adapter of `udfs.archive.ArchiveWriter`: rows of any tag → Avro container files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyflink.table.udf import FunctionContext, ScalarFunction

from jobs.rows import Tag

if TYPE_CHECKING:
    import pandas as pd

FILES = {
    Tag.DEAD_LETTERS: ("dead-letters", "dead_letter"),
    Tag.SEGMENTS: ("segments", "segment_change"),
    Tag.RECOMMENDATIONS: ("recommendations", "recommendation"),
}


class ArchiveSinkFunction(ScalarFunction):
    """Pandas UDF; the records of a call are in the files when it returns."""

    def __init__(self, out: str) -> None:
        self._out = out

    def is_deterministic(self) -> bool:
        """Tell the planner to evaluate once."""
        return False

    def open(self, function_context: FunctionContext) -> None:
        """Start with no file: each is made with its first record."""
        self._writers: dict[Tag, Any] = {}

    def close(self) -> None:
        """Close the files."""
        for writer in self._writers.values():
            writer.close()

    def eval(self, rows: pd.Series[Any]) -> pd.Series[Any]:
        """Append the blocks of one batch."""
        import pandas as pd

        from udfs.archive import ArchiveWriter
        from udfs.blocks import unpack_block
        from udfs.schemas import load

        for packed in rows:
            tag = Tag(packed[0])
            count, body = unpack_block(memoryview(packed)[1:])
            if tag not in self._writers:
                prefix, schema = FILES[tag]
                self._writers[tag] = ArchiveWriter(Path(self._out), load(schema), prefix=prefix)
            self._writers[tag].append(body, count)
        for writer in self._writers.values():
            writer.flush()
        return pd.Series([1] * len(rows), dtype="int32")
