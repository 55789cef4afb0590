"""Promotion of a prefix, against a real Redis: the newer one wins, and doing it twice is doing it once."""

from __future__ import annotations

import json

import pytest
import redis
from hypothesis import HealthCheck, given, settings

from jobs import cli
from jobs.embedded.redis_server import RedisServer
from tests.unit.redis_prefixes import LIVE, SHADOW, USERS, User, fill, holds, value
from udfs.keys import profile_key, recommendations_key
from udfs.redis_diff import compare_prefixes
from udfs.redis_promote import Promoted, plan, promote
from udfs.redis_scan import BATCH_USERS, Prefix
from udfs.redis_writes import RedisWriter, Target

on_one_server = settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])


@on_one_server
@given(USERS, USERS)
def test_the_newer_one_wins_and_twice_is_once(
    client: redis.Redis, redis_server: RedisServer, live: dict[str, User], shadow: dict[str, User]
) -> None:
    client.flushall()
    fill(redis_server.url, LIVE, live, now=1)
    fill(redis_server.url, SHADOW, shadow, now=2)
    fill(redis_server.url, "third:", shadow)
    newer = {user for user in shadow if user not in live or shadow[user][0] >= live[user][0]}
    target = Target(redis_server.url)
    expected = Promoted(promoted=len(newer), kept_newer=len(shadow) - len(newer))
    assert plan(Prefix(client, SHADOW), Prefix(client, LIVE)) == expected
    assert promote(Prefix(client, SHADOW), target, keep=True) == expected
    once = holds(client, LIVE)
    for user in live.keys() | shadow.keys():
        assert once[recommendations_key(user, "home").encode()] == (
            value("home", shadow[user], 2) if user in newer else value("home", live[user], 1)
        )
    found = compare_prefixes(Prefix(client, LIVE), Prefix(client, SHADOW), ignore=())
    if live or shadow:
        assert found is not None
        assert {example["user_id"] for example in found.examples} == (live.keys() | shadow.keys()) - newer
        assert found.equal == len(newer)
    assert promote(Prefix(client, SHADOW), target) == Promoted(len(newer), len(shadow) - len(newer), deleted=len(shadow))
    assert holds(client, LIVE) == once
    assert holds(client, SHADOW) == {}
    assert promote(Prefix(client, SHADOW), target) == Promoted()
    assert holds(client, LIVE) == once
    assert len(holds(client, "third:")) == 2 * len(shadow)


def test_interrupted_and_run_again_it_ends_the_same(client: redis.Redis, redis_server: RedisServer) -> None:
    n = 3 * BATCH_USERS
    users: dict[str, User] = {f"u{i}": ((5, i % 3), 1) for i in range(n)}
    fill(redis_server.url, LIVE, dict.fromkeys(users, ((5, 1), 0)))
    fill(redis_server.url, SHADOW, users)

    def interrupt(done: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        promote(Prefix(client, SHADOW), Target(redis_server.url), seen=interrupt)
    left = len(holds(client, SHADOW)) // 2
    assert 0 < left < n
    assert promote(Prefix(client, SHADOW), Target(redis_server.url)).deleted == left
    assert holds(client, SHADOW) == {}
    for user, one in users.items():
        assert client.get(recommendations_key(user, "home")) == value("home", one if one[0][1] >= 1 else ((5, 1), 0))


def test_what_is_written_meanwhile_is_not_deleted(client: redis.Redis, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(redis_server.url, SHADOW, {"ana": ((5, 1), 0)})
    write = RedisWriter.write

    def write_and_be_overtaken(*arguments: object) -> object:
        written = write(*arguments)  # type: ignore[arg-type]
        monkeypatch.undo()
        fill(redis_server.url, SHADOW, {"ana": ((6, 1), 0)})
        return written

    monkeypatch.setattr(RedisWriter, "write", write_and_be_overtaken)
    assert promote(Prefix(client, SHADOW), Target(redis_server.url)) == Promoted(promoted=1)
    assert client.get(recommendations_key("ana", "home")) == value("home", ((5, 1), 0))
    assert promote(Prefix(client, SHADOW), Target(redis_server.url)) == Promoted(promoted=1, deleted=1)
    assert client.get(recommendations_key("ana", "home")) == value("home", ((6, 1), 0))


def test_surfaces_fallbacks_and_expiry(client: redis.Redis, redis_server: RedisServer) -> None:
    both: dict[str, User] = {"ana": ((5, 1), 0), "bo": ((5, 1), 0)}
    fill(redis_server.url, SHADOW, both, surfaces=("home", "cart"))
    client.delete(recommendations_key("bo", "cart", SHADOW))
    fill(redis_server.url, SHADOW, {"cy": ((5, 1), 0)})
    client.delete(profile_key("cy", SHADOW))
    with RedisWriter(Target(redis_server.url, prefix=SHADOW), {"rec:default:home": b"all"}) as writer:
        writer.open()
    done = promote(Prefix(client, SHADOW), Target(redis_server.url, ttl_seconds=500))
    assert done == Promoted(promoted=2, deleted=2, unversioned=1, fallbacks=1)
    assert set(holds(client, LIVE)) == {
        b"profile:{ana}",
        b"rec:{ana}:home",
        b"rec:{ana}:cart",
        b"profile:{bo}",
        b"rec:{bo}:home",
        b"rec:default:home",
    }
    assert client.ttl(recommendations_key("ana", "cart")) in (499, 500)
    assert client.ttl("rec:default:home") == -1
    assert set(holds(client, SHADOW)) == {b"rec:{cy}:home"}


def test_the_command(client: redis.Redis, redis_server: RedisServer, capsys: pytest.CaptureFixture[str]) -> None:
    def run(*arguments: str) -> tuple[int, str, str]:
        code = cli.main(["promote", *arguments, "--redis", redis_server.url])
        return code, *capsys.readouterr()

    fill(redis_server.url, LIVE, {"ana": ((5, 1), 0), "bo": ((7, 1), 0)})
    fill(redis_server.url, SHADOW, {"ana": ((6, 1), 0), "bo": ((6, 1), 0)})
    before = holds(client, LIVE)
    for arguments, says in (((SHADOW,), "--yes"), ((SHADOW, "--to", SHADOW, "--yes"), "both prefixes")):
        code, out, err = run(*arguments)
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert says in err
    code, out, err = run(SHADOW, "--dry-run", "--json")
    assert (code, err) == (0, "")
    expected = {"from": SHADOW, "to": LIVE, "dry_run": True, "promoted": 1, "kept_newer": 1, "deleted": 0, "unversioned": 0, "fallbacks": 0}
    assert json.loads(out) == expected
    assert holds(client, LIVE) == before
    code, out, err = run(SHADOW, "--yes", "--json")
    assert json.loads(out) == {**expected, "dry_run": False, "deleted": 2}
    code, out, err = run(SHADOW, "--yes", "--json")
    assert (code, json.loads(out)["promoted"]) == (0, 0)
    assert "nothing is left" in err
    assert client.get(recommendations_key("bo", "home")) == value("home", ((7, 1), 0))
