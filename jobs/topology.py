"""The way of an event through Flink, from top to bottom.

    source ─▶ collapse ─▶ profiles ─▶ rank ─▶ Redis
               │     ▲        │         │
               ▼     │        │         │
              waiting│        │         │     (schemas that a registry cannot give now)
                     └────────┴─────────┴──▶ sinks (dead letters, segment changes, recommendations, report)

`collapse` and `rank` are pandas UDFs in process mode; `profiles` is keyed by bucket and runs in thread mode. Rows are described in
`jobs.rows`; the work itself is done by `udfs/`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from pyflink.common import Types
from pyflink.table import DataTypes
from pyflink.table.udf import udf

from jobs.operators.collapse import CollapseFunction
from jobs.operators.profiles import ProfileFunction, follows
from jobs.operators.rank import RankFunction
from jobs.operators.waiting import WaitingFunction
from jobs.pipeline import Pipeline
from jobs.rows import Tag, where

if TYPE_CHECKING:
    from pyflink.datastream import DataStream
    from pyflink.table import StatementSet, StreamTableEnvironment

    from jobs.settings import Settings

ROWS = DataTypes.ARRAY(DataTypes.BYTES())
ONE_ROW = Types.ROW_NAMED(["row"], [Types.PRIMITIVE_ARRAY(Types.BYTE())])


class Source(Protocol):
    """Where events come from."""

    reader: str
    """Which method of `udfs.collapse.Collapse` reads its rows."""
    columns: tuple[str, ...]
    """The columns handed to it."""
    end_time: int | None
    """Greatest event time of a bounded source, in ms; None where there is no end."""
    waits: bool
    """Whether some of its records may have to wait for their schema."""

    heartbeat: bool
    """Whether it registers a view of that name as well, without rows, whose watermark counts where the source is idle."""

    def register(self, tables: StreamTableEnvironment, view: str) -> None:
        """Create the view of raw rows, with a watermark."""


class Sinks(Protocol):
    """Where everything but the recommendations in Redis goes."""

    def attach(self, tables: StreamTableEnvironment, statements: StatementSet, view: str) -> None:
        """Write the rows of the view, told apart by tag."""


def build(tables: StreamTableEnvironment, source: Source, sinks: Sinks, settings: Settings) -> Pipeline:
    """Wire the job.

    Parameters
    ----------
    tables
        The environment to build in.
    source, sinks
        The two ends.
    settings
        The effective settings; the operators take them along.

    Returns
    -------
    Pipeline
        Ready to execute.
    """
    source.register(tables, "events")
    collapsed = _rows(tables, "collapse", CollapseFunction(settings, source.reader), ", ".join(source.columns), "events")
    _view(tables, "decoded", collapsed)
    if source.waits:
        waiting = tables.to_data_stream(tables.sql_query(f"SELECT `row` FROM decoded WHERE {where(Tag.WAITING)}"))
        released = (
            waiting.key_by(WaitingFunction.partition, key_type=Types.INT())
            .process(WaitingFunction(settings), output_type=ONE_ROW)
            .uid("waiting")
            .name("waiting")
        )
        _view(tables, "released", released)
        tables.create_temporary_view("collapsed", tables.sql_query("SELECT `row` FROM decoded UNION ALL SELECT `row` FROM released"))
    else:
        tables.create_temporary_view("collapsed", tables.sql_query("SELECT `row` FROM decoded"))

    # The heartbeat has no rows: its watermark moves the night on when nobody comes.
    beats = " UNION ALL SELECT `row` FROM heartbeat" if source.heartbeat else ""
    payloads = tables.to_data_stream(tables.sql_query(f"SELECT `row` FROM collapsed WHERE {where(Tag.PAYLOAD)}{beats}"))
    profiles = (
        payloads.key_by(ProfileFunction.bucket, key_type=Types.INT())
        .process(ProfileFunction(settings, source.end_time), output_type=ONE_ROW)
        .uid("profiles")
        .name("profiles")
        # Chained, profiles would stand still while Python ranks.
        .disable_chaining()
    )
    _view(tables, "profiled", profiles)

    ranked = _rows(
        tables,
        "rank_and_write",
        RankFunction(settings, follow=follows(settings, source.end_time)),
        "`row`",
        f"profiled WHERE {where(Tag.REQUESTS)}",
    )
    _view(tables, "ranked", ranked)

    tables.create_temporary_view(
        "outputs",
        tables.sql_query(
            f"SELECT `row` FROM collapsed WHERE {where(Tag.DEAD_LETTERS, Tag.REPORT)}"
            f" UNION ALL SELECT `row` FROM profiled WHERE {where(Tag.SEGMENTS, Tag.REPORT)}"
            " UNION ALL SELECT `row` FROM ranked"
        ),
    )
    statements = tables.create_statement_set()
    sinks.attach(tables, statements, "outputs")
    return Pipeline(tables, statements)


def _rows(tables: StreamTableEnvironment, name: str, function: object, arguments: str, source: str) -> DataStream:
    """Call a pandas UDF on batches and lay out the rows that each call returns."""
    # Deterministic for the planner would mean: evaluated once for a filter and once more for the value.
    tables.create_temporary_system_function(name, udf(function, result_type=ROWS, func_type="pandas", deterministic=False))
    query = f"SELECT `row` FROM (SELECT {name}({arguments}) AS `rows` FROM {source}) CROSS JOIN UNNEST(`rows`) AS r(`row`)"
    return tables.to_data_stream(tables.sql_query(query))


def _view(tables: StreamTableEnvironment, name: str, stream: DataStream) -> None:
    """Name a stream for SQL; as a stream it is computed once, however many queries read it."""
    tables.create_temporary_view(name, tables.from_data_stream(stream))
