"""What the tests of the job share: a Redis, logs, and a Flink that runs the job."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest import mock

import pytest
import redis

from jobs.embedded.java import JavaMissing, find_java
from jobs.embedded.redis_server import RedisServer
from tests.job.logs import Logs
from tests.job.running import Case, Outcome, run_job


@pytest.fixture(scope="session", autouse=True)
def _java() -> None:
    """Without Java nothing here can run: that is a failure of its own, said once for each test."""
    try:
        find_java()
    except JavaMissing as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture(scope="module", autouse=True)
def _environment() -> Iterator[None]:
    """What pyflink and its Flink leave in the process's environment is not for the real servers of other tests."""
    with mock.patch.dict(os.environ):
        yield


@pytest.fixture(scope="session")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Logs:
    """Archives, bundles and the oracle's results, each made once."""
    return Logs(tmp_path_factory.mktemp("logs"))


@pytest.fixture
def job(logs: Logs, redis_server: RedisServer, client: redis.Redis, tmp_path: Path) -> Callable[..., Outcome]:
    """Runs a case of the job on a real Flink, into the shared Redis."""

    def run(case: Case, **more: object) -> Outcome:
        return run_job(case, logs, tmp_path, str(redis_server.url), **more)  # type: ignore[arg-type]

    return run
