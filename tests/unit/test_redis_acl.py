"""The ACL file, loaded by a real Redis: each user can do what she is for, and nothing else."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from jobs import cli
from jobs.embedded.redis_server import RedisServer, start_redis
from tests.unit.redis_batches import assert_holds, put
from tests.unit.redis_prefixes import fill
from udfs.errors import UsageError
from udfs.keys import fallback_key, profile_key, recommendations_key
from udfs.redis_acl import Login, acl_line
from udfs.redis_connection import check
from udfs.redis_errors import RedisRefused
from udfs.redis_writes import RedisWriter, Target, Written

PREFIX, SHADOW = "shop[1]*:", "shadow:"
PASSWORDS = {"job": "jobs pass", "reader": "readers", "api": "serves", "tools": "toolbox", "default": "admins"}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A server with the file that the command writes."""
    folder = tmp_path_factory.mktemp("guarded")
    with pytest.MonkeyPatch.context() as patch:
        for role, password in PASSWORDS.items():
            patch.setenv(f"SWERVE_ACL_{role.upper()}", password)
        assert cli.main(["redis-acl", "--prefix", PREFIX, "--shadow", SHADOW, "--out", str(folder / "users.acl")]) == 0
    assert stat.S_IMODE((folder / "users.acl").stat().st_mode) == 0o600
    server = start_redis(folder, password=PASSWORDS["default"], options={"aclfile": str(folder / "users.acl")})
    yield server
    server.stop()


def url(server: RedisServer, role: str) -> str:
    return f"redis://swerve-{role}:{PASSWORDS[role].replace(' ', '%20')}@127.0.0.1:{server.port}/0"


@pytest.fixture
def admin(guarded: RedisServer) -> Iterator[redis.Redis]:
    with redis.Redis(port=guarded.port, password=PASSWORDS["default"]) as client:
        client.flushall()
        client.acl_log_reset()
        yield client


def test_the_job_writes_under_its_prefix_only(guarded: RedisServer, admin: redis.Redis) -> None:
    fallbacks = {fallback_key("home"): b"all"}
    with RedisWriter(Target(url(guarded, "job"), prefix=PREFIX), fallbacks) as writer:
        assert put(writer, ["ana"], (5, 1)) == Written(1, 0, 0)
        assert put(writer, ["ana"], (4, 1)) == Written(0, 1, 0)
    assert_holds(admin, "ana", (5, 1), prefix=PREFIX)
    assert admin.get(fallback_key("home", prefix=PREFIX)) == b"all"
    assert admin.acl_log() == []  # nothing that the writer does was refused
    before = admin.dbsize()
    for prefix in ("", SHADOW, "shop1x:", "shop"):
        waited: list[str] = []
        with RedisWriter(Target(url(guarded, "job"), prefix=prefix), on_wait=waited.append) as writer:
            with pytest.raises(RedisRefused, match="does not let this user write here") as caught:
                put(writer, ["ana"], (9, 1))
            assert "\n" not in str(caught.value)
            assert "redis-acl" in caught.value.hint
        assert waited == []
    assert admin.dbsize() == before


@pytest.mark.parametrize(
    "command",
    [
        "GET {0}rec:{{ana}}:home",
        "DEL {0}rec:{{ana}}:home",
        "KEYS *",
        "FLUSHALL",
        "CONFIG GET *",
        "ACL LIST",
        "EVAL return 0",
        "SCRIPT FLUSH",
        "CLIENT KILL TYPE normal",
    ],
)
def test_the_job_may_do_nothing_else(guarded: RedisServer, admin: redis.Redis, command: str) -> None:
    with redis.Redis.from_url(url(guarded, "job")) as client, pytest.raises(redis.exceptions.NoPermissionError):
        client.execute_command(*command.format(PREFIX).split())


