"""`swerve serve` as a process: what it answers is what it says it answers, its log names nobody, and it ends when it is asked to."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.error import URLError
from urllib.parse import quote, unquote
from urllib.request import Request, urlopen

import numpy as np
import pytest
import redis
import schemathesis
import yaml
from hypothesis import HealthCheck, Phase, settings
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from jobs.embedded.redis_server import RedisServer
from serving.api.health import OPENAPI
from serving.tokens import mint
from tests.e2e.commands import Commands, until
from tests.unit.bundles import make_bundle, make_profiles
from udfs.profile import pack_profiles
from udfs.rank import Ranker
from udfs.redis_writes import RedisWriter, Target

SECRET, ADMIN = "a secret of 32 characters at least", "the operator's key"
USERS = ["user-4711", "of/two parts", "zoë ?"]
CHECKS = [
    not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance, response_headers_conformance,
]  # fmt: skip


class Served(NamedTuple):
    """A running server."""

    url: str
    process: subprocess.Popen[str]
    redis: RedisServer


@pytest.fixture(scope="module")
def served(redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("served")
    bundle = make_bundle(folder / "test" / "1")
    with redis.Redis.from_url(redis_server.url) as client:
        client.flushall()
    profiles = make_profiles(len(USERS))
    users = [user.encode() for user in USERS]
    ranker = Ranker(bundle)
    ranked = ranker.rank(users, profiles, np.ones(len(users), np.uint8), 1)
    versions = np.stack([profiles["clock"], 2 * profiles["n_events"]], 1).astype(np.uint64)
    with RedisWriter(Target(redis_server.url), ranker.fallbacks()) as writer:
        writer.write(users, versions, ranked.values, pack_profiles(profiles))
    given = {"redis.url": redis_server.url, "serving.token_secret": SECRET, "serving.admin_key": ADMIN, "serving.model": bundle.path}
    more = {"serving.port": 0, "serving.into": folder / "log", "work": folder, "model.max_us_per_user": 10**9}
    process = Commands(folder, {**given, **more}).start("serve")
    assert process.stderr is not None
    url = process.stderr.readline().split(" ")[1].rstrip(":")
    until("the server to be ready", lambda: _ready(url))
    yield Served(url, process, redis_server)
    process.kill()
    process.wait()


def _ready(url: str) -> bool:
    try:
        return bool(urlopen(f"{url}/readyz").status == 200)
    except URLError:
        return False


schema = schemathesis.openapi.from_dict(yaml.safe_load(OPENAPI.read_text(encoding="utf-8")))
#: A stream never ends; what becomes of it is looked at elsewhere.
described = schema.exclude(path_regex="(/live|/stream)$")


@described.parametrize()
@settings(max_examples=12, deadline=None, phases=[Phase.explicit, Phase.generate], suppress_health_check=list(HealthCheck), database=None)
def test_every_answer_is_one_that_the_description_has(case: Case[Any], served: Served) -> None:
    case.headers["Authorization"] = f"Bearer {_bearer(case)}"
    case.call_and_validate(base_url=served.url, checks=CHECKS, timeout=20)


def _bearer(case: Case[Any]) -> str:
    """Give a token that fits, most of the time; most of the time, it is of one that the job knows."""
    path, turn = case.operation.path, len(repr(case.query))
    if path.startswith("/v1/operator"):
        return ADMIN if turn % 4 else "x"
    known = USERS[turn % len(USERS)]
    if turn % 3 and "user" in case.path_parameters:
        case.path_parameters["user"] = quote(known, safe="")
    elif turn % 3 and isinstance(case.body, dict) and "userId" in case.body:
        case.body["userId"] = known
    user = unquote(case.path_parameters["user"]) if "user" in case.path_parameters else known
    return mint(SECRET, user or "x") if turn % 5 else "x.y.z"


def _ask(served: Served, path: str) -> Request:
    return Request(served.url + path, headers={"Authorization": f"Bearer {mint(SECRET, USERS[0])}"})


def test_what_was_answered_is_counted_and_names_nobody(served: Served) -> None:
    assert urlopen(_ask(served, f"/v1/recommendations/{USERS[0]}")).status == 200
    visit = _ask(served, "/api/recommendations")
    visit.add_header("Content-Type", "application/json")
    visit.data = json.dumps({"userId": USERS[0], "actions": []}).encode()
    assert urlopen(visit).status == 200
    text = urlopen(f"{served.url}/metrics").read().decode()
    assert 'swerve_api_requests_total{route="/v1/recommendations/{user}",status="200"}' in text
    assert 'swerve_api_requests_total{route="/api/recommendations",status="200"}' in text
    assert "swerve_collector_accepted_total" in text
    assert [user for user in USERS if user in text] == []


def test_it_goes_on_without_redis_and_ends_when_it_is_asked_to(served: Served) -> None:
    served.redis.process.send_signal(signal.SIGSTOP)
    try:
        with urlopen(_ask(served, f"/v1/recommendations/{USERS[0]}?n=3"), timeout=5) as answer:
            assert (answer.status, answer.headers["X-Swerve-Source"]) == (200, "last-known")
            assert len(json.load(answer)["items"]) == 3
    finally:
        served.redis.process.send_signal(signal.SIGCONT)
    served.process.send_signal(signal.SIGTERM)
    out, errors = served.process.communicate(timeout=30)
    assert (served.process.returncode, out) == (0, "")
    # Whatever was asked of it, by whomever: nothing went wrong, and nobody is named.
    assert [user for user in USERS if user in errors] == []
    assert "Traceback" not in errors
