"""The API from request to answer, over a real Redis: whose list, for whom, how much of it, and what there is when Redis is away."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from starlette.middleware import Middleware
from starlette.requests import Request

from jobs.embedded.redis_server import RedisServer, start_redis
from serving.api.admin import Admin
from serving.api.cross_origin import CrossOrigin
from serving.api.cut import cut, etag, segment_of
from serving.api.health import Health
from serving.api.meters import Meters
from serving.api.part import Api, ApiOptions
from serving.api.redis_address import RedisAddress
from serving.app import Application
from serving.problems import Problem
from serving.tokens import TokenRules, mint
from tests.unit.asgi import Answer, call, running

SECRET, ADMIN, SHOP = "s" * 40, "the operator's", "https://shop.example"
T = TypeVar("T")


def document(user: str = "ana", items: int = 20, segment: int = 3, number: int = 1) -> bytes:
    """A list as the job writes it."""
    listed = [{"item_id": f"i{n:03}", "score": round(0.9 - n / 100, 6), "reason": f"similar:i{n + 1:03}"} for n in range(items)]
    head = {"v": 1, "recommendation_id": f"{number:024x}", "user_id": user, "surface": "home", "segment": {"id": segment, "name": "Prams"}}
    return json.dumps({**head, "items": listed}, separators=(",", ":")).encode()


def application(server: RedisServer, **options: Any) -> tuple[Application, CollectorRegistry]:
    registry, meters = CollectorRegistry(), Meters()
    registry.register(meters)
    given: dict[str, Any] = {"tokens": TokenRules((SECRET,)), "origins": (SHOP,), "redis_timeout": 1.0, "admin_key": ADMIN}
    api = Api(ApiOptions(RedisAddress(server.url), **{**given, **options}), meters)
    health = Health(api.checks(), registry)
    return Application([health, api], [Middleware(CrossOrigin, (SHOP,))], meters.answered), registry


def serve(server: RedisServer, work: Callable[[Application], Awaitable[T]], **options: Any) -> T:
    async def run() -> T:
        app, _ = application(server, **options)
        async with running(app):
            return await work(app)

    return asyncio.run(run())


async def get(app: Application, path: str, user: str | None = "ana", **headers: str) -> Answer:
    """Ask with a user's token."""
    token = {"authorization": f"Bearer {mint(SECRET, user)}"} if user else {}
    return await call(app, "GET", path, headers={**token, **{name.replace("_", "-"): value for name, value in headers.items()}})


def test_a_list_is_answered_as_it_is_stored(redis_server: RedisServer, client: redis.Redis) -> None:
    client.set("rec:{ana}:home", document())

    async def work(app: Application) -> Answer:
        return await get(app, "/v1/recommendations/ana")

    answer = serve(redis_server, work)
    assert (answer.status, answer.body) == (200, document())
    assert answer.headers["x-swerve-source"] == "user"
    assert answer.headers["cache-control"] == "private, no-cache"
    assert answer.headers["vary"] == "Authorization, Origin"
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize("user", ["ana", "a/b c?d#e", "ö{}%", "default", "-1", "x" * 1024])
def test_any_user_id_that_is_percent_encoded(redis_server: RedisServer, client: redis.Redis, user: str) -> None:
    client.set(f"shop:rec:{{{user}}}:home", document(user))

    async def work(app: Application) -> Answer:
        return await get(app, f"/v1/recommendations/{quote(user, safe='')}", user)

    assert serve(redis_server, work, prefix="shop:").body == document(user)


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        ("ana?n=0", 400, "n is"),
        ("ana?n=x", 400, "n is"),
        ("ana?n=1001", 400, "n is"),
        ("ana?n=%C2%B2", 400, "n is"),
        ("ana?n=99999999999999999999", 400, "n is"),
        ("ana?segment=-2", 400, "segment is"),
        ("ana?surface=cart", 400, "it is one of home, product"),
        ("ana?surface=%ff", 400, "the query"),
        ("ana?" + "a=1&" * 40, 400, "the query"),
        ("", 400, "user id"),
        ("%ff", 400, "UTF-8"),
        ("x" * 1025, 400, "user id"),
        ("ana/", 404, "nothing at this path"),
        ("ana/home", 404, "nothing at this path"),
    ],
)
def test_what_is_wrong_is_said(redis_server: RedisServer, path: str, status: int, says: str) -> None:
    async def work(app: Application) -> Answer:
        return await get(app, f"/v1/recommendations/{path}")

    answer = serve(redis_server, work, surfaces=("home", "product"))
    assert (answer.status, answer.headers["content-type"]) == (status, "application/problem+json")
    assert says in answer.json["detail"]
    assert answer.headers["cache-control"] == "no-store"


