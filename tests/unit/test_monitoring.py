"""Alert rules and dashboard: real PromQL over metrics that the job has, and a page of the runbook for every alert."""

import re
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from serving.api.meters import Meters
from serving.api.part import Api, ApiOptions
from serving.api.redis_address import RedisAddress
from serving.collector import ArchiveLog, Collector, CollectorOptions
from tests.unit.metrics_used import expressions, metrics, panels, rules, selectors
from tests.unit.project import ROOT, read_json, read_yaml
from udfs import metric_names as names

PREFIX = f"flink_taskmanager_job_task_operator_{names.GROUP}_"
DASHBOARD = read_json("flink-conf/grafana/dashboards/swerve.json")


def ours() -> dict[str, set[str]]:
    """Give the metrics of the job by the names that Flink's reporter makes of them, with their own labels."""
    labelled = {**names.LABELLED, **{f"{name}_le": ("le",) for name in names.HISTOGRAMS}}
    plain = {*names.COUNTERS, *(f"{name}_{part}" for name in names.HISTOGRAMS for part in ("count", "sum"))}
    return {PREFIX + name: set() for name in plain} | {PREFIX + "_".join((*labels, name)): set(labels) for name, labels in labelled.items()}


@pytest.mark.parametrize(("where", "expression"), list(expressions()))
def test_every_expression_is_promql(where: str, expression: str) -> None:
    assert selectors(expression), where


@pytest.mark.parametrize("wrong", ["sum(rate(x[5m])", "rate(x)", "sum by le (x)", "histogram_quantile(x)"])
def test_the_parser_would_notice(wrong: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        selectors(wrong)


def test_metrics_of_the_job_have_the_names_and_labels_that_are_used() -> None:
    of_flink = {"host", "task_name", "operator_name", "subtask_index", "tm_id", "job_name"}
    used = {name: labels for name, labels in metrics().items() if name.startswith(PREFIX)}
    assert {name: labels - of_flink for name, labels in used.items()} == {name: ours()[name] for name in used}


def test_every_metric_of_the_job_is_looked_at() -> None:
    unseen = set(ours()) - set(metrics())
    # The mean size of a batch says less than its quantiles.
    assert unseen == {PREFIX + f"{names.BATCH_EVENTS}_{part}" for part in ("count", "sum")}


def test_metrics_of_what_serves_pages_have_the_names_and_labels_that_are_used() -> None:
    registry, meters = CollectorRegistry(), Meters()
    registry.register(meters)
    Collector(CollectorOptions(), ArchiveLog(Path("never"), 1), registry=registry)
    Api(ApiOptions(RedisAddress("redis://127.0.0.1:1/0")), meters)
    endings = {"counter": "_total", "histogram": "_bucket"}
    there = {metric.name + endings.get(metric.type, "") for metric in registry.collect()}
    used = {name: labels for name, labels in metrics().items() if name.startswith(("swerve_api", "swerve_collector"))}
    assert len(used) > 2
    assert set(used) <= there
    assert used["swerve_collector_requests_total"] <= {"route", "status"}


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_every_alert_says_what_to_do(rule: dict[str, Any]) -> None:
    assert re.fullmatch(r"[A-Z][A-Za-z]+", rule["alert"])
    assert rule["labels"]["severity"] in ("page", "warning")
    assert set(rule["annotations"]) == {"summary", "description", "runbook_url"}
    assert re.fullmatch(r"\d+[mh]", rule.get("for", "1m"))
    page, anchor = rule["annotations"]["runbook_url"].split("#")
    headings = re.findall(r"^#+ (.*)$", (ROOT / page).read_text(), re.MULTILINE)
    assert anchor in {re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


def test_alerts_have_names_of_their_own() -> None:
    found = [rule["alert"] for rule in rules()]
    assert len(found) == len(set(found)) > 9


def test_prometheus_reads_the_rules_and_asks_where_flink_answers() -> None:
    prometheus = read_yaml("flink-conf/prometheus/prometheus.yml")
    assert prometheus["rule_files"] == ["alerts.yml"]
    found = {job["job_name"]: job["dns_sd_configs"][0] for job in prometheus["scrape_configs"]}
    services = read_yaml("docker-compose.yml")["services"]
    assert {name for one in found.values() for name in one["names"]} <= set(services)
    assert str(found["flink"]["port"]) == read_yaml("flink-conf/config.yaml")["metrics.reporter.prom.port"].split("-")[0]
    assert [port.rsplit(":", 1)[1] for port in services["serving"]["ports"]] == [str(found["serving"]["port"])]


def test_grafana_finds_the_dashboard_and_prometheus() -> None:
    grafana = read_yaml("docker-compose.yml")["services"]["grafana"]
    mounts = dict(volume.split(":")[:2] for volume in grafana["volumes"])
    (provider,) = read_yaml("flink-conf/grafana/provisioning/dashboards/swerve.yml")["providers"]
    assert mounts["./flink-conf/grafana/dashboards"] == provider["options"]["path"]
    (source,) = read_yaml("flink-conf/grafana/provisioning/datasources/prometheus.yml")["datasources"]
    service, port = re.fullmatch(r"http://(\w+):(\d+)", source["url"]).groups()  # type: ignore[union-attr]
    assert read_yaml("docker-compose.yml")["services"][service]["ports"] == [f"127.0.0.1:{port}:{port}"]
    assert [variable["type"] for variable in DASHBOARD["templating"]["list"]] == ["datasource"]


def test_panels_have_ids_of_their_own_and_do_not_overlap() -> None:
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    cells = [
        {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        for at in (panel["gridPos"] for panel in DASHBOARD["panels"])
    ]
    assert all(x < 24 for cell in cells for x, _ in cell)
    assert not any(one & other for one, other in combinations(cells, 2))


def test_panels_ask_the_chosen_source() -> None:
    for panel in panels():
        assert {target["datasource"]["uid"] for target in panel["targets"]} == {"${datasource}"}
        assert panel["fieldConfig"]["defaults"]["unit"]
