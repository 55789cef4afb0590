"""What the tests of real servers share: each is started once, in a folder of its own, on ports of loopback that are free.

A test that kills one starts it again: `kafka.start()`, `registry.start()`, `cluster.start()`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from jobs.dev.flink import FlinkCluster, start_flink
from jobs.dev.kafka import KafkaServer, start_kafka
from jobs.dev.registry import RegistryServer, start_registry
from jobs.dev.zookeeper import ZooKeeperServer, start_zookeeper
from tests.e2e.browser import open_browser


@pytest.fixture(scope="session", autouse=True)
def environment() -> Iterator[None]:
    """Real servers do not get what pyflink puts into the environment of a process that runs a Flink of its own."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("FLINK_") or name in ("JAVA_HOME", "_python_worker_execution_mode")]:
            patch.delenv(name)
        yield


@pytest.fixture(scope="session")
def kafka(environment: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaServer]:
    """A broker; topics are not made by asking for them."""
    server = start_kafka(tmp_path_factory.mktemp("kafka"))
    yield server
    server.kill()


@pytest.fixture(scope="session")
def registry(environment: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RegistryServer]:
    """A schema registry."""
    server = start_registry(tmp_path_factory.mktemp("registry"))
    yield server
    server.kill()


@pytest.fixture(scope="session")
def zookeeper(environment: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ZooKeeperServer]:
    """What the cluster's high availability needs."""
    server = start_zookeeper(tmp_path_factory.mktemp("zookeeper"))
    yield server
    server.kill()


@pytest.fixture(scope="session")
def cluster(zookeeper: ZooKeeperServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlinkCluster]:
    """Two TaskManagers of one slot, and a JobManager that finds its jobs again."""
    running = start_flink(tmp_path_factory.mktemp("flink"), zookeeper=zookeeper.quorum)
    yield running
    running.kill()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser for the tests of one file; a context for each test is cheap."""
    with open_browser() as one:
        yield one