def test_only_with_her_token(redis_server: RedisServer, client: redis.Redis) -> None:
    client.set("rec:{ana}:home", document())
    client.set("rec:default:home", document("", 2))

    async def work(app: Application) -> dict[str, Answer]:
        path = "/v1/recommendations/ana"
        return {
            "none": await get(app, path, None),
            "bad": await get(app, path, None, authorization="Bearer x.y.z"),
            "basic": await get(app, path, None, authorization="Basic YTpi"),
            "another's": await get(app, path, "bo"),
            "old": await get(app, path, None, authorization=f"Bearer {mint(SECRET, 'ana', -60)}"),
            "hers": await get(app, path),
            "nobody's": await get(app, "/v1/recommendations/-", None),
        }

    answers = serve(redis_server, work)
    assert {who: answer.status for who, answer in answers.items()} == {
        "none": 401, "bad": 401, "basic": 401, "another's": 403, "old": 401, "hers": 200, "nobody's": 200,
    }  # fmt: skip
    assert answers["none"].headers["www-authenticate"] == "Bearer"
    assert 'error="invalid_token"' in answers["bad"].headers["www-authenticate"]
    assert "i000" not in (answers["none"].body + answers["another's"].body).decode()
    assert answers["nobody's"].headers["cache-control"] == "public, max-age=30"
    assert answers["nobody's"].headers["x-swerve-source"] == "default"


def test_tokens_can_be_switched_off(redis_server: RedisServer, client: redis.Redis) -> None:
    client.set("rec:{ana}:home", document())

    async def work(app: Application) -> Answer:
        return await get(app, "/v1/recommendations/ana", None)

    assert serve(redis_server, work, tokens=None).body == document()


def test_a_list_that_the_browser_has_is_not_sent_again(redis_server: RedisServer, client: redis.Redis) -> None:
    client.set("rec:{ana}:home", document())

    async def work(app: Application) -> list[Answer]:
        first = await get(app, "/v1/recommendations/ana?n=5")
        tag = first.headers["etag"]
        asked = [tag, f'"x", W/{tag}', "*", '"x"']
        answers = [await get(app, "/v1/recommendations/ana?n=5", if_none_match=tags) for tags in asked]
        answers.append(await get(app, "/v1/recommendations/ana?n=6", if_none_match=tag))
        client.set("rec:{ana}:home", document(number=2))
        answers.append(await get(app, "/v1/recommendations/ana?n=5", if_none_match=tag))
        return [first, *answers]

    first, *answers = serve(redis_server, work, cache_seconds=7)
    assert [answer.status for answer in answers] == [304, 304, 304, 200, 200, 200]
    assert answers[0].body == b""
    assert {answers[0].headers[name] == first.headers[name] for name in ("etag", "cache-control", "vary", "x-swerve-source")} == {True}
    assert first.headers["cache-control"] == "private, max-age=7"
    assert len({answer.headers["etag"] for answer in (first, *answers[4:])}) == 3


def test_without_a_list_of_her_own_she_gets_her_segments_then_everybodys(redis_server: RedisServer, client: redis.Redis) -> None:
    everybodys, segments = document("", 3, -1), document("", 4, 3)
    client.mset({"rec:default:home": everybodys, "rec:default:3:home": segments, "rec:{ana}:home": document(segment=3)})

    async def work(app: Application) -> list[tuple[str, bytes]]:
        async def ask(path: str, user: str = "ana") -> tuple[str, bytes]:
            answer = await get(app, f"/v1/recommendations/{path}", user)
            return answer.headers["x-swerve-source"], answer.body

        found = [
            await ask("bo?segment=3", "bo"),
            await ask("bo?segment=4", "bo"),
            await ask("bo?segment=-1", "bo"),
            await ask("-?segment=3"),
        ]
        await ask("ana")
        client.delete("rec:{ana}:home")
        # Her segment is known from the list that she had.
        return [*found, await ask("ana"), await ask("ana")]

    assert serve(redis_server, work) == [
        ("segment", segments), ("default", everybodys), ("default", everybodys), ("segment", segments), ("segment", segments),
        ("segment", segments),
    ]  # fmt: skip


