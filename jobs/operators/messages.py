"""Adapter of `udfs.messages`: rows of any tag → the records of the topics."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pyflink.table.udf import FunctionContext, ScalarFunction

from jobs.operators.worker import restore_print
from jobs.rows import Tag

if TYPE_CHECKING:
    import pandas as pd

    from udfs.messages import Message

KINDS = {Tag.DEAD_LETTERS: "dead_letter", Tag.SEGMENTS: "segment_change", Tag.RECOMMENDATIONS: "recommendation"}
"""Schema of the records of a tag's rows."""


class MessagesFunction(ScalarFunction):
    """Pandas UDF; row 0 of a call's result holds the records of the whole batch, the others none.

    A record is an array: tag, key, value, timestamp as text, the names of the headers, their contents.

    Parameters
    ----------
    schema_ids
        By schema name, the id that stands in front of its values.
    largest
        Bytes of a dead letter that its topic takes.
    """

    def __init__(self, schema_ids: dict[str, int], largest: int) -> None:
        self._schema_ids = schema_ids
        self._largest = largest

    def is_deterministic(self) -> bool:
        """Tell the planner to evaluate once."""
        return False

    def open(self, function_context: FunctionContext) -> None:
        """Prepare the worker."""
        restore_print()

    def eval(self, rows: pd.Series[Any]) -> pd.Series[Any]:
        """Cut the blocks of one batch into records."""
        import pandas as pd

        from udfs.messages import messages

        records = []
        for packed in rows:
            tag = Tag(packed[0])
            kind = KINDS[tag]
            cut = messages(kind, memoryview(packed)[1:], self._schema_ids.get(kind, 0), self._largest)
            records += [_flat(packed[:1], message) for message in cut]
        return pd.Series([records, *[[]] * (len(rows) - 1)])


def _flat(tag: bytes, message: Message) -> list[bytes | None]:
    names = [name.encode() for name in message.headers]
    return [tag, message.key, message.value, str(message.timestamp).encode(), *names, *message.headers.values()]
