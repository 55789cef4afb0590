"""The counters of a live job as Flink's metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyflink.common import Types

from jobs.operators.metrics import MetricsFunction
from jobs.rows import Tag, where

if TYPE_CHECKING:
    from pyflink.table import StatementSet, StreamTableEnvironment


def count(tables: StreamTableEnvironment, statements: StatementSet, view: str) -> None:
    """Count what the view's reports say."""
    reports = tables.to_data_stream(tables.sql_query(f"SELECT `row` FROM {view} WHERE {where(Tag.REPORT)}"))
    nothing = Types.ROW_NAMED(["n"], [Types.INT()])
    counted = reports.process(MetricsFunction(), output_type=nothing).uid("metrics").name("metrics").set_parallelism(1)
    tables.create_temporary_view("counted", tables.from_data_stream(counted))
    tables.execute_sql("CREATE TABLE nowhere (n INT) WITH ('connector' = 'blackhole')")
    statements.add_insert_sql("INSERT INTO nowhere SELECT n FROM counted")