def test_while_redis_is_away_lists_come_from_memory_at_once(tmp_path: Path) -> None:
    server = start_redis(tmp_path)
    with redis.Redis.from_url(server.url) as client:
        client.mset({"rec:default:home": document("", 3, -1), "rec:default:3:home": document("", 4, 3), "rec:{ana}:home": document()})

    async def work(app: Application) -> list[Answer]:
        await get(app, "/v1/recommendations/ana")
        await get(app, "/v1/recommendations/bo?segment=3", "bo")
        assert (await get(app, "/readyz?once")).status == 200
        server.kill()
        answers = [await get(app, "/v1/recommendations/ana?n=2"), await get(app, "/v1/recommendations/bo?segment=3", "bo")]
        return [
            *answers,
            await get(app, "/v1/recommendations/cy", "cy"),
            *[await get(app, path) for path in ("/readyz", "/readyz?once", "/healthz")],
        ]

    hers, segments, everybodys, ready, once, alive = serve(server, work, remember=1)
    assert {answer.headers["x-swerve-source"] for answer in (hers, segments, everybodys)} == {"last-known"}
    assert (len(hers.json["items"]), segments.body, everybodys.body) == (2, document("", 4, 3), document("", 3, -1))
    assert hers.headers["warning"] == '110 - "Response is Stale"'
    assert (ready.status, once.status, alive.status) == (503, 200, 200)
    assert "Redis" in ready.json["checks"]["redis"]


def test_where_there_is_nothing_at_all_it_says_so(redis_server: RedisServer, client: redis.Redis) -> None:
    async def work(app: Application) -> Answer:
        return await get(app, "/v1/recommendations/ana")

    answer = serve(redis_server, work)
    assert (answer.status, answer.headers["retry-after"]) == (503, "5")
    assert "has a job written" in answer.json["detail"]


def test_what_another_program_wrote_is_no_list(redis_server: RedisServer, client: redis.Redis) -> None:
    client.set("rec:{ana}:home", "hello")

    async def work(app: Application) -> Answer:
        return await get(app, "/v1/recommendations/ana?n=3")

    assert serve(redis_server, work).status == 502


def test_a_key_of_another_type_is_as_good_as_none(redis_server: RedisServer, client: redis.Redis) -> None:
    client.rpush("rec:{ana}:home", "x")
    client.set("rec:default:home", document("", 3, -1))

    async def work(app: Application) -> Answer:
        return await get(app, "/v1/recommendations/ana")

    assert serve(redis_server, work).headers["x-swerve-source"] == "last-known"


def test_pages_of_other_hosts_read_it_where_they_are_allowed(redis_server: RedisServer, client: redis.Redis) -> None:
    client.set("rec:{ana}:home", document())
    path = "/v1/recommendations/ana"
    asks = {"access-control-request-method": "GET", "access-control-request-headers": "authorization"}

    async def work(app: Application) -> list[Answer]:
        return [
            await get(app, path, origin=SHOP),
            await get(app, path, "bo", origin=SHOP),
            await get(app, path, origin="https://evil.example"),
            await call(app, "OPTIONS", path, headers={"origin": SHOP, **asks}),
            await call(app, "OPTIONS", path, headers={"origin": "https://evil.example", **asks}),
            await call(app, "OPTIONS", "/api/recommendations", headers={"origin": SHOP, **asks}),
            await call(app, "POST", "/api/recommendations", headers={"origin": SHOP}),
        ]

    allowed, refused, foreign, preflight, not_allowed, other, posted = serve(redis_server, work)
    for answer in (allowed, refused, preflight, other, posted):
        assert answer.headers["access-control-allow-origin"] == SHOP
    assert allowed.headers["access-control-expose-headers"] == "ETag, X-Swerve-Source, Retry-After"
    assert {"access-control-allow-origin" in answer.headers for answer in (foreign, not_allowed)} == {False}
    assert preflight.status == 204
    assert "authorization" in preflight.headers["access-control-allow-headers"]


def test_other_methods(redis_server: RedisServer, client: redis.Redis) -> None:
    client.set("rec:{ana}:home", document())

    async def work(app: Application) -> list[int]:
        token = {"authorization": f"Bearer {mint(SECRET, 'ana')}"}
        return [(await call(app, method, "/v1/recommendations/ana", headers=token)).status for method in ("HEAD", "POST", "DELETE")]

    assert serve(redis_server, work) == [200, 405, 405]


