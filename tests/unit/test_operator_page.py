"""The operator's page without a browser: what is counted, over which span, for whom; and the job's records as they are written."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from jobs.embedded.redis_server import RedisServer
from serving.app import Application
from serving.hub import Hub
from serving.look.pages import Look
from serving.operator.board import STEPS, Board, quantile
from serving.operator.feeds import ArchiveFeed, Said
from serving.operator.freshness import Freshness
from serving.operator.meters import RECENT_MS, Meters, Spans, percentile
from serving.operator.part import Operator, OperatorOptions
from serving.problems import Problem
from tests.unit.pages import Page, ask, go, running
from udfs.archive import ArchiveWriter
from udfs.keys import profile_key
from udfs.schemas import load


def change(user: str, segment: int, cause: str = "interest", at: int = 2**50) -> Said:
    return ("segments", {"user_id": user, "to_segment": segment, "cause": cause, "event_time": at})


def meters(others: Mapping[str, Mapping[str, float]] | None = None) -> Meters:
    return Meters(lambda segment: f"s{segment}", ("home", "cart"), (lambda: others) if others is not None else None)


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 3))))
def test_a_shopper_is_in_the_segment_that_she_went_to_last(changes: list[tuple[str, int]]) -> None:
    counted = meters()
    counted.said([change(*one) for one in changes])
    last = dict(changes)
    sizes = {f"s{segment}": list(last.values()).count(segment) for segment in set(last.values())}
    assert counted.segments() == sizes


def test_segments_are_those_of_the_shoppers_heard_of_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("serving.operator.meters.SHOPPERS", 2)
    counted = meters()
    counted.said([change("ana", 1), change("bea", 1), change("ana", 2), change("eve", 3)])
    assert counted.segments() == {"s2": 1, "s3": 1}


def test_clicks_and_impressions_are_counted_where_their_list_was_shown() -> None:
    counted = meters()
    counted.said([("recommendations", {"recommendation_id": "r1", "surface": "cart", "event_time": 1})])
    for name, shown in (("view_item_list", "r1"), ("select_item", "r1"), ("view_item_list", "unknown"), ("select_item", None)):
        counted.accepted({"event_name": name, "recommendation_id": shown})
    counts = counted.counts()
    assert (counts["impressions"], counts["clicks"]) == ({"cart": 1, "home": 1}, {"cart": 1})
    assert counts["events"] == {"view_item_list": 2, "select_item": 2}


def test_what_a_job_makes_up_for_is_not_what_happens_now() -> None:
    counted = meters()
    old = ("recommendations", {"recommendation_id": "r1", "surface": "cart", "event_time": 1})
    counted.said([change("ana", 1, "shift", at=1), old, change("bea", 2, "shift", at=RECENT_MS)], now_ms=2 * RECENT_MS)
    counts = counted.counts()
    assert (sum(counts["swerves"].values()), sum(counts["rankings"].values())) == (1, 0)
    assert counted.segments() == {"s1": 1, "s2": 1}


def test_a_span_has_what_grew_in_it() -> None:
    now, others = [0.0], {"rejected": {"bad_price": 2.0}}
    counted = meters(others)
    spans = Spans(counted, lambda: now[0])
    counted.accepted({"event_name": "page_view"})
    now[0] = 4.0
    others["rejected"] = {"bad_price": 5.0}
    assert spans.next() == {
        "seconds": 4.0, "events": {"page_view": 1}, "rejected": {"bad_price": 3.0}, "impressions": {}, "clicks": {}, "dead": {},
        "swerves": {}, "rankings": {}, "changes": {},
    }  # fmt: skip
    assert spans.next()["events"] == {}


def test_the_board_keeps_an_hour() -> None:
    counted = meters()
    board = Board(counted)
    board.gauges["lag"] = {"records": 3}
    counted.said([change("ana", 1, "shift"), ("dead-letters", {"reason": "malformed"})])
    counted.seen_after(120.0)
    now = board.second()
    assert (now["segments"], now["lag"], now["dead"], now["fresh"]) == (
        {"s1": 1}, {"records": 3}, {"malformed": 1}, {"p50": 120.0, "p99": 120.0, "n": 1},
    )  # fmt: skip
    assert now["swerves"] > 0
    for _ in range(STEPS + 5):
        board.step()
    state = board.state()
    assert len(state["samples"]) == STEPS
    assert state["totals"]["dead"] == {"malformed": 1}
    assert orjson.dumps(state)


@given(st.lists(st.floats(0, 1e6), min_size=1), st.sampled_from([0.5, 0.99, 1.0]))
def test_a_percentile_is_one_of_the_values_that_enough_do_not_exceed(values: list[float], share: float) -> None:
    found = percentile(values, share)
    assert found in values
    assert sum(value <= found for value in values) >= share * len(values) - 1e-6


def test_a_feed_gives_each_record_once_also_of_files_that_are_still_written(tmp_path: Path) -> None:
    feed = ArchiveFeed(tmp_path)
    assert feed.poll() == []
    letter = {"topic": "t", "partition": 0, "offset": 0, "timestamp": 1, "reason": "malformed", "detail": "", "failed_at": 2}
    with ArchiveWriter(tmp_path, load("dead_letter"), prefix="dead-letters") as writer:
        writer.append_records([letter])
        assert [record["reason"] for _, record in feed.poll()] == ["malformed"]
        assert feed.poll() == []
        writer.append_records([{**letter, "reason": "empty"}, {**letter, "reason": "bad_price"}])
        file = writer.files[0]
        whole = file.read_bytes()
        file.write_bytes(whole[:-5])  # as it looks while a block is written
        assert feed.poll() == []
        file.write_bytes(whole)
        assert [record["reason"] for _, record in feed.poll()] == ["empty", "bad_price"]


def test_a_feed_passes_over_what_is_no_archive(tmp_path: Path) -> None:
    (tmp_path / "segments-0-000000.avro").write_bytes(b"Obj")
    (tmp_path / "recommendations-0-000000.avro").write_bytes(b"something else")
    assert ArchiveFeed(tmp_path).poll() == []


def test_an_event_is_followed_until_its_profile_has_seen_it() -> None:
    clocks = {"ana": 0, "late": 9}
    took: list[float] = []

    async def clock(user: str) -> int:
        return clocks[user]

    async def follow() -> None:
        freshness = Freshness(clock, took.append)
        task = asyncio.create_task(freshness.run())
        await asyncio.sleep(0)
        freshness.accepted({"user_id": "ana", "event_time": 5, "personalization_storage": "DENIED"})
        freshness.accepted({"user_id": "ana", "event_time": 5, "personalization_storage": "GRANTED"})
        await asyncio.sleep(0.05)
        assert took == []
        clocks["ana"] = 5
        await asyncio.sleep(0.1)
        task.cancel()
        await Freshness(clock, took.append)._follow("late", 8, 0.0)

    go(follow)
    assert len(took) == 1
    assert took[0] >= 50


def operator_over(server: RedisServer, hub: Hub, feeds: tuple[Any, ...] = ()) -> list[Any]:
    def admin(request: Request) -> None:
        if request.headers.get("authorization") != "Bearer admin":
            raise Problem(401, "no key")

    look = Look()
    options = OperatorOptions(server.url, admin, lambda segment: f"s{segment}", feeds=feeds, gauges=lambda: {"lag": {"bytes": 7}})
    return [look, Operator(options, hub, look)]


def test_the_page_is_for_everybody_and_what_it_shows_for_who_has_the_key(redis_server: RedisServer) -> None:
    async def look() -> None:
        app = Application(operator_over(redis_server, Hub()))
        page = await ask(app, "/operator")
        assert page.status == 200
        assert "unsafe" not in page.headers["content-security-policy"]
        assert not [script for script in Page(page.text).all("script") if "src" not in script]
        for path in ("/v1/operator/state", "/v1/operator/stream"):
            assert (await ask(app, path)).status == 401
            assert (await ask(app, path, headers={"authorization": "Bearer guess"})).status == 401

    go(look)


def test_it_counts_from_the_start_what_the_hub_and_the_job_say(redis_server: RedisServer, client: redis.Redis, tmp_path: Path) -> None:
    with ArchiveWriter(tmp_path, load("dead_letter"), prefix="dead-letters") as writer:
        writer.append_records(
            [{"topic": "t", "partition": 0, "offset": 0, "timestamp": 1, "reason": "empty", "detail": "", "failed_at": 2}]
        )

    async def look() -> None:
        hub = Hub()
        app = Application(operator_over(redis_server, hub, (ArchiveFeed(tmp_path),)))
        async with running(app):
            await asyncio.sleep(0.1)
            hub.publish({"user_id": "ana", "event_name": "view_item", "event_time": 9, "personalization_storage": "GRANTED"})
            client.set(profile_key("ana"), (9).to_bytes(8, "big") + bytes(8))
            for _ in range(100):
                state = (await ask(app, "/v1/operator/state", headers={"authorization": "Bearer admin"})).json()
                if state["totals"]["dead"]:
                    break
                await asyncio.sleep(0.05)
            assert (state["totals"]["events"], state["totals"]["dead"]) == ({"view_item": 1}, {"empty": 1})

    go(look)


@given(st.lists(st.floats(1e-4, 4.9), min_size=1), st.sampled_from([0.5, 0.99]))
def test_a_percentile_of_buckets_lies_in_the_bucket_of_the_true_one(values: list[float], share: float) -> None:
    ends = (0.001, 0.01, 0.1, 1.0, 5.0)
    buckets = {str(end): float(sum(before < value <= end for value in values)) for before, end in zip((0.0, *ends), ends)}
    true = percentile(values, share)
    estimated = quantile(buckets, share)
    assert true is not None
    assert estimated is not None
    place = next(k for k, end in enumerate(ends) if true <= end)
    assert (0.0, *ends)[place] <= estimated / 1000 + 1e-6
    assert estimated / 1000 <= ends[place] + 1e-6
