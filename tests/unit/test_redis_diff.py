"""What differs between two prefixes, against a real Redis."""

from __future__ import annotations

import json

import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobs import cli
from jobs.embedded.redis_server import RedisServer
from tests.unit.redis_prefixes import LIVE, SHADOW, USERS, User, fill
from udfs.keys import profile_key, recommendations_key
from udfs.redis_diff import Comparison, compare_prefixes, differing_fields
from udfs.redis_scan import BATCH_USERS, Prefix
from udfs.redis_writes import RedisWriter, Target

on_one_server = settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])


def compare(client: redis.Redis, a: str, b: str, limit: int = 20) -> Comparison:
    found = compare_prefixes(Prefix(client, a), Prefix(client, b), limit=limit)
    assert found is not None
    return found


@on_one_server
@given(USERS.filter(bool), USERS, st.sampled_from([(LIVE, SHADOW), (SHADOW, "other[*]:"), ("s", "sh")]))
def test_it_finds_what_differs_and_is_symmetrical(
    client: redis.Redis, redis_server: RedisServer, one: dict[str, User], other: dict[str, User], prefixes: tuple[str, str]
) -> None:
    client.flushall()
    a, b = prefixes
    fill(redis_server.url, a, one, now=1)
    fill(redis_server.url, b, other, now=2)
    fill(redis_server.url, "third:", one, now=1)
    found, mirrored = compare(client, a, b), compare(client, b, a)
    both = one.keys() & other.keys()
    assert found.only_a == mirrored.only_b == len(one.keys() - both)
    assert found.only_b == mirrored.only_a == len(other.keys() - both)
    assert found.equal == mirrored.equal == sum(one[user] == other[user] for user in both)
    assert found.different == mirrored.different == sum(one[user] != other[user] for user in both)
    assert found.fields == mirrored.fields
    assert {(example["user_id"], example["what"]) for example in found.examples} == {
        *((user, "only_a") for user in one.keys() - both),
        *((user, "only_b") for user in other.keys() - both),
        *((user, "different") for user in both if one[user] != other[user]),
    }
    same = compare(client, a, a)
    assert same.same
    assert same.equal == len(one)


def test_it_names_fields_and_versions(client: redis.Redis, redis_server: RedisServer) -> None:
    fill(redis_server.url, LIVE, {"ana": ((5, 1), 0), "bo": ((5, 1), 0)}, surfaces=("home", "cart"))
    fill(redis_server.url, SHADOW, {"ana": ((5, 2), 0), "bo": ((5, 1), 0)}, surfaces=("home", "cart"))
    client.delete(recommendations_key("bo", "cart", SHADOW))
    found = compare(client, LIVE, SHADOW)
    assert sorted(found.examples, key=lambda one: str(one["user_id"])) == [
        {
            "user_id": "ana",
            "what": "different",
            "fields": ["version", "profile", "cart.items", "home.items"],
            "version_a": {"time": 5, "number": 1},
            "version_b": {"time": 5, "number": 2},
        },
        {
            "user_id": "bo",
            "what": "different",
            "fields": ["cart"],
            "version_a": {"time": 5, "number": 1},
            "version_b": {"time": 5, "number": 1},
        },
    ]
    assert found.fields == {"version": 1, "profile": 1, "cart.items": 1, "home.items": 1, "cart": 1}


def test_a_user_whose_profile_was_evicted_is_counted_once(client: redis.Redis, redis_server: RedisServer) -> None:
    for prefix in (LIVE, SHADOW):
        fill(redis_server.url, prefix, {"ana": ((5, 1), 0)}, surfaces=("home", "cart"))
    client.delete(profile_key("ana"))
    found = compare(client, LIVE, SHADOW)
    assert (found.equal, found.different, found.only_a, found.only_b) == (0, 1, 0, 0)
    assert found.fields == {"version": 1, "profile": 1}
    client.delete(profile_key("ana", SHADOW))
    assert compare(client, LIVE, SHADOW).same


