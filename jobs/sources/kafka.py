"""A topic as the source of a job, through Flink's own connector; values, keys and headers stay bytes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jobs.sql import text

if TYPE_CHECKING:
    from pyflink.table import StreamTableEnvironment

    from jobs.settings import Settings

TOO_OLD_MS = 946_684_800_000
HEARTBEAT = "heartbeat"
SHADED = "org.apache.flink.kafka.shaded.org.apache.kafka."
_KAFKAS_OWN = re.compile(r"(?<![\w.])org\.apache\.kafka\.")


@dataclass(frozen=True)
class Span:
    """A part of a topic.

    Attributes
    ----------
    begin, end
        By partition: the first offset, and the one behind the last.
    end_time
        Greatest record timestamp in it that counts, in ms.
    """

    begin: Mapping[int, int]
    end: Mapping[int, int]
    end_time: int


class KafkaSource:
    """A topic, followed for ever, or a part of it, read to its end.

    The watermark follows the record timestamps, partition by partition, `time.lateness_ms` behind; a timestamp that cannot be
    (ahead of the clock, or before the year 2000) does not move it. A partition without records does not hold it. When none has any, a
    heartbeat moves it by the clock, so that deadlines fire in a quiet night.

    Parameters
    ----------
    settings
        The effective settings.
    topic
        Name of the topic.
    span
        The part; none: from where `kafka.start` says, without an end.
    follow
        With a span: begin where it does and go on behind its end, for a job that will be stopped with a savepoint.
    """

    reader = "records"
    waits = True
    columns: tuple[str, ...] = ("`value`", "`key`", "`headers`", "`timestamp`", "`partition`", "`offset`")

    def __init__(self, settings: Settings, topic: str, span: Span | None = None, *, follow: bool = False) -> None:
        self._settings = settings
        self._topic = topic
        self._span = span
        self._bounded = span is not None and not follow
        self.end_time: int | None = span.end_time if span else None
        self.heartbeat = span is None

    def register(self, tables: StreamTableEnvironment, view: str) -> None:
        """Create the view of records; with a live topic, the view `heartbeat` as well, which has no rows but a watermark."""
        time = self._settings.time
        options = {
            "connector": "kafka",
            "topic": self._topic,
            "key.format": "raw",
            "key.fields": "key",
            "value.format": "raw",
            "value.fields-include": "EXCEPT_KEY",
            "scan.watermark.idle-timeout": f"{self._settings.kafka.idle_ms} ms",
            **self._bounds(),
            **client_properties(self._settings),
        }
        tables.execute_sql(f"""
            CREATE TABLE records (
                `key` BYTES, `value` BYTES, `partition` INT METADATA VIRTUAL, `offset` BIGINT METADATA VIRTUAL,
                `headers` MAP<STRING NOT NULL, BYTES> METADATA VIRTUAL, `stamp` TIMESTAMP_LTZ(3) METADATA FROM 'timestamp' VIRTUAL,
                `time` AS CASE WHEN `stamp` > CURRENT_TIMESTAMP + {interval(time.future_ms)}
                    OR `stamp` < TO_TIMESTAMP_LTZ({TOO_OLD_MS}, 3) THEN TO_TIMESTAMP_LTZ(0, 3) ELSE `stamp` END,
                WATERMARK FOR `time` AS `time` - {interval(time.lateness_ms)}
            ) WITH ({with_clause(options)})""")
        tables.create_temporary_view(
            view, tables.sql_query("SELECT `value`, `key`, `headers`, `stamp` AS `timestamp`, `partition`, `offset` FROM records")
        )
        if self._span is None:
            behind = time.lateness_ms + self._settings.kafka.idle_ms
            tables.execute_sql(f"""
                CREATE TABLE beats (
                    n INT, `time` AS CAST(CURRENT_TIMESTAMP AS TIMESTAMP_LTZ(3)),
                    WATERMARK FOR `time` AS `time` - {interval(behind)}
                ) WITH ('connector' = 'datagen', 'rows-per-second' = '2', 'fields.n.min' = '1')""")
            tables.create_temporary_view(
                HEARTBEAT, tables.sql_query("SELECT CAST(CAST(n AS STRING) AS BYTES) AS `row` FROM beats WHERE n < 0")
            )

    def _bounds(self) -> dict[str, str]:
        if self._span is None:
            kafka = self._settings.kafka
            modes = {"committed": "group-offsets", "earliest": "earliest-offset", "latest": "latest-offset", "timestamp": "timestamp"}
            options = {"scan.startup.mode": modes[kafka.start]}
            if kafka.start == "committed":
                options["properties.auto.offset.reset"] = "earliest"
            if kafka.start == "timestamp":
                options["scan.startup.timestamp-millis"] = str(kafka.start_time)
            return options
        options = {"scan.startup.mode": "specific-offsets", "scan.startup.specific-offsets": _offsets(self._span.begin)}
        if self._bounded:
            options |= {"scan.bounded.mode": "specific-offsets", "scan.bounded.specific-offsets": _offsets(self._span.end)}
        return options


def client_properties(settings: Settings) -> dict[str, str]:
    """Give the options that every Kafka table has: brokers, group and what passes through to Kafka's clients.

    Kafka's classes have other names inside the connector; those in a value, such as a login module, are given these.
    """
    kafka = settings.kafka
    return {
        "properties.bootstrap.servers": kafka.brokers,
        "properties.group.id": kafka.group,
        **{f"properties.{name}": _KAFKAS_OWN.sub(SHADED, value) for name, value in kafka.properties.items()},
    }


def with_clause(options: Mapping[str, str]) -> str:
    """Write a table's options for SQL."""
    return ", ".join(f"{text(name)} = {text(value)}" for name, value in options.items())


def interval(ms: int) -> str:
    """Write milliseconds as an SQL interval.

    Examples
    --------
    >>> interval(61_500)
    "INTERVAL '0 00:01:01.500' DAY TO SECOND"
    """
    seconds, rest = divmod(ms, 1000)
    days, seconds = divmod(seconds, 86_400)
    return f"INTERVAL '{days} {seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{rest:03d}' DAY TO SECOND"


def _offsets(by_partition: Mapping[int, int]) -> str:
    return ";".join(f"partition:{partition},offset:{offset}" for partition, offset in sorted(by_partition.items()))
