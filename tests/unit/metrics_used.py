"""Which metrics the alert rules and the dashboard speak of."""

from collections.abc import Iterator
from typing import Any

import promql_parser

from tests.unit.project import read_json, read_yaml

#: Grafana's variables, and what it puts for them.
VARIABLES = {"$__rate_interval": "1m", "$__interval": "15s", "$__range": "1h"}


def rules() -> list[dict[str, Any]]:
    """Give the alert rules."""
    return [rule for group in read_yaml("flink-conf/prometheus/alerts.yml")["groups"] for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    """Give the panels of the dashboard that show something."""
    return [panel for panel in read_json("flink-conf/grafana/dashboards/swerve.json")["panels"] if panel["type"] != "row"]


def expressions() -> Iterator[tuple[str, str]]:
    """Give where it stands and the query, for each one that there is."""
    for rule in rules():
        yield f"alert {rule['alert']}", rule["expr"]
    for panel in panels():
        for target in panel["targets"]:
            text = target["expr"]
            for name, value in VARIABLES.items():
                text = text.replace(name, value)
            yield f"panel {panel['title']}", text


def selectors(expression: str) -> list[tuple[str, set[str]]]:
    """Give the metrics that a query reads, each with the labels that it asks for by name.

    Raises
    ------
    ValueError
        If it is no PromQL.
    """
    found: list[tuple[str, set[str]]] = []
    groups: set[str] = set()

    def visit(node: Any) -> bool:
        if isinstance(node, promql_parser.VectorSelector):
            found.append((str(node.name), {matcher.name for matcher in node.matchers.matchers}))
        if isinstance(node, promql_parser.AggregateExpr) and node.modifier:
            groups.update(node.modifier.labels)
        return True

    promql_parser.walk(promql_parser.parse(expression), pre_visit=visit)
    return [(name, labels | groups) for name, labels in found]


def metrics() -> dict[str, set[str]]:
    """Give every metric that is used, and the labels that it must have."""
    used: dict[str, set[str]] = {}
    for _, expression in expressions():
        for name, labels in selectors(expression):
            used.setdefault(name, set()).update(labels)
    return used