def test_fallbacks_are_compared_apart_from_times(client: redis.Redis, redis_server: RedisServer) -> None:
    base = {"rec:default:home": b'{"recommendation_id":"1","event_time":1,"items":[1]}', "rec:default:3:home": b'{"items":[1]}'}
    other = {"rec:default:home": b'{"recommendation_id":"2","event_time":2,"items":[1]}', "rec:default:3:home": b'{"items":[2]}'}
    for prefix, fallbacks in ((LIVE, base), (SHADOW, {**other, "rec:default:4:home": b"{}"})):
        with RedisWriter(Target(redis_server.url, prefix=prefix), fallbacks) as writer:
            writer.open()
    found = compare(client, LIVE, SHADOW)
    assert found.fallbacks == {"rec:default:3:home": "items", "rec:default:4:home": "only_b"}
    assert found.fallbacks_equal == 1
    assert not found.same


def test_more_users_than_a_batch_and_a_limit_of_examples(client: redis.Redis, redis_server: RedisServer) -> None:
    n = 3 * BATCH_USERS + 7
    users: dict[str, User] = {f"u{i}": ((i + 1, 1), 0) for i in range(n)}
    fill(redis_server.url, LIVE, users)
    fill(redis_server.url, SHADOW, {user: ((one[0][0], 1), int(one[0][0] % 3 == 0)) for user, one in users.items() if user != "u0"})
    seen: list[int] = []
    found = compare_prefixes(Prefix(client, LIVE), Prefix(client, SHADOW), limit=3, seen=seen.append)
    assert found is not None
    changed = n // 3
    assert (found.equal, found.different, found.only_a, found.only_b) == (n - 1 - changed, changed, 1, 0)
    assert len(found.examples) == 3
    assert seen[-1] == 2 * n - 1


@pytest.mark.parametrize(
    ("one", "other", "fields"),
    [
        (b'{"a":1}', b'{ "a": 1 }', []),
        (b'{"a":1}', b'{"a":1,"b":null}', ["b"]),
        (b'{"generated_at":1}', None, [""]),
        (b"no JSON", b'{"a":1}', [""]),
        (b"[1]", b"[2]", [""]),
    ],
)
def test_fields_of_two_values(one: bytes | None, other: bytes | None, fields: list[str]) -> None:
    assert differing_fields(one, other) == differing_fields(other, one) == fields


def test_the_command_ends_with_0_1_or_an_error(client: redis.Redis, redis_server: RedisServer, capsys: pytest.CaptureFixture[str]) -> None:
    def run(*arguments: str) -> tuple[int, str, str]:
        code = cli.main(["diff", *arguments, "--redis", redis_server.url])
        return code, *capsys.readouterr()

    code, out, err = run("", SHADOW, "--json")
    assert (code, out) == (1, "")
    assert err.count("\n") == 1
    assert "holds nothing" in err
    fill(redis_server.url, LIVE, {"ana": ((5, 1), 0)}, now=1)
    fill(redis_server.url, SHADOW, {"ana": ((5, 1), 0)}, now=2)
    code, out, err = run("", SHADOW, "--json")
    assert (code, err) == (0, "")
    document = json.loads(out)
    assert {name: document[name] for name in ("users_a", "users_b", "equal", "different", "only_a", "only_b", "examples")} == {
        "users_a": 1,
        "users_b": 1,
        "equal": 1,
        "different": 0,
        "only_a": 0,
        "only_b": 0,
        "examples": [],
    }
    fill(redis_server.url, SHADOW, {"ana": ((5, 2), 0)})
    code, out, err = run("", SHADOW)
    assert code == 1
    assert "ana  different  5:1 / 5:2  version, profile, home.items" in out
    assert run("", SHADOW, "--ignore", "version", "--ignore", "profile", "--ignore", "items", "--ignore", "generated_at")[0] == 0
