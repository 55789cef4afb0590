"""Every metric of alert rules and dashboard is there, with the labels that they ask for, while the job runs in containers of the image."""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from jobs.dev.kafka import KafkaServer
from jobs.dev.processes import LOOPBACK
from jobs.dev.registry import RegistryServer
from jobs.embedded.redis_server import start_redis
from tests.e2e.containers import ENTRYPOINT, Cluster, build, variables
from tests.unit.metrics_used import metrics
from tests.unit.test_monitoring import PREFIX
from udfs import metric_names as names

EVENTS = 3_000
PATIENCE = 180.0
Series = dict[str, list[tuple[dict[str, str], float]]]


class Run:
    """The job on a cluster of containers, and what its processes report."""

    def __init__(self, cluster: Cluster, environment: dict[str, str], folder: Path) -> None:
        self.cluster, self.environment, self.folder = cluster, environment, folder

    def swerve(self, *arguments: object) -> str:
        """Run a command of the image."""
        command = [str(ENTRYPOINT), "swerve", *map(str, arguments)]
        done = subprocess.run(command, env=self.environment, cwd=self.folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def scrape(self) -> Series:
        """Ask every process, as Prometheus does."""
        found: Series = {}
        for port in self.cluster.metrics.values():
            answer = requests.get(f"http://{LOOPBACK}:{port}/metrics", timeout=30)
            for family in text_string_to_metric_families(answer.text):
                for sample in family.samples:
                    found.setdefault(sample.name, []).append((sample.labels, sample.value))
        return found

    def total(self, name: str) -> float:
        """Add up a metric of the job."""
        return sum(value for _, value in self.scrape().get(PREFIX + name, []))


@pytest.fixture(scope="module")
def run(kafka: KafkaServer, registry: RegistryServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    folder = tmp_path_factory.mktemp("metrics")
    build(folder / "opt")
    server = start_redis(folder / "redis", password="only for the job")
    environment = variables(folder / "opt", folder / "state")
    environment |= {
        "SWERVE__KAFKA__BROKERS": kafka.bootstrap,
        "SWERVE__REGISTRY__URL": registry.url,
        "SWERVE__REDIS__URL": f"redis://{LOOPBACK}:{server.port}/0",
        "SWERVE__REDIS__PASSWORD": "only for the job",
        "SWERVE__CLUSTER__URL": f"http://{LOOPBACK}:{environment['rest']}",
        "SWERVE__MODEL__PATH": str(folder / "bundle"),
        "SWERVE__WORK": str(folder / "work"),
    } | {
        f"SWERVE__TOPICS__{topic.upper()}": f"metrics.{topic}"
        for topic in ("events", "dead_letters", "segments", "recommendations", "catalog")
    }
    cluster = Cluster(environment, folder)
    try:
        cluster.start()
        one = Run(cluster, environment, folder)
        one.swerve(
            "simulate", "shop", "--events", EVENTS, "--users", 100, "--items", 200, "--seed", 1, "--poison", 0.02, "--duplicates", 0.05
        )
        one.swerve("train", "shop", "--out", "bundle")
        one.swerve("topics")
        one.swerve("deploy")
        one.swerve("publish", "shop", "--reframe")
        until = time.monotonic() + PATIENCE
        while (read := one.total(names.EVENTS) + one.total("reason_rejects")) < EVENTS or not one.total(names.WRITTEN):
            assert time.monotonic() < until, f"the job has read {read:.0f} of {EVENTS} events, written {one.total(names.WRITTEN):.0f}"
            time.sleep(1)
        yield one
    finally:
        cluster.stop()
        server.stop()


#: Prometheus's own, and what `swerve serve` shows: tests/unit/test_monitoring.py.
OF_OTHERS = ("up", "swerve_api", "swerve_collector")


def test_every_metric_that_is_used_is_there_with_its_labels(run: Run) -> None:
    found, used = run.scrape(), {name: labels for name, labels in metrics().items() if not name.startswith(OF_OTHERS)}
    assert sorted(name for name in used if name not in found) == []
    lacking = {name: labels for name, labels in used.items() for own, _ in found[name] if not labels <= set(own)}
    assert lacking == {}


def test_they_count(run: Run) -> None:
    found = run.scrape()
    reasons = {labels["reason"]: value for labels, value in found[PREFIX + "reason_rejects"]}
    assert sum(reasons.values()) > 0
    assert run.total(names.EVENTS) + sum(reasons.values()) >= EVENTS
    assert run.total(names.DUPLICATES) > 0
    (ranked,) = [labels for labels, _ in found[PREFIX + "model_model_version_ranked"]]
    assert ranked["model"] == "bundle" or ranked["model_version"]


@pytest.mark.parametrize("name", names.HISTOGRAMS)
def test_buckets_are_cumulative_and_end_without_an_end(run: Run, name: str) -> None:
    found = run.scrape()
    buckets = sorted((float(labels["le"]), value) for labels, value in found[PREFIX + f"le_{name}_le"])
    assert [end for end, _ in buckets] == [*map(float, names.HISTOGRAMS[name]), float("inf")]
    values = [value for _, value in buckets]
    assert values == sorted(values)
    assert values[-1] == run.total(f"{name}_count") > 0
