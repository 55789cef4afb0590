"""The collector from request to log: what it takes, what it refuses and how it says so, and that it acknowledges only what is kept."""

from __future__ import annotations

import asyncio
import gzip
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import fastavro
import orjson
import pytest

from bench.collector_load import template
from serving.collector import ArchiveLog
from tests.unit.asgi import Answer, call, running
from tests.unit.collecting import NOW, Setting, event, post, run
from udfs.archive import files_of, read_records

SHOP = "https://shop.example"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 Version/17.5 Mobile/15E148 Safari/604.1"
BAD: list[tuple[Any, str | None, str]] = [
    (event(2, price=-1), "price", "bad_price"),
    (event(3, price="3"), "price", "wrong_type"),
    (event(4, user_id=None), "user_id", "missing_user_id"),
    (event(5, user_id=" "), "user_id", "missing_user_id"),
    (event(6, user_id="-"), "user_id", "missing_user_id"),
    (event(event_id=None), "event_id", "missing_event_id"),
    (event(8, quantity=0), "quantity", "bad_number"),
    (event(9, quantity=2**31), "quantity", "bad_number"),
    (event(10, quantity=True), "quantity", "wrong_type"),
    (event(11, currency="euro"), "currency", "bad_code"),
    (event(12, country="Ö1"), "country", "bad_code"),
    (event(13, item_name="ü" * 513), "item_name", "too_long"),
    (event(14, item_id="i" * 257), "item_id", "too_long"),
    (event(15, event_time=NOW // 1000), "event_time", "time_too_old"),
    (event(16, event_time=NOW * 1000), "event_time", "time_in_future"),
    (event(17, event_time=NOW - 8 * 24 * 3600 * 1000), "event_time", "time_too_old"),
    (event(18, event_name=7), "event_name", "wrong_type"),
    (event(19, consent="granted"), "consent", "wrong_type"),
    ("event", None, "not_an_object"),
]
"""Events that are refused, each with its field and reason."""


def test_a_batch_is_kept_and_answered() -> None:
    answer, setting = post({"events": [event(1, price=3), event(2, event_name="search", search_term="prams")]})
    assert (answer.status, answer.json) == (202, {"accepted": 2, "duplicates": 0, "dropped": 0, "rejected": []})
    assert setting.memory.events[0] == {
        "event_id": "e1", "user_id": "u", "event_name": "view_item", "event_time": NOW - 1000, "item_id": "i1", "price": 3.0,
        "device": "unknown", "analytics_storage": "DENIED", "personalization_storage": "GRANTED",
    }  # fmt: skip
    assert setting.metric("accepted_total") == 2
    assert setting.collector.counters.totals()["events"] == {"view_item": 1, "search": 1}


def test_each_refusal_has_its_event_field_and_reason() -> None:
    answer, setting = post({"events": [event(1), *(one for one, _, _ in BAD), event(99)]})
    assert (answer.status, answer.json["accepted"]) == (202, 2)
    assert [(one["index"], one["field"], one["reason"]) for one in answer.json["rejected"]] == [
        (place, field, reason) for place, (_, field, reason) in enumerate(BAD, 1)
    ]
    first = answer.json["rejected"][0]
    assert (first["event_id"], first["status"], first["type"]) == ("e2", 422, "about:blank")
    assert first["detail"] == "price is a finite number, 0 or more"
    assert setting.metric("rejected_total", reason="bad_number") == 2
    assert setting.collector.counters.totals()["rejected"]["wrong_type"] == 4


def test_when_nothing_is_good_the_answer_is_a_problem() -> None:
    answer, setting = post({"events": [event(price=-1)]})
    assert (answer.status, answer.headers["content-type"]) == (422, "application/problem+json")
    assert answer.json["rejected"][0]["field"] == "price"
    assert not setting.memory.events


def test_what_the_schema_does_not_know_is_told_and_does_no_harm() -> None:
    answer, setting = post({"events": [event(1, event_name="swipe", colour="red", device="fridge"), event(2, colour="blue")]})
    assert answer.json["warnings"] == [
        {"field": "colour", "detail": "no field of an event: left out", "events": 2},
        {"field": "event_name", "detail": "not one of the schema's: taken as other", "events": 1},
        {"field": "device", "detail": "not one of the schema's: taken as unknown", "events": 1},
    ]
    assert [one["event_name"] for one in setting.memory.events] == ["other", "view_item"]
    assert "colour" not in setting.memory.events[0]


def test_an_event_sent_again_is_known_but_only_once_it_is_kept() -> None:
    setting = Setting()
    setting.memory.refuses = True
    refused, _ = post({"events": [event()]}, setting=setting)
    assert (refused.status, refused.headers["retry-after"]) == (503, "7")
    assert setting.metric("accepted_total") == 0
    setting.memory.refuses = False
    answers = [post({"events": [event(), event(), event(2)]}, setting=setting)[0].json for _ in range(2)]
    assert [(one["accepted"], one["duplicates"]) for one in answers] == [(2, 1), (0, 3)]
    assert len(setting.memory.events) == 2
    assert setting.collector.counters.totals()["other"] == {"unavailable": 1, "duplicates": 4}


def test_the_same_id_of_another_user_is_another_event() -> None:
    answer, _ = post({"events": [event(), event(user_id="v")]})
    assert answer.json["accepted"] == 2


def test_without_any_consent_an_event_is_dropped() -> None:
    said = {"personalization_storage": "denied", "analytics_storage": "granted", "ad_storage": "denied"}
    events = [
        event(1, personalization_storage=None),
        event(2, personalization_storage="denied"),
        event(3, personalization_storage=None, consent=said),
        event(4, personalization_storage="nonsense"),
    ]
    answer, setting = post({"events": events})
    assert (answer.status, answer.json["accepted"], answer.json["dropped"]) == (202, 1, 3)
    assert [(one["event_id"], one["analytics_storage"]) for one in setting.memory.events] == [("e3", "GRANTED")]
    assert setting.metric("dropped_total") == 3


def test_what_stands_in_front_holds_for_events_that_do_not_say() -> None:
    front = {"user_id": "ana", "session_id": "s", "device": "mobile", "consent": {"analytics_storage": "granted"}}
    events = [event(1, user_id=None), event(2, device="tablet", consent={"analytics_storage": "denied"})]
    _, setting = post({**front, "events": events})
    names = ("user_id", "session_id", "device", "analytics_storage")
    assert [tuple(one[name] for name in names) for one in setting.memory.events] == [
        ("ana", "s", "mobile", "GRANTED"),
        ("u", "s", "tablet", "DENIED"),
    ]


@pytest.mark.parametrize(
    ("sent_at", "event_time", "kept"),
    [
        (NOW - 600_000, NOW - 600_500, NOW - 500),  # ten minutes behind
        (NOW + 600_000, NOW + 599_500, NOW - 500),  # ten minutes ahead
        (NOW - 2_000, NOW - 3_000, NOW - 3_000),  # the network's two seconds
        (None, NOW + 60_000, NOW),
        (NOW, NOW + 60_000, NOW),
        (NOW, None, NOW),
        (NOW, float(NOW - 5), NOW - 5),
    ],
)
def test_a_clock_that_is_wrong_is_put_right_and_never_ahead(sent_at: int | None, event_time: float | None, kept: int) -> None:
    _, setting = post({"sent_at": sent_at, "events": [event(event_time=event_time)]})
    assert setting.memory.events[0]["event_time"] == kept


def test_the_server_adds_what_a_page_cannot_know() -> None:
    setting = Setting(country_header="CF-IPCountry")
    headers = {"origin": "https://collect.example", "user_agent": IPHONE, "cf_ipcountry": "DE"}
    post({"events": [event(1, referrer="https://me:pw@search.example/a?q=prams#x"), event(2, country="fr")]}, setting=setting, **headers)
    post({"events": [event(3)]}, setting=setting, **{**headers, "cf_ipcountry": "XX"})
    server = {**headers, "origin": ""}
    del server["origin"]
    post({"events": [event(4)]}, setting=setting, **server)
    first, second, third, fourth = setting.memory.events
    assert (first["country"], first["device"], first["referrer"]) == ("DE", "mobile", "https://search.example/a")
    assert second["country"] == "FR"
    assert "country" not in third
    assert fourth["device"] == "unknown"
    assert "country" not in fourth


def test_a_beacon_is_text_and_a_body_may_be_gzip() -> None:
    body = orjson.dumps({"events": [event()]})
    assert post(body, content_type="text/plain;charset=UTF-8")[0].status == 202
    assert post(gzip.compress(body), content_encoding="gzip")[0].status == 202
    assert post(gzip.compress(body)[:-9], content_encoding="gzip")[0].status == 400
    assert post(body, content_encoding="br")[0].status == 415
    assert post(body, content_type="application/x-www-form-urlencoded")[0].status == 415


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"3", b"{}", b'{"events": {}}', b'{"events": [], "sent_at": "now"}', b'{"events": [], "sent_at": 1764000}']
)
def test_what_is_no_body_is_a_problem(body: bytes) -> None:
    answer, _ = post(body)
    assert (answer.status, answer.headers["content-type"]) == (400, "application/problem+json")


