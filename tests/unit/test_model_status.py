"""What the instances of a job say about the model that they serve, as people get to see it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import redis

from jobs import cli
from jobs.embedded.redis_server import RedisServer
from jobs.serving import bundle_that_ranked, source_of
from jobs.settings import Settings
from models.bundle import Bundle
from models.follow import Follower, Pinned
from models.registry import Model
from tests.unit.registries import NAME, damage, make_model, point_by_hand
from udfs.errors import SwerveError
from udfs.model_status import TTL_SECONDS, Announcer, Serving, in_words, read_serving, summarise
from udfs.redis_acl import Login, acl_line


def announcer(server: RedisServer, operator: str, instance: int, prefix: str = "") -> Announcer:
    return Announcer(server.url, None, prefix, operator, str(instance), 2)


def test_two_of_two_serve_and_one_refuses(client: redis.Redis, redis_server: RedisServer) -> None:
    for operator in ("rank", "profiles"):
        for instance in range(2):
            refused = ("8", "NaN scores") if instance else (None, None)
            announcer(redis_server, operator, instance).say(NAME, "7", *refused)
    assert all(0 < client.pttl(key) <= 1000 * TTL_SECONDS for key in client.scan_iter())  # type: ignore[operator]
    (model,) = summarise(read_serving(client)).values()
    assert model == {
        "operators": {"rank": {"instances": 2, "versions": {"7": 2}}, "profiles": {"instances": 2, "versions": {"7": 2}}},
        "refused": {"8": ["NaN scores"]},
    }
    assert in_words(model) == "version 7 on 2 of 2 of rank; version 7 on 2 of 2 of profiles; version 8 is refused: NaN scores"


def test_who_goes_takes_it_back_and_who_died_is_replaced(client: redis.Redis, redis_server: RedisServer) -> None:
    announcer(redis_server, "rank", 0).say(NAME, "6", None, None)  # dies, and another one comes for it
    ones = [announcer(redis_server, "rank", instance) for instance in (1, 2)]
    for one in ones:
        one.say(NAME, "7", None, None)
    found = read_serving(client)
    assert len(found) == 3
    newest = [Serving(**{**vars(one), "at": int(one.version)}) for one in found]
    assert summarise(newest)[NAME]["operators"]["rank"]["versions"] == {"7": 2}
    for one in ones:
        one.close()
    while len(found := read_serving(client)) > 1:
        pass
    assert [one.version for one in found] == ["6"]


def test_it_is_said_again_only_when_it_changes_or_is_about_to_be_forgotten(client: redis.Redis, redis_server: RedisServer) -> None:
    one = announcer(redis_server, "rank", 0)
    for _ in range(3):
        one.say(NAME, "7", None, None)
    (first,) = read_serving(client)
    client.flushall()
    one.say(NAME, "7", None, None)
    assert read_serving(client) == []
    one._due = 0.0
    one.say(NAME, "7", None, None)
    assert [found.version for found in read_serving(client)] == ["7"]
    one.say(NAME, "7", "8", "slow")
    assert [(found.version, found.refused) for found in read_serving(client)] == [("7", "8")]
    assert first.at > 1_700_000_000_000


def test_prefixes_are_apart(client: redis.Redis, redis_server: RedisServer) -> None:
    announcer(redis_server, "rank", 0, "a[b]*:").say(NAME, "7", None, None)
    announcer(redis_server, "rank", 0).say(NAME, "8", None, None)
    assert [one.version for one in read_serving(client, "a[b]*:")] == ["7"]
    assert [one.version for one in read_serving(client)] == ["8"]


def test_a_redis_that_is_away_or_refuses_is_passed_over(client: Any, redis_server: RedisServer) -> None:
    gone = Announcer("redis://127.0.0.1:1/0", None, "", "rank", "0", 1)
    gone.say(NAME, "7", None, None)
    gone.close()
    client.execute_command("ACL", "SETUSER", *acl_line("reader", Login("one", "secret")).split()[1:])
    may_not = Announcer(redis_server.url.replace("redis://", "redis://one:secret@"), None, "", "rank", "0", 1)
    may_not.say(NAME, "7", None, None)
    may_not.close()
    client.execute_command("ACL", "DELUSER", "one")
    assert client.dbsize() == 0


def test_a_key_that_is_none_of_ours_is_named(client: redis.Redis) -> None:
    client.set("models:x", "mine")
    with pytest.raises(SwerveError, match="models:"):
        read_serving(client)


@pytest.fixture
def model(tmp_path: Path) -> Model:
    model = make_model(tmp_path / "models", "1", "2")
    point_by_hand(model, "1")
    return model


def version_of(bundle: Bundle) -> str:
    return bundle.version


def test_only_a_live_job_with_a_pointer_follows(model: Model, redis_server: RedisServer) -> None:
    settings = Settings().with_values({"model.path": model.folder, "redis.url": redis_server.url})
    fixed = settings.with_values({"model.path": model.path_of("2")})
    assert isinstance(source_of(settings, "rank", version_of, follow=True), Follower)
    for found, version in (
        (source_of(settings, "rank", version_of, follow=False), "1"),
        (source_of(fixed, "rank", version_of, follow=True), "2"),
    ):
        assert isinstance(found, Pinned)
        assert found.begin() == version


def test_what_a_follower_says_is_what_is_listed(
    model: Model, client: redis.Redis, redis_server: RedisServer, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = Settings().with_values({"model.path": model.folder, "redis.url": redis_server.url, "model.max_us_per_user": 10**9})
    one = source_of(settings, "rank", version_of, follow=True)
    assert one.begin() == "1"
    damage(model.path_of("2"))
    point_by_hand(model, "2")
    assert isinstance(one, Follower)
    one.look()
    listing = ["models", "list", "--models", str(model.folder.parent), "--redis", redis_server.url]
    assert cli.main([*listing, "--json"]) == 0
    (listed,) = json.loads(capsys.readouterr().out)["models"]
    assert listed["serving"]["operators"] == {"rank": {"instances": 1, "versions": {"1": 1}}}
    ((reason,),) = listed["serving"]["refused"].values()
    assert "popularity.npy" in reason
    assert cli.main(listing) == 0
    assert "in the job: version 1 on 1 of 1 of rank; version 2 is refused" in capsys.readouterr().out
    one.close()
    while read_serving(client):
        pass
    assert cli.main(listing) == 0
    assert "no job says that it follows this model" in capsys.readouterr().out


def test_a_value_is_explained_by_the_bundle_that_made_it(model: Model) -> None:
    point_by_hand(model, "2")
    settings = Settings().with_values({"model.path": model.folder})
    assert bundle_that_ranked(settings, "1") == model.path_of("1")
    assert bundle_that_ranked(settings, "0") == bundle_that_ranked(settings, None) == model.path_of("2")
    assert bundle_that_ranked(settings.with_values({"model.path": model.path_of("2")}), "1") == model.path_of("2")
