"""What breaks in the middle of a run leaves no trace in its results."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import psutil
import pytest
import redis

from jobs.embedded.redis_server import RedisServer, start_redis
from jobs.reports import RunReport
from tests.job.logs import Logs
from tests.job.running import Case, Outcome, requests_of, run_job

TINY = (200, 2)
EVERY_RANKING = {"checkpoint.interval_ms": 200, "rank.latest_only": False}
ENOUGH = 100
SECRET = "open sesame & more"
KEPT = {"appendonly": "yes", "appendfsync": "always"}
AWAY_SECONDS = 2.0


def workers() -> set[psutil.Process]:
    """The processes that run the Python functions of Flink's tasks."""
    found = set()
    for process in psutil.Process().children(recursive=True):
        try:
            command = " ".join(process.cmdline())
        except psutil.Error:
            continue
        if "pyflink.fn_execution" in command:
            found.add(process)
    return found


def test_a_killed_worker_changes_nothing(job: Callable[..., Outcome], logs: Logs, redis_server: RedisServer) -> None:
    """The job goes back to its last checkpoint: results and counters are those of a run in which nothing happened."""
    killed: set[psutil.Process] = set()
    started_again: set[psutil.Process] = set()

    def watch(report: RunReport, total: int) -> None:
        if killed:
            started_again.update(workers() - killed)
        elif report.ranks["ranked"] > ENOUGH and report.events + report.rejects < 0.9 * total:
            killed.update(workers())
            for process in killed:
                process.kill()

    case = Case("troubled", 2, TINY, "triggers", hold_back=False, surfaces=("home", "basket"), more=EVERY_RANKING)
    outcome = job(case, watch=watch, restarts=2)
    assert killed, "the run was over before enough had been committed"
    assert started_again, "no worker was started again"
    assert any("Restoring job" in line and "from Checkpoint" in line for log in logs.flink_logs() for line in log.read_text().splitlines())
    assert outcome.differences(redis_server.url) == []
    rankings, requests = outcome.rankings(), requests_of(outcome.oracle)
    # Files are written at least once: what was done again stands there twice.
    assert rankings.keys() == requests.keys()
    assert all(rankings[request] >= times for request, times in requests.items())


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[list[RedisServer]]:
    """A Redis with a password that keeps on disk what it has confirmed; the last of the list is the one that runs."""
    servers = [start_redis(tmp_path / "redis", password=SECRET, options=KEPT)]
    yield servers
    servers[-1].stop()


def test_a_killed_redis_is_waited_for(logs: Logs, own_redis: list[RedisServer], tmp_path: Path) -> None:
    """The job waits and goes on where it was, without a restart; no write is lost, neither confirmed ones nor those under way."""
    (first,) = own_redis

    def watch(report: RunReport, total: int) -> None:
        with redis.Redis.from_url(first.url) as client:
            if len(own_redis) == 1 and client.dbsize() > 100:
                first.kill()
                time.sleep(AWAY_SECONDS)
                own_redis.append(start_redis(tmp_path / "redis", first.port, SECRET, KEPT))

    case = Case("clean", 1, TINY, "every_event", hold_back=False, more=EVERY_RANKING)
    outcome = run_job(case, logs, tmp_path, first.url, watch, restarts=0)
    assert len(own_redis) == 2, "the run was over before anything had been written"
    assert outcome.report.ranks["retries"] > 0, "nothing was written while Redis was away"
    assert outcome.differences(first.url) == []
    assert outcome.rankings() == requests_of(outcome.oracle)
    texts = [path.read_text(encoding="utf-8") for path in logs.flink_logs()]
    assert any("REDIS" in text.upper() for text in texts)
    assert not any(SECRET in text or quote(SECRET, safe="") in text for text in texts)