def test_a_reader_reads_recommendations_and_nothing_else(guarded: RedisServer, admin: redis.Redis) -> None:
    with RedisWriter(Target(url(guarded, "job"), prefix=PREFIX), {fallback_key("home"): b"all"}) as writer:
        put(writer, ["ana"], (5, 1))
    mine, everybodys = recommendations_key("ana", "home", PREFIX), fallback_key("home", prefix=PREFIX)
    with redis.Redis.from_url(url(guarded, "reader")) as client:
        assert client.get(mine)
        assert client.mget(mine, everybodys)[1] == b"all"
        for refused in (
            ("SET", mine, "x"),
            ("DEL", mine),
            ("GET", f"{PREFIX}profile:{{ana}}"),
            ("GET", recommendations_key("ana", "home", SHADOW)),
            ("KEYS", "*"),
            ("SCAN", "0"),
            ("PUBLISH", "channel", "x"),
        ):
            with pytest.raises(redis.exceptions.NoPermissionError):
                client.execute_command(*refused)
    assert_holds(admin, "ana", (5, 1), prefix=PREFIX)


def test_the_api_reads_profiles_as_well_in_any_database_and_writes_nothing(guarded: RedisServer, admin: redis.Redis) -> None:
    with RedisWriter(Target(url(guarded, "job"), prefix=PREFIX)) as writer:
        put(writer, ["ana"], (5, 1))
    mine, profile = recommendations_key("ana", "home", PREFIX), profile_key("ana", PREFIX)
    with redis.Redis.from_url(url(guarded, "api")) as client:
        assert all(client.mget(mine, profile))
        for refused in (("SET", mine, "x"), ("DEL", mine), ("GET", recommendations_key("ana", "home", SHADOW)), ("EVAL", "return 1", "0")):
            with pytest.raises(redis.exceptions.NoPermissionError):
                client.execute_command(*refused)
    with redis.Redis.from_url(url(guarded, "api").removesuffix("/0") + "/1") as client:
        assert client.get(mine) is None


def test_the_tools_show_compare_and_promote(
    guarded: RedisServer, admin: redis.Redis, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    mine = ("--redis", url(guarded, "tools"), "--set", f"redis.prefix={PREFIX}", "--set", f"work={tmp_path}", "--json")
    own = f"redis://:{PASSWORDS['default']}@127.0.0.1:{guarded.port}/0"
    fill(own, PREFIX, {"ana": ((5, 1), 0)})
    fill(own, SHADOW, {"ana": ((5, 2), 0), "bo": ((5, 2), 0)})
    assert cli.main(["diff", PREFIX, SHADOW, *mine]) == 1
    assert cli.main(["promote", SHADOW, "--yes", *mine]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert json.loads(out.split("\n}\n", 1)[1])["promoted"] == 2
    assert cli.main(["diff", PREFIX, "third:", *mine]) == 1
    _, err = capsys.readouterr()
    assert err.count("\n") == 1
    assert "does not let this user" in err


@pytest.mark.parametrize("role", ["job", "tools", "reader", "api"])
def test_every_user_may_ask_whether_it_answers(guarded: RedisServer, role: str) -> None:
    assert check(url(guarded, role)).count(".") == 2


def test_who_gives_no_name_gets_nothing_without_the_administrators_password(guarded: RedisServer) -> None:
    with redis.Redis(port=guarded.port) as client, pytest.raises(redis.AuthenticationError):
        client.ping()


def test_the_file_holds_no_password(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for role, password in PASSWORDS.items():
        monkeypatch.setenv(f"SWERVE_ACL_{role.upper()}", password)
    assert cli.main(["redis-acl"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert [line.split()[1] for line in out.splitlines()] == ["default", "swerve-job", "swerve-reader", "swerve-api", "swerve-tools"]
    assert [password for password in PASSWORDS.values() if password in out.replace("swerve-", "")] == []
    monkeypatch.delenv("SWERVE_ACL_READER")
    assert cli.main(["redis-acl"]) == 2
    assert "SWERVE_ACL_READER" in capsys.readouterr().err


@pytest.mark.parametrize(("name", "prefix"), [("a b", ""), ("", ""), ("ana", "x y:"), ("ana", '"'), ("ana", "a\\b"), ("ana", "\n")])
def test_what_would_break_the_file_is_refused(name: str, prefix: str) -> None:
    with pytest.raises(UsageError):
        acl_line("job", Login(name, "x"), (prefix,))
