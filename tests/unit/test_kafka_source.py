"""What the source asks of Flink's connector; that it reads what it says is tested on a real broker."""

from __future__ import annotations

from typing import Any

import pytest

from jobs.settings import Settings
from jobs.sources.kafka import KafkaSource, Span, interval, with_clause

SPAN = Span({0: 3, 1: 0}, {0: 9, 1: 4}, 1_700_000_000_000)


class Recorder:
    """Takes the place of a table environment: keeps the statements."""

    def __init__(self) -> None:
        self.statements: list[str] = []
        self.views: list[str] = []

    def execute_sql(self, statement: str) -> None:
        self.statements.append(statement)

    def sql_query(self, query: str) -> str:
        return query

    def create_temporary_view(self, name: str, query: str) -> None:
        self.views.append(name)


def registered(values: dict[str, Any], span: Span | None = None, *, follow: bool = False) -> tuple[KafkaSource, Recorder]:
    source = KafkaSource(Settings().with_values(values), "shop.events.v1", span, follow=follow)
    tables = Recorder()
    source.register(tables, "events")
    return source, tables


@pytest.mark.parametrize(
    ("values", "options"),
    [
        ({}, {"scan.startup.mode": "group-offsets", "properties.auto.offset.reset": "earliest"}),
        ({"kafka.start": "earliest"}, {"scan.startup.mode": "earliest-offset"}),
        ({"kafka.start": "latest"}, {"scan.startup.mode": "latest-offset"}),
        (
            {"kafka.start": "timestamp", "kafka.start_time": 17},
            {"scan.startup.mode": "timestamp", "scan.startup.timestamp-millis": "17"},
        ),
    ],
)
def test_a_live_job_begins_where_the_settings_say(values: dict[str, Any], options: dict[str, str]) -> None:
    source, tables = registered(values)
    assert with_clause(options) in tables.statements[0]
    assert "scan.bounded" not in tables.statements[0]
    assert source.end_time is None
    assert tables.views == ["events", "heartbeat"]


def test_a_span_has_both_ends_and_no_heartbeat() -> None:
    source, tables = registered({}, SPAN)
    (statement,) = tables.statements
    assert "'scan.startup.specific-offsets' = 'partition:0,offset:3;partition:1,offset:0'" in statement
    assert "'scan.bounded.specific-offsets' = 'partition:0,offset:9;partition:1,offset:4'" in statement
    assert (source.end_time, source.heartbeat, tables.views) == (SPAN.end_time, False, ["events"])


def test_a_span_that_is_followed_has_no_end() -> None:
    source, tables = registered({}, SPAN, follow=True)
    assert "scan.startup.specific-offsets" in tables.statements[0]
    assert "scan.bounded" not in tables.statements[0]
    assert (source.end_time, source.heartbeat) == (SPAN.end_time, False)


def test_properties_of_kafkas_clients_pass_through_quoted() -> None:
    _, tables = registered({"kafka.brokers": "a:1,b:2", "kafka.properties": {"sasl.jaas.config": "x password='it''s';"}})
    assert "'properties.bootstrap.servers' = 'a:1,b:2'" in tables.statements[0]
    assert "'properties.sasl.jaas.config' = 'x password=''it''''s'';'" in tables.statements[0]


def test_a_login_module_has_its_name_inside_the_connector() -> None:
    module = "org.apache.kafka.common.security.plain.PlainLoginModule"
    _, tables = registered(
        {"kafka.properties": {"sasl.jaas.config": f"{module} required;", "x": f"org.apache.flink.kafka.shaded.{module}"}}
    )
    assert f"'properties.sasl.jaas.config' = 'org.apache.flink.kafka.shaded.{module} required;'" in tables.statements[0]
    assert f"'properties.x' = 'org.apache.flink.kafka.shaded.{module}'" in tables.statements[0]


def test_an_interval_of_more_than_a_day() -> None:
    assert interval(2 * 86_400_000 + 3_661_007) == "INTERVAL '2 01:01:01.007' DAY TO SECOND"
