"""Requests a second of the HTTP API, and how soon they are answered: server, Redis and load generator are processes of this machine.

Every answer is looked at: that its status is right, and that it has, byte for byte, the list that it should have.
"""

from __future__ import annotations

import os
import pickle
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import numpy as np
import orjson

from bench.serving.load import Exchange, Heard, Load
from bench.serving.shop import Shopper, prepare
from jobs.embedded.redis_server import start_redis
from serving.api.cut import cut, etag
from serving.tokens import mint
from udfs.errors import SwerveError

N, ACTIONS, START_SECONDS, TOKEN_SECONDS = 10, 3, 180.0, 24 * 3600


def lists_of(shoppers: Sequence[Shopper], secret: str | None, *, known: bool = False) -> list[Exchange]:
    """Make requests for lists; `known`: the page has them already."""
    exchanges = []
    for shopper in shoppers:
        lines = [f"GET /v1/recommendations/{shopper.user}?surface=home&n={N} HTTP/1.1", *_common(shopper, secret)]
        if known:
            lines.append(f"If-None-Match: {etag(shopper.value, N).decode()}")
        request = "\r\n".join([*lines, "", ""]).encode()
        exchanges.append(Exchange(request, 304, b"") if known else Exchange(request, 200, cut(shopper.value, N)))
    return exchanges


def visits_of(shoppers: Sequence[Shopper], items: int, secret: str | None) -> list[Exchange]:
    """Make requests for lists that answer some actions."""
    random, exchanges = np.random.default_rng(1), []
    for shopper in shoppers:
        actions = [
            {"type": "view_item", "itemId": f"i{random.integers(items):06d}", "event_time": shopper.clock + 1000 * (k + 1)}
            for k in range(ACTIONS)
        ]
        body = orjson.dumps({"userId": shopper.user, "n": N, "actions": actions})
        lines = ["POST /api/recommendations HTTP/1.1", *_common(shopper, secret), "Content-Type: application/json"]
        request = "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode() + body
        exchanges.append(Exchange(request, 200, None, f'"user_id":"{shopper.user}"'.encode()))
    return exchanges


def run(
    say: Callable[[str], None],
    *,
    events: int = 60_000,
    users: int = 4_000,
    items: int = 2_000,
    ranker: str = "perceptron",
    connections: int = 8,
    seconds: float = 3.0,
    repeats: int = 5,
) -> dict[str, Any]:
    """Measure, all kinds of requests in turns, so that what else the machine does hits all of them.

    Parameters
    ----------
    say
        Told what is being done.
    events, users, items
        Size of the simulated shop.
    ranker
        Kind of ranker, as for `swerve train`.
    connections
        How many the load generator keeps, with one request under way in each.
    seconds, repeats
        How long a measurement goes on, and how often each is made; the medians count.

    Returns
    -------
    dict
        ``requests_per_second``, ``p50_ms``, ``p99_ms`` and ``errors`` of lists with tokens, and of all kinds in ``rows``.
    """
    secret = secrets.token_hex(32)
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        redis = start_redis(folder / "redis")
        stack.callback(redis.kill)
        say(f"simulate {events:,} events of {users:,} shoppers, train on them, rank everybody")
        bundle, shoppers = prepare(folder, redis.url, events, users, items, ranker)
        common = {"REDIS__URL": redis.url, "SERVING__MODEL": str(bundle), "MODEL__MAX_US_PER_USER": "1000000"}
        say("start the servers")
        guarded = stack.enter_context(_served({**common, "SERVING__TOKEN_SECRET": secret}))
        open_ = stack.enter_context(_served({**common, "SERVING__TOKENS": "off"}))
        rows = {
            "lists": Load(guarded, connections, seconds, lists_of(shoppers, secret)),
            "not modified": Load(guarded, connections, seconds, lists_of(shoppers, secret, known=True)),
            "without tokens": Load(open_, connections, seconds, lists_of(shoppers, None)),
            "by actions": Load(guarded, max(1, connections // 2), seconds, visits_of(shoppers, items, secret)),
        }
        say(f"{repeats} times {seconds:g} s of each: {', '.join(rows)}")
        heard: dict[str, list[dict[str, float]]] = {row: [] for row in rows}
        for turn in range(repeats + 1):
            for row, load in rows.items():
                told = _told(_drive(load if turn else load._replace(seconds=min(1.0, seconds))))
                # The first round is for what has to be read and remembered once, and for its errors.
                heard[row].append(told if turn else {"errors": told["errors"]})
        found = {row: {"connections": rows[row].connections, **_middle(told)} for row, told in heard.items()}
    lists = {key: value for key, value in found["lists"].items() if key != "connections"}
    return {**lists, "connections": connections, "users": len(shoppers), "cpus": os.cpu_count(), "rows": found}


def _common(shopper: Shopper, secret: str | None) -> list[str]:
    return ["Host: api.shop.example", *([f"Authorization: Bearer {mint(secret, shopper.user, TOKEN_SECONDS)}"] if secret else [])]


@contextmanager
def _served(settings: Mapping[str, str]) -> Iterator[int]:
    """Run a server; gives its port once it is ready."""
    environment = {**os.environ, **{f"SWERVE__{name}": value for name, value in settings.items()}}
    command = [sys.executable, "-m", "jobs.cli", "serve", "--port", "0"]
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        line = process.stderr.readline()
        if "http://127.0.0.1:" not in line:
            raise SwerveError(f"the server did not start: {line.strip()}")
        port = int(line.split("http://127.0.0.1:", 1)[1].split(":", 1)[0])
        end = time.monotonic() + START_SECONDS
        while not _ready(port):
            if time.monotonic() > end or process.poll() is not None:
                raise SwerveError("the server is not ready")
            time.sleep(0.1)
        yield port
    finally:
        process.terminate()
        process.communicate()


def _ready(port: int) -> bool:
    try:
        with urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5):
            return True
    except URLError:
        return False


def _drive(load: Load) -> Heard:
    command = [sys.executable, "-c", "from bench.serving.load import main; main()"]
    done = subprocess.run(command, input=pickle.dumps(load), stdout=subprocess.PIPE, check=True, cwd=Path(__file__).parents[2])
    heard: Heard = pickle.loads(done.stdout)
    return heard


def _told(heard: Heard) -> dict[str, float]:
    took = np.asarray(heard.took) * 1000
    if not len(took):
        raise SwerveError("no request was answered as it should be")
    return {
        "requests_per_second": len(took) / heard.seconds,
        "p50_ms": float(np.percentile(took, 50)),
        "p99_ms": float(np.percentile(took, 99)),
        "errors": heard.errors,
    }


def _middle(told: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Medians over the repeats, and all errors."""
    measured = told[1:]
    return {
        "requests_per_second": round(median(one["requests_per_second"] for one in measured)),
        "p50_ms": round(median(one["p50_ms"] for one in measured), 3),
        "p99_ms": round(median(one["p99_ms"] for one in measured), 3),
        "errors": int(sum(one["errors"] for one in told)),
    }