def test_what_is_too_large_is_not_read() -> None:
    setting = Setting(body_bytes=1000, batch_events=3)
    large = orjson.dumps({"events": [event(item_name="x" * 900)]})

    async def work() -> list[int]:
        told = await call(setting.app, "POST", "/v1/events", large)
        # Without a length it is read until it is too much: what follows never comes.
        cut = await call(setting.app, "POST", "/v1/events", large + b" " * 5000, {"content-length": "?"}, parts=5)
        packed = await setting.post(gzip.compress(b" " * 100_000), content_encoding="gzip")
        many = await setting.post({"events": [{}] * 4})
        return [told.status, cut.status, packed.status, many.status]

    assert run(work) == [413] * 4


def test_the_texts_of_an_event_are_bounded_together() -> None:
    fields = ("item_name", "item_category", "item_category2", "search_term")
    answer, _ = post({"events": [event(1, **dict.fromkeys(fields, "x" * 1000))]}, setting=Setting(event_bytes=2000))
    assert answer.json["rejected"][0]["reason"] == "too_large"


def test_a_write_key_is_asked_for() -> None:
    setting = Setting(write_keys=("k1", "k2"))
    body = {"events": [event()]}
    assert post(body, setting=setting)[0].status == 401
    assert post({**body, "write_key": "k"}, setting=setting)[0].status == 401
    assert post({**body, "write_key": 7}, setting=setting)[0].status == 401
    assert post({**body, "write_key": "k2"}, setting=setting)[0].status == 202
    assert post(body, setting=setting, x_write_key="k1")[0].status == 202


