"""A folder of Avro container files that is being written, as the source of a live job."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pyflink.common import Types
from pyflink.table import Schema

from jobs.operators.follow import EVERYTHING, FollowFunction
from jobs.sources.archive import CHUNK, in_lanes
from jobs.sources.kafka import interval

if TYPE_CHECKING:
    from pyflink.table import StreamTableEnvironment

    from jobs.settings import Settings


class FollowSource:
    """An archive, followed for ever: its rows are chunks, as those of `ArchiveSource`.

    The watermark follows the times of events, `time.lateness_ms` behind, and is held by every partition that is not read to its end, so
    that a backlog is not late. When all are, and nothing comes, the clock moves it on, so that deadlines fire in a quiet night.

    Parameters
    ----------
    settings
        The effective settings.
    folder
        The archive.
    """

    reader = "followed"
    waits = heartbeat = False
    end_time: int | None = None
    columns: tuple[str, ...] = ("`path`", "`partition`", "`offset`", "`size`", "`events`", "`watermark`", "`index`")

    def __init__(self, settings: Settings, folder: Path) -> None:
        self._settings = settings
        self._folder = folder

    def register(self, tables: StreamTableEnvironment, view: str) -> None:
        """Create the view of chunks, each partition in order on one subtask."""
        # Whoever is called by a timer needs an element first, to have a key.
        tables.execute_sql(
            "CREATE TABLE ticks (n INT) WITH ('connector' = 'datagen', 'rows-per-second' = '1', 'fields.n.min' = '0', 'fields.n.max' = '0')"
        )
        ticks = tables.to_data_stream(tables.sql_query("SELECT n FROM ticks"))
        found = (
            ticks.key_by(lambda _: EVERYTHING, key_type=Types.INT())
            .process(FollowFunction(self._settings, self._folder), output_type=CHUNK)
            .set_parallelism(1)
            .uid("follow")
            .name("follow")
        )
        schema = (
            Schema.new_builder()
            .column_by_expression("time", "TO_TIMESTAMP_LTZ(`watermark`, 3)")
            .watermark("time", f"`time` - {interval(self._settings.time.lateness_ms + 1)}")
            .build()
        )
        tables.create_temporary_view("followed", tables.from_data_stream(found, schema))
        # Chunks of no size are the clock's, which only moves the watermark.
        chunks = tables.sql_query(f"SELECT {', '.join(self.columns)} FROM followed WHERE `size` > 0")
        tables.create_temporary_view(view, in_lanes(tables, chunks))
