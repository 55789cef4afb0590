"""The cluster's configuration, as far as it can be told without a JVM."""

from __future__ import annotations

import re
import stat
from pathlib import Path

import yaml

from jobs.dev.flink import FlinkCluster
from jobs.dev.flink_home import CONFIGURATION, LOGGING, configuration, environment, flink_home, lay_out

LINES = CONFIGURATION.read_text().splitlines()


def test_every_key_is_flat_and_stands_once() -> None:
    keys = [line.split(":")[0] for line in LINES if line and not line.startswith("#")]
    assert len(keys) == len(set(keys))
    document = yaml.safe_load(CONFIGURATION.read_text())
    assert list(document) == keys
    assert not any(isinstance(value, dict | list) for value in document.values())


def test_it_listens_on_loopback_only() -> None:
    hosts = {key: value for key, value in configuration({}).items() if re.search(r"(host|address)$", key)}
    assert len(hosts) >= 6
    assert set(hosts.values()) == {"127.0.0.1"}


def test_overrides_win_and_none_takes_out() -> None:
    keys = configuration({"rest.port": "1", "metrics.reporters": None, "new": "x"})
    assert keys["rest.port"] == "1"
    assert keys["new"] == "x"
    assert "metrics.reporters" not in keys


def test_truth_is_written_as_flink_reads_it() -> None:
    assert not {"True", "False"} & set(configuration({}).values())


def test_the_package_is_laid_out_for_a_cluster(tmp_path: Path) -> None:
    lay_out(tmp_path, {"rest.port": "1"})
    lay_out(tmp_path, {"rest.port": "2"})
    names = {jar.name.rsplit("-", 1)[0] for jar in (tmp_path / "lib").iterdir() if jar.resolve().is_file()}
    assert {"flink-dist", "flink-python", "log4j-layout-template-json"} <= names
    assert any(name.startswith("flink-sql-connector-kafka") for name in names)
    written = yaml.safe_load((tmp_path / "conf" / "config.yaml").read_text())
    assert written["rest.port"] == "2"
    assert written["env.java.opts.all"] == configuration({})["env.java.opts.all"]
    variables = environment(tmp_path)
    for name in ("FLINK_CONF_DIR", "FLINK_LIB_DIR", "FLINK_OPT_DIR", "FLINK_PLUGINS_DIR", "FLINK_LOG_DIR", "FLINK_PID_DIR", "JAVA_HOME"):
        assert Path(variables[name]).is_dir()
    assert (flink_home() / "bin" / "jobmanager.sh").stat().st_mode & stat.S_IXUSR


def test_prometheus_is_served_only_where_it_is_asked_for(tmp_path: Path) -> None:
    quiet, loud = FlinkCluster(tmp_path), FlinkCluster(tmp_path, metrics_ports="9300-9302")
    assert not any(key.startswith("metrics.reporter") for key in configuration(quiet.options))
    assert configuration(loud.options)["metrics.reporter.prom.port"] == "9300-9302"
    assert configuration(loud.options)["metrics.reporters"] == "prom"


def test_logs_are_json() -> None:
    lines = LOGGING.read_text().splitlines()
    layouts = {line.split("=")[1].strip() for line in lines if ".layout.type" in line}
    assert layouts == {"JsonTemplateLayout"}