def test_pages_of_other_origins_have_to_be_allowed() -> None:
    setting = Setting(allow_origins=(SHOP,))

    async def work() -> list[Answer]:
        asked = [
            await call(setting.app, "OPTIONS", "/v1/events", headers={"origin": origin, "access-control-request-method": "POST"})
            for origin in (SHOP, "https://shop.example.evil")
        ]
        sent = [
            await setting.post({"events": [event()]}, content_type="text/plain", origin=origin)
            for origin in (SHOP, "https://collect.example", "https://evil.example", "null", "http://shop.example")
        ]
        return [*asked, *sent, await setting.post(b"{", origin=SHOP)]

    answers = run(work)
    assert [one.status for one in answers] == [204, 403, 202, 202, 403, 403, 403, 400]
    assert answers[0].headers["access-control-allow-origin"] == SHOP
    assert "x-write-key" in answers[0].headers["access-control-allow-headers"]
    # A page reads the reason, and when to come back, only if its browser is told that it may.
    assert answers[-1].headers["access-control-allow-origin"] == SHOP
    assert answers[-1].headers["access-control-expose-headers"] == "Retry-After"
    assert not any("access-control-allow-credentials" in one.headers for one in answers)
    assert all(one.headers["vary"] == "Origin" for one in answers)


def test_who_sends_too_much_waits() -> None:
    setting = Setting(address_rate=1.0, burst_seconds=5.0)

    async def work() -> list[Answer]:
        answers = [await setting.post({"events": [event(n) for n in range(4)]}) for _ in range(3)]
        raw = orjson.dumps({"events": [event()]})
        return [*answers, await call(setting.app, "POST", "/v1/events", raw, peer="192.0.2.8")]

    answers = run(work)
    assert [one.status for one in answers] == [202, 202, 429, 202]
    assert 0 < int(answers[2].headers["retry-after"]) <= 4


def test_who_sends_what_cannot_be_taken_waits_too() -> None:
    setting = Setting(write_keys=("k",), address_rate=0.1, burst_seconds=20.0)
    assert [post(body, setting=setting)[0].status for body in (b"{", {"events": [event()]}, b"{")] == [400, 401, 429]


def test_what_waits_for_the_log_is_bounded() -> None:
    setting = Setting(under_way_bytes=500)
    held = asyncio.Event()
    append = setting.memory.append

    async def slowly(events: Any) -> None:
        await held.wait()
        await append(events)

    setting.memory.append = slowly  # type: ignore[method-assign]

    async def work() -> list[Answer]:
        first = [asyncio.create_task(setting.post({"events": [event(n)]})) for n in range(6)]
        done, _ = await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
        assert {one.result().headers["retry-after"] for one in done} == {"1"}
        held.set()
        return [*await asyncio.gather(*first), await setting.post({"events": [event(9)]})]

    statuses = [one.status for one in run(work)]
    assert statuses[-1] == 202
    assert set(statuses) == {202, 503}
    assert len(setting.memory.events) == statuses.count(202)


def test_it_is_ready_again_when_senders_may_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    setting, now = Setting(), 100.0
    monkeypatch.setattr("serving.collector.part.time.monotonic", lambda: now)
    ready = setting.collector.checks()["log"]
    assert ready() is None
    setting.memory.refuses = True
    post({"events": [event()]}, setting=setting)
    assert ready() == "the brokers are away"
    # Nothing came in since: a balancer that asks sends nothing here.
    now += 7
    assert ready() is None


