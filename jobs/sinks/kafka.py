"""Topics for everything that is not a recommendation in Redis, and Flink's metrics for the counters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pyflink.table import DataTypes
from pyflink.table.udf import udf

from jobs.operators.messages import MessagesFunction
from jobs.rows import Tag, where
from jobs.sinks.counters import count
from jobs.sources.kafka import client_properties, with_clause

if TYPE_CHECKING:
    from pyflink.table import StatementSet, StreamTableEnvironment

    from jobs.settings import Settings

RECORD = DataTypes.ARRAY(DataTypes.BYTES())
#: Behind tag, key, value and timestamp: names of the headers, then as many contents.
HEADERS_AT = 5
#: A broker that crashed forgets the sequence numbers of all but the last batch of a producer. An idempotent one would then send the batches
#: that it missed the answers to in vain, for two minutes in which the job stands still. Without, they are there twice, with the same id or
#: origin; one batch at a time keeps their order.
PRODUCER = {
    "properties.enable.idempotence": "false",
    "properties.max.in.flight.requests.per.connection": "1",
    "properties.acks": "all",
}


class KafkaSinks:
    """Dead letters, segment changes and recommendations as records of their topics, written at least once: with the same id or origin.

    Parameters
    ----------
    settings
        The effective settings.
    schema_ids
        By schema name (``segment_change``, ``recommendation``), the registry's id.
    largest
        Bytes of a record that the topic of dead letters takes.
    """

    def __init__(self, settings: Settings, schema_ids: Mapping[str, int], largest: int) -> None:
        self._settings = settings
        self._schema_ids = dict(schema_ids)
        self._largest = largest

    def attach(self, tables: StreamTableEnvironment, statements: StatementSet, view: str) -> None:
        """Write the rows of the view."""
        tables.create_temporary_system_function(
            "messages",
            udf(
                MessagesFunction(self._schema_ids, self._largest),
                result_type=DataTypes.ARRAY(RECORD),
                func_type="pandas",
                deterministic=False,
            ),
        )
        kept = where(Tag.SEGMENTS, Tag.RECOMMENDATIONS)
        query = f"SELECT r FROM (SELECT messages(`row`) AS rs FROM {view} WHERE {kept}) CROSS JOIN UNNEST(rs) AS u(r)"
        tables.create_temporary_view("messages_of_topics", tables.from_data_stream(tables.to_data_stream(tables.sql_query(query))))
        topics = self._settings.topics
        targets = {Tag.DEAD_LETTERS: topics.dead_letters, Tag.SEGMENTS: topics.segments, Tag.RECOMMENDATIONS: topics.recommendations}
        for tag, topic in targets.items():
            self._topic(tables, statements, tag, topic)

        count(tables, statements, view)

    def _topic(self, tables: StreamTableEnvironment, statements: StatementSet, tag: Tag, topic: str) -> None:
        name = f"topic_of_{tag.name.lower()}"
        options = {
            "connector": "kafka",
            "topic": topic,
            "key.format": "raw",
            "key.fields": "key",
            "value.format": "raw",
            "value.fields-include": "EXCEPT_KEY",
            "sink.delivery-guarantee": "at-least-once",
            "properties.max.request.size": str(self._largest),
            **PRODUCER,
            **client_properties(self._settings),
        }
        tables.execute_sql(f"""
            CREATE TABLE {name} (
                `key` BYTES, `value` BYTES, `timestamp` TIMESTAMP_LTZ(3) METADATA, `headers` MAP<STRING NOT NULL, BYTES> METADATA
            ) WITH ({with_clause(options)})""")
        headers = f"(CARDINALITY(r) - {HEADERS_AT - 1}) / 2"
        names = f"CAST(ARRAY_SLICE(r, {HEADERS_AT}, {HEADERS_AT - 1} + {headers}) AS ARRAY<STRING NOT NULL>)"
        contents = f"ARRAY_SLICE(r, {HEADERS_AT} + {headers}, CARDINALITY(r))"
        none = "CAST(NULL AS MAP<STRING NOT NULL, BYTES>)"
        statements.add_insert_sql(f"""
            INSERT INTO {name}
            SELECT r[2], r[3], TO_TIMESTAMP_LTZ(CAST(DECODE(r[4], 'UTF-8') AS BIGINT), 3),
                CASE WHEN CARDINALITY(r) < {HEADERS_AT} THEN {none} ELSE MAP_FROM_ARRAYS({names}, {contents}) END
            FROM messages_of_topics WHERE r[1] = X'{tag:02X}'""")
