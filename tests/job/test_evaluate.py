"""`swerve evaluate --through-job`: what the job leaves in Redis is what the evaluation ranks."""

from __future__ import annotations

from pathlib import Path

import redis

from jobs.cli.evaluate import ask_job
from jobs.embedded.redis_server import RedisServer
from jobs.settings import Settings
from models.bundle import Bundle
from tests.job.logs import Logs
from training.evaluate import Evaluation
from training.evaluate.cases import find_cases, known_items
from training.history import read_history


def test_the_job_shows_the_lists_that_are_measured(logs: Logs, redis_server: RedisServer, client: redis.Redis, tmp_path: Path) -> None:
    """A log with carts left behind, late events and shoppers of several sessions; a Redis that others use as well is left as it was."""
    archive, bundle = logs.archive("clean"), logs.bundle("clean")
    client.set("rec:default:home", "another's")
    history = read_history(archive)
    cases = find_cases(history, known_items(history.events), sample=20, seed=1)
    found = Evaluation({}, Bundle.open(bundle), history, cases, {})
    settings = Settings().with_values({"redis.url": redis_server.url, "model.path": bundle, "work": tmp_path / "work"})
    said = ask_job(found, archive, settings)
    assert said["agreement"] == 1.0
    assert said["replayed_events"] >= len(cases.row) > 30
    assert client.keys() == [b"rec:default:home"]
