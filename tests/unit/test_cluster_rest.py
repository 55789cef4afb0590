"""What the client of Flink's REST API makes of answers that are not what it asked for. A real cluster is asked in tests/e2e."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from jobs.cluster import control
from jobs.cluster.rest import ClusterError, ClusterUnreachable, FlinkRest, JobNotFound
from udfs.errors import UsageError

JOB = "d2b2f8ae3ca7f91d1f9ffd67fedd9120"
NOT_FOUND = f"org.apache.flink.runtime.rest.NotFoundException: Job {JOB} not found\n\tat org.apache.flink.A.b(A.java:99)\n"
NO_FOLDER = (
    "org.apache.flink.runtime.rest.handler.RestHandlerException: Config key [execution.checkpointing.savepoint-dir] is not set. "
    "Property [target-directory] must be provided.\n\tat org.apache.flink.A.b(A.java:1)\n"
)
FAILED = {
    "status": {"id": "COMPLETED"},
    "operation": {"failure-cause": {"class": "x", "stack-trace": "a.B: not now\n\tat c.D.e(D.java:1)\n"}},
}


class Answers(ThreadingHTTPServer):
    """Answers every request on a path with a status and a body."""

    def __init__(self, answers: dict[str, tuple[int, bytes]]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers = answers


class _Handler(BaseHTTPRequestHandler):
    server: Answers

    def _answer(self) -> None:
        self.rfile.read(int(self.headers.get("content-length") or 0))
        status, body = self.server.answers.get(self.path.partition("?")[0], (404, b'{"errors":["Not found"]}'))
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = _answer  # noqa: N815

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[Answers]:
    running = Answers({})
    thread = threading.Thread(target=running.serve_forever)
    thread.start()
    yield running
    running.shutdown()
    running.server_close()
    thread.join()


@pytest.fixture
def cluster(server: Answers) -> Iterator[FlinkRest]:
    with FlinkRest(f"http://127.0.0.1:{server.server_port}/") as client:
        yield client


def reply(status: int, document: Any) -> tuple[int, bytes]:
    return status, json.dumps(document).encode()


@pytest.mark.parametrize("url", ["127.0.0.1:8081", "redis://127.0.0.1:8081", "http://", ""])
def test_an_address_that_is_none(url: str) -> None:
    with pytest.raises(UsageError, match="http://127"):
        FlinkRest(url)


def test_nothing_answers() -> None:
    with (
        FlinkRest("http://ana:hunter2@127.0.0.1:1") as client,
        pytest.raises(ClusterUnreachable, match="no Flink cluster answers") as caught,
    ):
        client.overview()
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("answer", [(200, b"<html>"), (200, b"{}"), (404, b"nothing here"), (500, b"[]"), (302, b"")])
def test_what_answers_is_no_flink(server: Answers, cluster: FlinkRest, answer: tuple[int, bytes]) -> None:
    server.answers["/overview"] = answer
    with pytest.raises(ClusterError, match="is no Flink cluster"):
        cluster.overview()


def test_a_job_that_the_cluster_does_not_know(server: Answers, cluster: FlinkRest) -> None:
    server.answers[f"/jobs/{JOB}"] = reply(404, {"errors": [NOT_FOUND]})
    with pytest.raises(JobNotFound, match=f"no job {JOB}"):
        cluster.job(JOB)


def test_a_jobmanager_that_is_not_ready_yet(server: Answers, cluster: FlinkRest) -> None:
    server.answers["/jobs/overview"] = reply(503, {"errors": ["Service temporarily unavailable due to an ongoing leader election."]})
    with pytest.raises(ClusterUnreachable, match="is not ready"):
        cluster.jobs()


def test_no_folder_for_savepoints(server: Answers, cluster: FlinkRest) -> None:
    server.answers[f"/jobs/{JOB}/savepoints"] = reply(400, {"errors": [NO_FOLDER]})
    with pytest.raises(ClusterError, match="does not know where savepoints go") as caught:
        control.take_savepoint(cluster, JOB, None, "CANONICAL")
    assert "--dir" in caught.value.hint


def test_an_operation_that_failed_says_why(server: Answers, cluster: FlinkRest) -> None:
    server.answers[f"/jobs/{JOB}/savepoints/1"] = reply(200, FAILED)
    with pytest.raises(ClusterError, match=r"a\.B: not now"):
        cluster.operation(JOB, "savepoints", "1")


def test_a_jobmanager_that_comes_back_is_waited_for(server: Answers, cluster: FlinkRest) -> None:
    away = reply(503, {"errors": ["Service temporarily unavailable due to an ongoing leader election."]})
    server.answers["/jobs/overview"] = away
    asked = 0

    def ask() -> bool:
        nonlocal asked
        asked += 1
        if asked == 2:
            server.answers["/jobs/overview"] = reply(200, {"jobs": []})
        return cluster.jobs() == []

    assert control.wait_for(ask, 30, "it is there")
    assert asked == 2
    server.answers["/jobs/overview"] = away
    with pytest.raises(ClusterUnreachable):
        control.wait_for(cluster.jobs, 0, "it is there")
    with pytest.raises(control.TookTooLong, match="pigs fly"):
        control.wait_for(lambda: None, 0, "pigs fly")
