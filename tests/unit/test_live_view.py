"""The live view without a browser: what changed, for whom a stream opens, and what it says, over a real Redis."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import orjson
import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from jobs.embedded.redis_server import RedisServer
from models.bundle import Bundle
from serving.app import Application
from serving.hub import Hub
from serving.live.changes import list_changes, point
from serving.live.part import Live, LiveOptions
from serving.live.tickets import SECONDS, Tickets
from serving.live.trail import Trail
from serving.live.watch import Watchers
from serving.problems import Problem
from serving.redis_client import make_client
from tests.unit.pages import ask, go, running
from udfs.keys import VERSION_BYTES, profile_key, recommendations_key
from udfs.profile import empty_profiles, pack_profiles

USER = "v1"
NAMES = {1: "Headphones", 2: "Prams"}
BUNDLE = cast(
    "Bundle",
    SimpleNamespace(
        category_name=lambda category: NAMES[category],
        segment_name=lambda segment: f"segment {segment}",
        manifest=SimpleNamespace(training={}),
    ),
)


def value(*items: str, event_time: int = 1) -> bytes:
    listed = [{"item_id": item, "score": 1.0, "reason": "popular"} for item in items]
    return orjson.dumps({"recommendation_id": "".join(items), "event_time": event_time, "items": listed})


def profile(events: int, focus: int = 1, evidence: int = 0, shifts: int = 0, segment: int = 0) -> bytes:
    profiles = empty_profiles(1)
    one = profiles[0]
    one["n_events"], one["clock"], one["focus"], one["shifts"], one["segment"] = events, events * 1_000, focus, shifts, segment
    for place, (category, counts) in enumerate({1: (3, 9), 2: (1, 1)}.items()):
        entry = one["categories"][place]
        entry["category"], entry["short"][0], entry["long"][0] = category, *counts
        entry["evidence"] = evidence if category != focus else 0
    return bytes(VERSION_BYTES) + pack_profiles(np.asarray(profiles))[0]


LISTS = st.lists(st.sampled_from("abcdefghij"), unique=True, max_size=12)


@given(LISTS, LISTS)
def test_a_change_tells_the_whole_new_list_and_all_that_left(before: list[str], after: list[str]) -> None:
    change = list_changes(orjson.loads(value(*before)), orjson.loads(value(*after)))
    assert [one["item_id"] for one in change["items"]] == after
    assert [one["place"] for one in change["items"]] == list(range(len(after)))
    assert {one["item_id"]: one["was"] for one in change["items"]} == {one: before.index(one) if one in before else None for one in after}
    assert [one["item_id"] for one in change["left"]] == [one for one in before if one not in after]


def test_the_evidence_is_followed_to_the_swerve() -> None:
    trail = Trail()
    first = trail.read(None, profile(1, evidence=512), BUNDLE)
    later = trail.read(None, profile(2, focus=2, shifts=1, segment=7), BUNDLE)
    assert [message.name for message in first] == ["profile"]
    assert first[0].document["point"]["evidence"] == {"Prams": 2.0}
    assert [message.name for message in later] == ["profile", "segment"]
    assert later[0].document["point"]["swerve"] == {"from": "Headphones", "to": "Prams"}
    assert later[1].document["to"] == {"id": 7, "name": "segment 7"}
    assert [one["short"] for one in later[0].document["profile"]["windows"]] == [3, 1]
    assert later[0].document["point"]["threshold"] == 9.0


def test_the_first_profile_that_is_seen_is_no_swerve() -> None:
    after = {"events": 3, "time": 1, "shift": {"shifts": 2, "focus": "Prams", "threshold": 9.0, "challengers": []}}
    assert point(None, after)["swerve"] is None


def test_a_list_says_how_long_after_its_event_it_came() -> None:
    trail = Trail()
    trail.read(value("a"), None, BUNDLE)
    trail.happened({"event_name": "view_item", "event_time": 5_000, "item_id": "b", "user_id": USER, "search_term": None}, now_ms=5_200)
    (message,) = trail.read(value("b", "a", event_time=5_000), None, BUNDLE, now_ms=5_450)
    assert message.document["answers"] == {"event_name": "view_item", "item_id": "b"}
    assert (message.document["since_event_ms"], message.document["since_kept_ms"]) == (450, 250)
    (unknown,) = trail.read(value("c", event_time=4_000), None, BUNDLE, now_ms=5_500)
    assert "since_event_ms" not in unknown.document


def test_a_clock_that_lies_tells_no_duration() -> None:
    trail = Trail()
    trail.read(value("a"), None, BUNDLE)
    trail.happened({"event_name": "view_item", "event_time": 9_000_000, "user_id": USER}, now_ms=1_000)
    (message,) = trail.read(value("b", event_time=9_000_000), None, BUNDLE, now_ms=1_100)
    assert (message.document["since_event_ms"], message.document["since_kept_ms"]) == (None, 100)


@pytest.mark.parametrize("stored", [b"", b"{}", b"not json", b'{"items": 3}'])
def test_what_is_none_of_ours_in_redis_changes_nothing(stored: bytes) -> None:
    assert Trail().read(stored, bytes(VERSION_BYTES) + b"no profile", BUNDLE) == []


@given(st.text(), st.text(), st.integers(0, 2**40))
def test_a_ticket_is_for_one_user_and_a_minute(user: str, other: str, now: int) -> None:
    tickets = Tickets(b"secret")
    ticket = tickets.make(user, now)
    assert tickets.good(ticket, user, now + SECONDS)
    assert not tickets.good(ticket, user, now + SECONDS + 1)
    assert tickets.good(ticket, other, now) == (user == other)
    assert not Tickets(b"another").good(ticket, user, now)


@given(st.text())
def test_whatever_else_is_sent_is_no_ticket(text: str) -> None:
    assert not Tickets(b"secret").good(text, USER)


def test_only_so_many_watch_and_who_leaves_makes_room() -> None:
    async def nothing(_: str) -> tuple[None, None]:
        return None, None

    async def watch() -> None:
        watchers = Watchers(Hub(), nothing, lambda: BUNDLE, most=2, most_of_one=1)
        _, leave = watchers.enter("ana")
        for user in ("ana", "eve"):
            if user == "eve":
                watchers.enter("bea")
            with pytest.raises(Problem) as refused:
                watchers.enter(user)
            assert (refused.value.status_code, refused.value.headers) == (503, {"Retry-After": "5"})
        leave()
        watchers.enter("eve")
        await watchers.finish()
        assert watchers.streams == 0
        with pytest.raises(Problem):
            watchers.enter("ana")

    go(watch)


def live_over(server: RedisServer, hub: Hub, authorise: Callable[[Request, str], None] = lambda _request, _user: None) -> Live:
    return Live(LiveOptions(server.url, lambda: BUNDLE, authorise, secret=b"secret"), hub)


async def messages(stream: AsyncIterator[bytes]) -> AsyncIterator[tuple[str, Any]]:
    async for part in stream:
        fields = dict(line.split(": ", 1) for line in part.decode().strip().split("\n") if ": " in line)
        if "data" in fields:
            yield fields["event"], orjson.loads(fields["data"])


def test_a_watcher_hears_event_profile_and_list_as_they_come_and_the_next_one_what_was_before(
    redis_server: RedisServer, client: redis.Redis
) -> None:
    client.mset({recommendations_key(USER, "home"): value("a"), profile_key(USER): profile(1)})

    async def watch() -> None:
        hub = Hub()
        live = live_over(redis_server, hub)
        async with running(Application([live])):
            heard = messages(live.watchers.enter(USER)[0])
            assert (await anext(heard))[0] == "hello"
            assert [(await anext(heard))[0] for _ in range(2)] == ["profile", "list"]
            now = time.time_ns() // 1_000_000
            hub.publish({"user_id": USER, "event_name": "view_item", "event_time": now, "item_id": "b"})
            hub.publish({"user_id": "somebody else", "event_name": "view_item", "event_time": now, "item_id": "c"})
            assert (await anext(heard))[1]["item_id"] == "b"
            client.mset({recommendations_key(USER, "home"): value("b", "a", event_time=now), profile_key(USER): profile(2, evidence=900)})
            assert (await anext(heard))[1]["point"]["evidence"] == {"Prams": 3.516}
            name, change = await anext(heard)
            assert (name, change["answers"]["item_id"], change["items"][0]["was"]) == ("list", "b", None)
            again = messages(live.watchers.enter(USER)[0])
            name, story = await anext(again)
            assert (name, len(story["events"]), len(story["points"]), len(story["lists"])) == ("hello", 1, 2, 2)
            live.watchers.close()
            assert [name async for name, _ in heard] == []

    go(watch)


def test_a_stream_needs_a_token_or_a_ticket_of_hers(redis_server: RedisServer) -> None:
    def hers(request: Request, user: str) -> None:
        if request.headers.get("authorization") != f"Bearer {user}":
            raise Problem(401, "no token")

    async def watch() -> None:
        app = Application([live_over(redis_server, Hub(), hers)])
        path = f"/v1/users/{USER}/live"
        assert (await ask(app, path)).status == 401
        assert (await ask(app, f"{path}/ticket", "POST")).status == 401
        got = await ask(app, f"{path}/ticket", "POST", {"authorization": f"Bearer {USER}"})
        ticket = got.json()["ticket"]
        assert got.headers["cache-control"] == "no-store"
        assert (await ask(app, f"/v1/users/other/live?ticket={ticket}")).status == 401
        assert (await ask(app, f"{path}?ticket={ticket}x")).status == 401

    go(watch)


def test_redis_away_ends_no_stream() -> None:
    async def away(_: str) -> tuple[bytes | None, bytes | None]:
        raise OSError("away")

    async def watch() -> None:
        hub = Hub()
        watchers = Watchers(hub, away, lambda: BUNDLE, 1, 1)
        heard = messages(watchers.enter(USER)[0])
        assert (await anext(heard))[0] == "hello"
        await asyncio.sleep(0)
        hub.publish({"user_id": USER, "event_name": "page_view", "event_time": 1})
        assert (await anext(heard))[0] == "event"
        await watchers.finish()

    go(watch)


def test_what_asks_redis_checks_the_name_of_its_host_as_the_job_does() -> None:
    def options(url: str) -> dict[str, Any]:
        return dict(make_client(url, "hush").connection_pool.connection_kwargs)

    told = options("rediss://shop.example:6380/0")
    assert (told["ssl_check_hostname"], told["password"], told["lib_name"]) == (True, "hush", None)
    assert "ssl_check_hostname" not in options("rediss://shop.example:6380/0?ssl_cert_reqs=none")
