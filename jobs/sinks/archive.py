"""A folder of Avro container files for everything that is not a recommendation in Redis."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pyflink.table import DataTypes
from pyflink.table.udf import udf

from jobs.operators.archive_sink import ArchiveSinkFunction
from jobs.operators.report_files import ReportFilesFunction
from jobs.rows import Tag, where
from jobs.sinks.counters import count

if TYPE_CHECKING:
    from pyflink.table import StatementSet, StreamTableEnvironment


class ArchiveSinks:
    """Avro container files under a folder, and the counters of all calls as JSON lines or, of a live job, as Flink's metrics.

    A record can be read as soon as it is written. Files are written at least once: after a failure a record may stand twice, with the same
    id; after a stop with a savepoint none does. Counters in lines are committed with the checkpoints, so they are exact.

    Parameters
    ----------
    out
        Folder of ``dead-letters-*.avro``, ``segments-*.avro`` and ``recommendations-*.avro``.
    report
        An empty folder for the counters; none: they become metrics.
    everything
        False: only dead letters are kept.
    stateless
        Leave nothing in a savepoint, so that a live job can start from it, which has other sinks. Counters may then count twice what a
        restart did again.
    """

    def __init__(self, out: Path, report: Path | None, *, everything: bool, stateless: bool = False) -> None:
        self._stateless = stateless
        self._out = out
        self._report = report
        self._kept = where(Tag.SEGMENTS, Tag.RECOMMENDATIONS) if everything else where(Tag.DEAD_LETTERS)

    def attach(self, tables: StreamTableEnvironment, statements: StatementSet, view: str) -> None:
        """Write the rows of the view."""
        tables.create_temporary_system_function(
            "keep",
            udf(ArchiveSinkFunction(str(self._out)), result_type=DataTypes.INT(), func_type="pandas", deterministic=False),
        )
        tables.execute_sql("CREATE TABLE kept (n INT) WITH ('connector' = 'blackhole')")
        statements.add_insert_sql(f"INSERT INTO kept SELECT keep(`row`) FROM {view} WHERE {self._kept}")
        if self._report is None:
            count(tables, statements, view)
            return
        if self._stateless:
            report = ReportFilesFunction(str(self._report))
            tables.create_temporary_system_function(
                "report", udf(report, result_type=DataTypes.INT(), func_type="pandas", deterministic=False)
            )
            statements.add_insert_sql(f"INSERT INTO kept SELECT report(`row`) FROM {view} WHERE {where(Tag.REPORT)}")
            return
        # A file is committed with a checkpoint only if it was closed before. One writer: at the end of its input a writer commits at once,
        # and what another one does after that must not fail.
        tables.execute_sql(f"""
            CREATE TABLE report (line STRING) WITH (
                'connector' = 'filesystem', 'format' = 'raw', 'path' = '{self._report.resolve().as_uri()}', 'sink.parallelism' = '1',
                'sink.rolling-policy.rollover-interval' = '500 ms', 'sink.rolling-policy.check-interval' = '500 ms'
            )""")
        # The tag byte is the control character U+0005 here; the reader of the report skips it.
        statements.add_insert_sql(f"INSERT INTO report SELECT DECODE(`row`, 'UTF-8') FROM {view} WHERE {where(Tag.REPORT)}")