def test_a_proxys_word_on_the_address_counts_only_where_it_is_asked_for() -> None:
    for header, statuses in (("x-forwarded-for", [202, 202, 429]), (None, [202, 429, 429])):
        setting = Setting(address_rate=0.1, burst_seconds=10.0, address_header=header)
        given = ["198.51.100.1", "198.51.100.2", "203.0.113.9, 198.51.100.1"]
        assert [post({"events": [event()]}, setting=setting, x_forwarded_for=one)[0].status for one in given] == statuses


def test_a_key_has_a_limit_of_its_own() -> None:
    setting = Setting(write_keys=("a", "b"), key_rate=0.1, burst_seconds=10.0)
    assert [post({"events": [event()]}, setting=setting, x_write_key=key)[0].status for key in "aab"] == [202, 429, 202]


def test_watchers_see_what_is_kept() -> None:
    async def work() -> list[Any]:
        setting = Setting()
        with setting.hub.watch("u") as queue:
            await setting.post({"events": [event(1), event(2, user_id="v"), event(3, price=-1)]})
            return [queue.get_nowait()["event_id"] for _ in range(queue.qsize())]

    assert run(work) == ["e1"]


def test_other_shapes_come_in_as_well() -> None:
    setting = Setting(write_keys=("k",))
    ga4 = {
        "client_id": "ana",
        "events": [{"name": "view_item", "params": {"currency": "EUR", "items": [{"item_id": "i1", "price": 3}]}}],
    }
    asks = "/v1/ga4?key=k&personalization_storage=granted"
    assert post(ga4, "/v1/ga4?key=k", setting)[0].json["dropped"] == 1
    assert post(ga4, asks, setting)[0].json["accepted"] == 1
    assert post(ga4, asks, setting)[0].json["duplicates"] == 1
    assert post(ga4, "/v1/ga4?api_secret=k", setting)[0].json["dropped"] == 1
    assert post(ga4, "/v1/ga4", setting)[0].status == 401
    assert post({}, "/v1/ga4?key=k", setting)[0].status == 400
    (kept,) = setting.memory.events
    assert (kept["user_id"], kept["item_id"], kept["price"], kept["currency"]) == ("ana", "i1", 3.0, "EUR")


def test_segments_key_may_stand_where_segment_has_it() -> None:
    call = {"type": "track", "event": "Product Viewed", "messageId": "m", "userId": "u", "properties": {"product_id": "i1"}}
    setting, asks = Setting(write_keys=("k",)), "/v1/segment?analytics_storage=granted"
    assert post({**call, "writeKey": "k"}, asks, setting)[0].json["accepted"] == 1
    logins = [b64encode(login).decode() for login in (b"k:", b"x:", b"\xff")]
    answers = [post(call, asks, setting, authorization=f"Basic {login}")[0].status for login in (*logins, "no base 64")]
    assert answers == [202, 401, 401, 401]


def test_the_benchmark_sends_whole_events() -> None:
    answer, _ = post(template(20, NOW), origin="https://collect.example")
    assert answer.json == {"accepted": 20, "duplicates": 0, "dropped": 0, "rejected": []}


def test_an_archive_has_what_is_acknowledged(tmp_path: Path) -> None:
    setting = Setting(ArchiveLog(tmp_path, partitions=3))
    users = [f"user-{n % 7}" for n in range(60)]

    async def work() -> None:
        async with running(setting.app):
            bodies = [{"events": [event(n, user_id=users[n]) for n in range(at, at + 3)]} for at in range(0, 60, 3)]
            answers = await asyncio.gather(*(setting.post(body) for body in bodies))
            assert [one.json["accepted"] for one in answers] == [3] * 20
            # Before it is stopped: nothing is kept in memory.
            assert len(list(read_records(tmp_path))) == 60

    run(work)
    partitions: dict[str, set[int]] = {}
    order: dict[str, list[str]] = {}
    for partition, path in files_of(tmp_path):
        with path.open("rb") as file:
            for record in cast("Iterator[dict[str, Any]]", fastavro.reader(file)):
                partitions.setdefault(record["user_id"], set()).add(partition)
                order.setdefault(record["user_id"], []).append(record["event_id"])
    assert len(partitions) == 7
    assert all(len(found) == 1 for found in partitions.values())
    assert len(set.union(*partitions.values())) > 1
    assert order == {user: [f"e{n}" for n in range(60) if users[n] == user] for user in order}


def test_an_archive_that_cannot_be_written_acknowledges_nothing(tmp_path: Path) -> None:
    log = ArchiveLog(tmp_path / "archive")
    setting = Setting(log)

    async def work() -> list[int]:
        async with running(setting.app):
            (tmp_path / "archive").rmdir()
            (tmp_path / "archive").write_text("in the way")
            first = await setting.post({"events": [event()]})
            (tmp_path / "archive").unlink()
            return [first.status, (await setting.post({"events": [event()]})).status]

    assert run(work) == [503, 202]
