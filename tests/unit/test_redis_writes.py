"""The writer, against a real Redis: the newest wins, replies are checked, keys expire."""

from __future__ import annotations

import numpy as np
import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobs.embedded.redis_server import RedisServer
from tests.unit.redis_batches import Version, assert_holds, profile_of, put, value_of
from udfs.keys import profile_key, recommendations_key
from udfs.redis_commands import SLICE_USERS
from udfs.redis_writes import RedisWriter, Target, Written

USERS = ["ana", "bo", "cy"]
VERSIONS = st.tuples(st.integers(0, 4), st.integers(0, 3))
WRITES = st.lists(st.tuples(st.integers(0, 1), st.lists(st.tuples(st.sampled_from(USERS), VERSIONS), max_size=6)), max_size=10)


def refuse_to_wait(message: str) -> None:
    """For tests in which nothing may have to wait."""
    raise AssertionError(message)


@pytest.fixture
def target(redis_server: RedisServer, client: redis.Redis) -> Target:
    return Target(redis_server.url)


def test_older_loses_equal_overwrites_newer_wins(client: redis.Redis, target: Target) -> None:
    with RedisWriter(target, on_wait=refuse_to_wait) as writer:
        assert put(writer, ["ana"], (1000, 5)) == Written(1, 0, 0)
        for older in ((999, 9), (1000, 4), (0, 0)):
            assert put(writer, ["ana"], older, size=9) == Written(0, 1, 0)
            assert_holds(client, "ana", (1000, 5))
        assert put(writer, ["ana"], (1000, 5), size=7) == Written(1, 0, 0)
        assert_holds(client, "ana", (1000, 5), size=7)
        for newer in ((1000, 6), (1001, 0)):
            assert put(writer, ["ana"], newer) == Written(1, 0, 0)
            assert_holds(client, "ana", newer)


@pytest.mark.parametrize(("old", "new"), [((255, 1), (256, 0)), ((1 << 41, 255), (1 << 41, 256)), ((2**53 - 2, 7), (2**53 - 1, 0))])
def test_versions_are_compared_as_numbers(client: redis.Redis, target: Target, old: Version, new: Version) -> None:
    with RedisWriter(target, on_wait=refuse_to_wait) as writer:
        put(writer, ["ana"], new)
        assert put(writer, ["ana"], old).stale == 1
        assert_holds(client, "ana", new)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(WRITES)
def test_any_interleaving_of_writes_ends_with_the_newest(
    client: redis.Redis, target: Target, writes: list[tuple[int, list[tuple[str, Version]]]]
) -> None:
    client.flushall()
    newest: dict[str, Version] = {}
    with RedisWriter(target, on_wait=refuse_to_wait) as one, RedisWriter(target, on_wait=refuse_to_wait) as other:
        for which, batch in writes:
            won = 0
            for user, version in batch:
                if version >= newest.get(user, (0, 0)):
                    newest[user], won = version, won + 1
            written = put((one, other)[which], [user for user, _ in batch], [version for _, version in batch])
            assert written == Written(won, len(batch) - won, 0)
    for user, version in newest.items():
        assert_holds(client, user, version)
    assert client.dbsize() == 2 * len(newest)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text(st.characters(codec="utf-8"), min_size=1), unique=True, max_size=8), st.sampled_from(["", "shop:", "100%{b}:"]))
def test_any_user_id_finds_its_own_values(client: redis.Redis, redis_server: RedisServer, users: list[str], prefix: str) -> None:
    client.flushall()
    with RedisWriter(Target(redis_server.url, prefix=prefix), on_wait=refuse_to_wait) as writer:
        assert put(writer, users, (5, 1)) == Written(len(users), 0, 0)
    for user in users:
        assert_holds(client, user, (5, 1), prefix=prefix)


@pytest.mark.parametrize("n", [0, 1, SLICE_USERS, 5 * SLICE_USERS + 1])
def test_a_batch_of_any_size_is_written_as_a_whole(client: redis.Redis, target: Target, n: int) -> None:
    users = [f"u{i}" for i in range(n)]
    newer = users[::3]
    with RedisWriter(target, on_wait=refuse_to_wait) as writer:
        put(writer, newer, (9, 9))
        assert put(writer, users, (5, 1), size=3000) == Written(n - len(newer), len(newer), 0)
    for i, user in enumerate(users):
        assert_holds(client, user, (9, 9) if i % 3 == 0 else (5, 1), size=0 if i % 3 == 0 else 3000)


