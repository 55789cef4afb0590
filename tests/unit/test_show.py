"""`swerve show` and the reads behind it, against a real Redis."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import redis

from jobs import cli
from jobs.cli.show import _span
from jobs.embedded.redis_server import RedisServer
from udfs.keys import fallback_key
from udfs.profile import empty_profiles, pack_profiles
from udfs.redis_reads import read_profile, read_recommendations
from udfs.redis_writes import RedisWriter, Target

TIME = 1_700_000_000_000


def value(user: str, surface: str = "home", items: int = 2) -> dict[str, Any]:
    """A value as the job writes it."""
    return {
        "v": 1,
        "recommendation_id": "r1",
        "user_id": user,
        "surface": surface,
        "event_time": TIME,
        "generated_at": int(time.time() * 1000) - 600_000,
        "segment": {"id": 3, "name": "Prams [new]"},
        "model": {"name": "demo", "version": "7"},
        "items": [{"item_id": f"i{i}[b]", "score": 0.9 - i / 10, "reason": "trending"} for i in range(items)],
    }


def write(server: RedisServer, user: str, prefix: str = "", surface: str = "home") -> bytes:
    """Write one user; gives her packed profile."""
    profiles = empty_profiles(1)
    profiles["clock"], profiles["n_events"], profiles["segment"] = TIME, 12, 3
    packed = pack_profiles(profiles)
    with RedisWriter(Target(server.url, prefix=prefix, ttl_seconds=5000, surfaces=(surface,))) as writer:
        writer.write([user.encode()], np.array([(TIME, 24)], np.uint64), [(json.dumps(value(user, surface)).encode(),)], packed)
    return packed[0]


def show(server: RedisServer, tmp_path: Path, *arguments: str) -> int:
    """Call the command with a work folder of the test's own."""
    return cli.main(["show", *arguments, "--redis", server.url, "--set", f"work={tmp_path}"])


def test_a_users_own_recommendations_come_first(client: redis.Redis, redis_server: RedisServer) -> None:
    packed = write(redis_server, "ana", "p:")
    client.set(fallback_key("home", None, "p:"), json.dumps(value("")))
    found = read_recommendations(client, "ana", "home", 3, "p:")
    assert found is not None
    assert (found.key, found.source, found.value["user_id"], found.ttl_seconds in (4999, 5000)) == ("p:rec:{ana}:home", "user", "ana", True)
    assert read_profile(client, "ana", "p:") == (TIME, 12, packed)


def test_then_her_segments_then_everybodys_then_nothing(client: redis.Redis) -> None:
    assert read_recommendations(client, "bo", "home", 3) is None
    assert read_profile(client, "bo") is None
    client.set(fallback_key("home"), json.dumps(value("all")))
    client.set(fallback_key("home", 3), json.dumps(value("three")))
    found = [read_recommendations(client, "bo", "home", segment) for segment in (3, 4, None)]
    assert [one and (one.source, one.value["user_id"], one.ttl_seconds) for one in found] == [
        ("segment", "three", None),
        ("default", "all", None),
        ("default", "all", None),
    ]
    assert read_recommendations(client, "bo", "cart", 3) is None


def test_for_people(client: redis.Redis, redis_server: RedisServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(redis_server, "ana")
    assert show(redis_server, tmp_path, "ana") == 0
    out, err = capsys.readouterr()
    assert err == ""
    for text in ("for ana", "Prams [new] (3)", "demo 7", "2023-11-14 22:13:20 UTC, number 12 of hers", "10 min ago", "expires in 83 min"):
        assert text in out
    assert [line.split() for line in out.splitlines() if "trending" in line] == [
        ["1", "i0[b]", "0.9000", "trending"],
        ["2", "i1[b]", "0.8000", "trending"],
    ]


def test_for_machines(client: redis.Redis, redis_server: RedisServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(redis_server, "ana", surface="cart")
    assert show(redis_server, tmp_path, "ana", "--surface", "cart", "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert document["value"] == {**value("ana", "cart"), "generated_at": document["value"]["generated_at"]}
    assert (document["user_id"], document["surface"], document["source"], document["key"]) == ("ana", "cart", "user", "rec:{ana}:cart")
    assert document["profile"] == {"clock": TIME, "n_events": 12, "segment": 3, "estimates": None}


def test_a_fallback_is_said_to_be_one(
    client: redis.Redis, redis_server: RedisServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    client.set(fallback_key("home"), json.dumps(value("")))
    assert show(redis_server, tmp_path, "nobody") == 0
    assert capsys.readouterr().err == "nobody has none of her own: what everybody is shown\n"
    # Her recommendations are for another place; her profile tells her segment.
    write(redis_server, "ana", surface="cart")
    client.set(fallback_key("home", 3), json.dumps(value("")))
    assert show(redis_server, tmp_path, "ana") == 0
    out, err = capsys.readouterr()
    assert err == "ana has none of her own: what her segment is shown\n"
    assert "rec:default:3:home" in out


def test_nothing_at_all_is_a_failure(
    client: redis.Redis, redis_server: RedisServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert show(redis_server, tmp_path, "nobody") == 1
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert "holds nothing for nobody on home" in err


def test_a_key_with_something_else_is_a_failure(
    client: redis.Redis, redis_server: RedisServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for spoilt in ("no json", "[]", '{"items": 1}'):
        client.set("rec:{ana}:home", spoilt)
        assert show(redis_server, tmp_path, "ana") == 1
        assert "rec:{ana}:home holds no recommendations" in capsys.readouterr().err
    client.delete("rec:{ana}:home")
    client.lpush("rec:{ana}:home", "x")
    assert show(redis_server, tmp_path, "ana") == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_without_a_run_it_says_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["show", "ana", "--set", f"work={tmp_path}"]) == 2
    assert "give --redis URL" in capsys.readouterr().err


def test_a_server_that_is_away_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["show", "ana", "--redis", "redis://127.0.0.1:1/0", "--set", f"work={tmp_path}"]) == 1
    assert "does not answer" in capsys.readouterr().err


def test_stop_without_a_server(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["stop", "--set", f"work={tmp_path}"]) == 0
    assert capsys.readouterr().out == "none was running\n"


@pytest.mark.parametrize(
    ("seconds", "text"), [(-3, "0 s"), (0, "0 s"), (119, "119 s"), (120, "2 min"), (7199, "120 min"), (7200, "2 h"), (604_800, "7 d")]
)
def test_spans(seconds: float, text: str) -> None:
    assert _span(seconds) == text