def test_what_is_served_is_counted(redis_server: RedisServer, client: redis.Redis) -> None:
    client.set("rec:{ana}:home", document())

    async def run() -> tuple[CollectorRegistry, str]:
        app, registry = application(redis_server)
        async with running(app):
            await get(app, "/v1/recommendations/ana")
            await get(app, "/v1/recommendations/ana", "bo")
            await get(app, "/nowhere")
            return registry, (await get(app, "/metrics")).body.decode()

    registry, text = asyncio.run(run())
    route = "/v1/recommendations/{user}"
    assert registry.get_sample_value("swerve_api_requests_total", {"route": route, "status": "200"}) == 1
    assert registry.get_sample_value("swerve_api_requests_total", {"route": route, "status": "403"}) == 1
    assert registry.get_sample_value("swerve_api_requests_total", {"route": "other", "status": "404"}) == 1
    assert registry.get_sample_value("swerve_api_seconds_count", {"route": route}) == 2
    assert 'swerve_api_lists_total{source="user"} 1.0' in text
    assert "swerve_api_redis_up 1.0" in text
    assert "swerve_api_tokens_verified_total 2.0" in text
    assert "ana" not in text


def test_files_of_the_sdk_are_for_every_page(redis_server: RedisServer) -> None:
    async def work(app: Application) -> list[Answer]:
        packed = await call(app, "GET", "/swerve.js", headers={"accept-encoding": "gzip, br", "origin": "https://any.example"})
        again = await call(app, "GET", "/swerve.js", headers={"accept-encoding": "gzip", "if-none-match": packed.headers["etag"]})
        return [packed, again, await call(app, "GET", "/swerve.mjs"), await call(app, "GET", "/swerve.d.ts")]

    packed, again, module, types = serve(redis_server, work)
    assert (packed.status, again.status, module.status, types.status) == (200, 304, 200, 200)
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.headers["access-control-allow-origin"] == "*"
    assert module.headers["content-type"].startswith("text/javascript")


TEXT = st.text(max_size=8)
#: The job writes the fields in this order, always.
ITEM = st.tuples(TEXT, st.floats(0, 1), TEXT).map(lambda fields: dict(zip(("item_id", "score", "reason"), fields, strict=True)))
TRICKY = st.sampled_from(['},{"item_id":', '"items":[', "]}", "\\", '"', ""])


@given(st.lists(ITEM, max_size=6), st.integers(1, 8), TRICKY, TRICKY)
def test_cutting_gives_what_reading_gives(items: list[dict[str, Any]], n: int, segment: str, item: str) -> None:
    full = {
        "v": 1, "recommendation_id": "0" * 24, "user_id": segment, "segment": {"id": 7, "name": segment},
        "items": [{**each, "item_id": item + each["item_id"]} for each in items],
    }  # fmt: skip
    value = json.dumps(full, separators=(",", ":"), ensure_ascii=False).encode()
    assert json.loads(cut(value, n)) == {**full, "items": full["items"][:n]}  # type: ignore[index]
    assert segment_of(value) == 7


@pytest.mark.parametrize("spaces", [None, (",", ":")])
@pytest.mark.parametrize("n", [1, 3, 4])
def test_another_layout_is_cut_as_well(spaces: tuple[str, str] | None, n: int) -> None:
    full = {"v": 2, "new": [{"item_id": "x"}], "items": [{"item_id": str(k), "more": {"a": [1]}} for k in range(3)], "later": 1}
    value = json.dumps(full, separators=spaces).encode()
    assert json.loads(cut(value, n)) == {**full, "items": full["items"][:n]}  # type: ignore[index]
    assert etag(value, n).startswith(b'"other-')


@pytest.mark.parametrize("value", [b"", b"[]", b"{}", b'{"items":3}', b"hello"])
def test_what_is_no_list_is_not_cut(value: bytes) -> None:
    with pytest.raises(ValueError, match=r".*"):
        cut(value, 3)


def test_the_operator_has_a_key() -> None:
    def request(*authorization: str) -> Request:
        return Request({"type": "http", "headers": [(b"authorization", value.encode("latin-1")) for value in authorization]})

    admin = Admin("k€y")
    admin.require_admin(request("bearer " + "k€y".encode().decode("latin-1")))
    for wrong in ((), ("Bearer k",), ("Bearer",), ("Basic k€y".encode().decode("latin-1"),), ("Bearer ",)):
        with pytest.raises(Problem) as caught:
            admin.require_admin(request(*wrong))
        assert caught.value.status_code == 401
    for empty in (None, ""):
        with pytest.raises(Problem) as caught:
            Admin(empty).require_admin(request("Bearer "))
        assert caught.value.status_code == 404
