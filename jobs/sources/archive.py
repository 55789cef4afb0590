"""A folder of Avro container files as the source of a job."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from pyflink.common import Row, Types
from pyflink.datastream import KeyedProcessFunction

from udfs.archive import Index

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyflink.table import StreamTableEnvironment, Table


class ArchiveSource:
    """A folder of Avro container files, read to its end.

    The rows are not events but chunks: where some consecutive container blocks lie. Python reads them itself, so no
    event passes the JVM before it is collapsed. The index is ordered and each chunk carries the least event time of all that follow,
    so the watermark is exact: it never overtakes an event, however late that is.

    Parameters
    ----------
    index
        The archive's chunks.
    folder
        An empty folder for the file that Flink reads the chunks from.
    """

    reader = "chunks"
    waits = heartbeat = False
    columns: tuple[str, ...] = ("`path`", "`partition`", "`offset`", "`size`", "`events`", "`watermark`", "`index`")

    def __init__(self, index: Index, folder: Path) -> None:
        self.end_time: int | None = index.max_time
        self._folder = folder
        folder.mkdir(parents=True)
        with (folder / "chunks.json").open("w", encoding="utf-8") as file:
            file.writelines(json.dumps(vars(chunk)) + "\n" for chunk in index.chunks)

    def register(self, tables: StreamTableEnvironment, view: str) -> None:
        """Create the view of chunks, each partition in order on one subtask."""
        tables.execute_sql(f"""
            CREATE TABLE chunks (
                `path` STRING, `partition` INT, `offset` BIGINT, `size` BIGINT, `events` INT, `watermark` BIGINT, `index` INT,
                `time` AS TO_TIMESTAMP_LTZ(`watermark`, 3), WATERMARK FOR `time` AS `time` - INTERVAL '0.001' SECOND
            ) WITH ('connector' = 'filesystem', 'path' = '{self._folder.resolve().as_uri()}', 'format' = 'json')""")
        chunks = tables.sql_query(f"SELECT {', '.join(self.columns)} FROM chunks")
        tables.create_temporary_view(view, in_lanes(tables, chunks))


def in_lanes(tables: StreamTableEnvironment, chunks: Table) -> Table:
    """Send each partition's chunks, in their order, to one subtask."""
    stream = tables.to_data_stream(chunks)
    return tables.from_data_stream(
        stream.key_by(_partition, key_type=Types.INT()).process(_Lane(), output_type=CHUNK).uid("lanes").name("lanes")
    )


CHUNK = Types.ROW_NAMED(
    ["path", "partition", "offset", "size", "events", "watermark", "index"],
    [Types.STRING(), Types.INT(), Types.LONG(), Types.LONG(), Types.INT(), Types.LONG(), Types.INT()],
)


def _partition(chunk: Row) -> int:
    return int(chunk[1])


class _Lane(KeyedProcessFunction):
    """Pass chunks on; the key before it sends a partition to one subtask and keeps its order."""

    def process_element(self, value: Row, ctx: KeyedProcessFunction.Context) -> Iterator[Row]:
        yield value