def test_a_value_larger_than_any_buffer_is_written(client: redis.Redis, target: Target) -> None:
    with RedisWriter(target, on_wait=refuse_to_wait) as writer:
        assert put(writer, ["ana", "bo"], (5, 1), size=20_000_000).written == 2
    assert_holds(client, "bo", (5, 1), size=20_000_000)


def test_keys_expire_and_every_write_starts_their_life_anew(client: redis.Redis, redis_server: RedisServer) -> None:
    with RedisWriter(Target(redis_server.url, ttl_seconds=500), on_wait=refuse_to_wait) as writer:
        put(writer, ["ana"], (5, 1))
        keys = [recommendations_key("ana", "home"), profile_key("ana")]
        assert [client.ttl(key) in (499, 500) for key in keys] == [True, True]
        for key in keys:
            client.expire(key, 20)
        assert put(writer, ["ana"], (4, 1)).stale == 1
        assert [client.ttl(key) in (19, 20) for key in keys] == [True, True]
        put(writer, ["ana"], (5, 2))
        assert [client.ttl(key) in (499, 500) for key in keys] == [True, True]


def test_without_profiles_the_version_still_decides(client: redis.Redis, redis_server: RedisServer) -> None:
    with RedisWriter(Target(redis_server.url, keep_profile=False), on_wait=refuse_to_wait) as writer:
        put(writer, ["ana"], (5, 1))
        assert client.get(profile_key("ana")) == bytes([0] * 7 + [5] + [0] * 7 + [1])
        assert put(writer, ["ana"], (4, 1)).stale == 1


def test_all_surfaces_of_a_user_change_together(client: redis.Redis, redis_server: RedisServer) -> None:
    target = Target(redis_server.url, surfaces=("home", "cart"))

    def write(writer: RedisWriter, version: Version) -> Written:
        values = [(value_of("ana", version), b"cart " + value_of("ana", version))]
        return writer.write([b"ana"], np.array([version], np.uint64), values, [profile_of("ana", version)])

    with RedisWriter(target, on_wait=refuse_to_wait) as writer:
        assert [write(writer, version).written for version in ((5, 1), (4, 9))] == [1, 0]
        assert_holds(client, "ana", (5, 1))
        assert client.get(recommendations_key("ana", "cart")) == b"cart " + value_of("ana", (5, 1))
        with pytest.raises(ValueError, match="1 values for 2 surfaces"):
            writer.write([b"ana"], np.array([(6, 0)], np.uint64), [(b"x",)], [b""])
        assert write(writer, (6, 1)).written == 1


def test_fallbacks_are_there_as_soon_as_it_is_open_and_never_expire(client: redis.Redis, redis_server: RedisServer) -> None:
    fallbacks = {"rec:default:home": b"all", "rec:default:3:home": b"three"}
    with RedisWriter(Target(redis_server.url, prefix="p:"), fallbacks, refuse_to_wait) as writer:
        writer.open()
        assert client.mget("p:rec:default:home", "p:rec:default:3:home") == [b"all", b"three"]
        assert client.ttl("p:rec:default:home") == -1


def test_a_new_model_brings_its_fallbacks(client: redis.Redis, target: Target) -> None:
    with RedisWriter(target, {"rec:default:home": b"old"}, refuse_to_wait) as writer:
        put(writer, ["ana"], (1, 1))
        writer.set_fallbacks({"rec:default:home": b"new"})
        put(writer, ["ana"], (1, 2))
        assert client.get("rec:default:home") == b"new"


def test_an_emptied_redis_gets_its_fallbacks_again(client: redis.Redis, target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr("udfs.redis_writes.time.monotonic", lambda: now[0])
    with RedisWriter(target, {"rec:default:home": b"all"}, refuse_to_wait) as writer:
        put(writer, ["ana"], (1, 1))
        client.flushall()
        now[0] += 59
        put(writer, ["ana"], (1, 2))
        assert client.get("rec:default:home") is None
        now[0] += 1
        put(writer, ["ana"], (1, 3))
        assert client.get("rec:default:home") == b"all"


def test_a_flushed_script_is_loaded_again_without_a_wait(client: redis.Redis, target: Target) -> None:
    with RedisWriter(target, on_wait=refuse_to_wait) as writer:
        put(writer, ["ana"], (1, 1))
        client.script_flush()
        assert put(writer, ["ana", "bo"], (2, 1)) == Written(2, 0, 1)
        assert_holds(client, "bo", (2, 1))


def test_what_the_target_shows_of_itself_holds_no_secret() -> None:
    shown = repr(Target("redis://ana:hush@shop:6379/0", password="quiet"))
    assert "hush" not in shown
    assert "quiet" not in shown
