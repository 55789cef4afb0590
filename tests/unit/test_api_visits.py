"""Lists that answer the actions of a visit are those that the job will make of them; explanations are those of `swerve explain`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import orjson
import pytest
import redis
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from jobs import cli
from jobs.embedded.redis_server import RedisServer
from models.approval import Terms
from models.bundle import Bundle
from serving.api.meters import Meters
from serving.api.model import ModelOptions
from serving.api.part import Api, ApiOptions
from serving.api.redis_address import RedisAddress
from serving.app import Application
from serving.tokens import TokenRules, mint
from tests.unit.asgi import Answer, call, running
from tests.unit.bundles import START, make_bundle, make_propensity
from tests.unit.registries import make_model, point_by_hand
from udfs.blocks import pack_block, unpack_block
from udfs.collapse import Collapse, Limits
from udfs.events import unpack_payload
from udfs.keys import profile_key
from udfs.profile import empty_profiles, pack_profiles, unpack_profiles
from udfs.rank import Ranker
from udfs.redis_writes import RedisWriter, Target
from udfs.schemas import LocalSchemas
from udfs.segments import choose_anew
from udfs.update import EVENT_ASKS, Updater
from udfs.versions import settle

SECRET, ADMIN = "s" * 40, "the operator's"
SURFACES = ("home", "cart")
T = TypeVar("T")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return make_bundle(tmp_path_factory.mktemp("models") / "test" / "1", propensity=make_propensity())


class Job:
    """What the job does to events, without Flink: collapse, profiles, rank, Redis."""

    def __init__(self, bundle: Bundle, server: RedisServer) -> None:
        self._collapse, self._updater = Collapse(Limits(), LocalSchemas()), Updater(bundle.segments)
        self._ranker, self._server = Ranker(bundle, top=12, surfaces=SURFACES), server
        self._profiles: dict[bytes, bytes] = {}

    def take(self, *events: dict[str, Any]) -> None:
        """Take events as the collector keeps them, in batches of one and of all: neither matters."""
        datums = [unpack_block(pack_block("shop_event", [event]))[1] for event in events]
        values = [b"\0\0\0\0\1" + datum for datum in datums]
        n = len(values)
        collapsed = self._collapse.values(values, [None] * n, [{}] * n, [0] * n, [0] * n, range(n), "t", START + 10**12)
        assert not collapsed.dead_letters
        for packed in collapsed.payloads:
            payload = unpack_payload(packed)
            known = [self._profiles.get(user) for user in payload.users]
            profiles = np.concatenate([unpack_profiles([one]) if one else empty_profiles(1) for one in known])
            applied = self._updater.apply(profiles, payload.events, latest_only=True)
            self._profiles.update(zip(payload.users, pack_profiles(profiles), strict=True))
            self._rank([payload.users[i] for i in applied.requests_user.tolist()], applied.requests_profile)

    def _rank(self, users: list[bytes], profiles: NDArray[np.void]) -> None:
        versions, reasons = settle(profiles, np.full(len(users), EVENT_ASKS, np.uint8))
        choose_anew(profiles, self._ranker.bundle.segments)
        ranked = self._ranker.rank(users, profiles, reasons, START)
        target = Target(self._server.url, ttl_seconds=600, surfaces=SURFACES)
        with RedisWriter(target, self._ranker.fallbacks()) as writer:
            writer.write(users, versions, ranked.values, pack_profiles(profiles))


def event(number: int, user: str = "ana", item: int | None = None, **fields: Any) -> dict[str, Any]:
    """An event as it is kept; item i lies in category c<i mod 4>."""
    item = 7 * number % 60 if item is None else item
    return {
        "event_id": f"e{number}", "user_id": user, "event_name": "view_item", "event_time": START + 20_000 * number, "item_id": f"i{item}",
        "item_category": f"c{item % 4}", "price": 10.0 + number, "device": "mobile", "personalization_storage": "GRANTED", **fields,
    }  # fmt: skip


def action(event: dict[str, Any]) -> dict[str, Any]:
    """The same as a page sends it."""
    return {name: value for name, value in event.items() if name not in ("user_id", "personalization_storage")}


def application(server: RedisServer, path: Path | None, **options: Any) -> Application:
    model = ModelOptions(path, Terms(100, 12, SURFACES, 10**9)) if path else None
    given = {"tokens": TokenRules((SECRET,)), "admin_key": ADMIN, "redis_timeout": 1.0, "surfaces": SURFACES, **options}
    meters = Meters()
    return Application([Api(ApiOptions(RedisAddress(server.url), model=model, **given), meters)], (), meters.answered)


def serve(server: RedisServer, path: Path | None, work: Callable[[Application], Awaitable[T]]) -> T:
    async def run() -> T:
        app = application(server, path)
        async with running(app):
            return await work(app)

    return asyncio.run(run())


async def post(app: Application, body: Any, user: str | None = "ana") -> Answer:
    """Send a body with a user's token, again while the model is being loaded."""
    headers = {"content-type": "application/json", **({"authorization": f"Bearer {mint(SECRET, user)}"} if user else {})}
    for _ in range(3000):
        answer = await call(app, "POST", "/api/recommendations", body if isinstance(body, bytes) else orjson.dumps(body), headers)
        if answer.status != 503:
            return answer
        await asyncio.sleep(0.1)
    raise AssertionError(answer.json)


def stored(client: redis.Redis, user: str = "ana", surface: str = "home") -> dict[str, Any]:
    return dict(json.loads(client.get(f"rec:{{{user}}}:{surface}") or b"{}"))  # type: ignore[arg-type]


def same(answer: Answer, value: dict[str, Any]) -> bool:
    """Whether they are the same but for the time when they were computed."""
    return {**answer.json, "generated_at": 0} == {**value, "generated_at": 0}


CASES = {
    "a new shopper": ([], [event(1), event(2)]),
    "a shopper whom the job knows": ([event(n) for n in range(1, 9)], [event(9), event(10, event_name="add_to_cart", quantity=2)]),
    "a swerve": ([event(n, item=4 * n % 60) for n in range(1, 12)], [event(n, item=4 * n % 60 + 1) for n in range(12, 18)]),
    "the next visit, her cart abandoned": ([event(1), event(2, event_name="add_to_cart")], [event(3, event_time=START + 10**8)]),
    "a purchase": ([event(1), event(2)], [event(3, event_name="purchase", item=14, transaction_id="t1")]),
    "some are known already": ([event(1), event(2), event(3)], [event(2), event(3), event(4)]),
    "one that is late": ([event(n) for n in range(5, 9)], [event(1), event(9)]),
    "one that is too late to count": ([event(1, event_time=START + 10**10)], [event(2)]),
    "without a category, with a search": ([event(1)], [event(2, item_category=None), event(3, event_name="search", search_term="pram")]),
}


@pytest.mark.parametrize("name", CASES)
def test_the_answer_is_what_the_job_makes_of_the_same_events(
    redis_server: RedisServer, client: redis.Redis, bundle: Bundle, name: str
) -> None:
    before, now = CASES[name]
    job = Job(bundle, redis_server)
    if before:
        job.take(*before)

    async def work(app: Application) -> list[Answer]:
        body = {"userId": "ana", "actions": [action(one) for one in now]}
        first, *several = await asyncio.gather(
            post(app, body), post(app, {**body, "surface": "cart"}), post(app, body), post(app, {**body, "userId": "bo"}, "bo")
        )
        assert not same(first, stored(client)) or name == "one that is too late to count"
        return [first, *several]

    keys = sorted(client.scan_iter())
    home, cart, again, bos = serve(redis_server, bundle.path, work)
    assert sorted(client.scan_iter()) == keys, "nothing is written"
    job.take(*now)
    job.take(*({**one, "user_id": "bo"} for one in now))
    assert home.headers["x-swerve-source"] == "reranked"
    assert home.headers["cache-control"] == "no-store"
    assert same(home, stored(client))
    assert same(again, stored(client))
    assert same(cart, stored(client, surface="cart"))
    assert same(bos, stored(client, "bo"))
    assert len(home.json["items"]) == 12


EVENTS = st.lists(
    st.fixed_dictionaries(
        {
            "number": st.integers(1, 12),
            "item": st.integers(0, 70),
            "event_name": st.sampled_from(["view_item", "select_item", "add_to_cart", "remove_from_cart", "purchase", "search", "other"]),
            "event_time": st.integers(0, 10**9).map(lambda after: START + after),
            "quantity": st.sampled_from([None, 1, 3]),
            "engagement_ms": st.sampled_from([None, 0, 30_000]),
            "personalization_storage": st.sampled_from(["GRANTED", "GRANTED", "GRANTED", "DENIED"]),
        }
    ),
    min_size=1,
    max_size=14,
)


@settings(max_examples=40)
@given(EVENTS, st.integers(0, 14))
def test_wherever_a_log_is_cut(redis_server: RedisServer, app_body: Any, bundle: Bundle, log: list[dict[str, Any]], place: int) -> None:
    with redis.Redis.from_url(redis_server.url) as client:
        client.flushall()
        job, events = Job(bundle, redis_server), [event(**fields) for fields in log]
        before, now = events[:place], events[place:]
        if before:
            job.take(*before)
        # What she does not agree to is said with the action.
        answer = app_body({"userId": "ana", "actions": [{**action(one), "consent": _consent(one)} for one in now]})
        if now:
            job.take(*now)
        value = stored(client)
        if value:
            assert same(answer, value)
        else:
            assert answer.json["event_time"] == 0


def _consent(event: dict[str, Any]) -> dict[str, str]:
    return {"personalization_storage": event["personalization_storage"].lower()}


def test_a_page_may_say_less(redis_server: RedisServer, client: redis.Redis, bundle: Bundle) -> None:
    client.flushall()

    async def work(app: Application) -> list[Answer]:
        return [
            await post(app, {"userId": "ana", "n": 3, "actions": [{"type": "view_item", "itemId": "i8"}]}),
            await post(app, {"user_id": "ana", "actions": [{"event_name": "view_item", "item_id": "i8", "time": 1_709_600_000_000}]}),
            await post(app, {"userId": "ana", "actions": []}),
            await post(app, {"userId": "ana"}),
            await post(app, {"userId": "ana", "consent": {"personalization_storage": "denied"}, "actions": [{"type": "view_item"}]}),
        ]

    few, old, *nothing = serve(redis_server, bundle.path, work)
    assert len(few.json["items"]) == 3
    assert any(item["reason"] == "similar:i8" for item in old.json["items"])
    assert old.json["event_time"] == 1_709_600_000_000
    assert [answer.json["event_time"] for answer in nothing] == [0, 0, 0]


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        (b"{", 400, None),
        ([], 400, None),
        ({}, 400, "userId"),
        ({"userId": 3}, 400, "userId"),
        ({"userId": ""}, 400, None),
        ({"userId": "ana", "surface": "shelf"}, 400, "surface"),
        ({"userId": "ana", "surface": ["home"]}, 400, "surface"),
        ({"userId": "ana", "n": 0}, 400, "n"),
        ({"userId": "ana", "n": True}, 400, "n"),
        ({"userId": "ana", "actions": {}}, 400, "actions"),
        ({"userId": "ana", "actions": [{"type": "view_item"}] * 201}, 413, "actions"),
        ({"userId": "ana", "actions": ["view"]}, 422, "actions/0"),
        ({"userId": "ana", "actions": [{"type": "view_item"}, {"type": "look"}]}, 422, "actions/1/type"),
        ({"userId": "ana", "actions": [{"type": ["view_item"]}]}, 422, "actions/0/type"),
        ({"userId": "ana", "actions": [{"type": "view_item", "price": -1}]}, 422, "actions/0/price"),
        ({"userId": "ana", "actions": [{"type": "view_item", "eventTime": "now"}]}, 422, "actions/0/event_time"),
    ],
)
def test_what_is_wrong_with_a_body_is_said(redis_server: RedisServer, app_body: Any, body: Any, status: int, field: str | None) -> None:
    answer = app_body(body)
    assert (answer.status, answer.json.get("field")) == (status, field)


@pytest.fixture(scope="module")
def app_body(redis_server: RedisServer, bundle: Bundle) -> Iterator[Callable[[Any], Answer]]:
    """An application for all of a module's bodies."""
    loop = asyncio.new_event_loop()
    app = application(redis_server, bundle.path)
    life = running(app)
    loop.run_until_complete(life.__aenter__())
    yield lambda body: loop.run_until_complete(post(app, body))
    loop.run_until_complete(life.__aexit__(None, None, None))
    loop.close()


def test_only_with_her_token(redis_server: RedisServer, client: redis.Redis, bundle: Bundle) -> None:
    Job(bundle, redis_server).take(event(1))

    async def work(app: Application) -> list[Any]:
        body = {"userId": "ana", "actions": [{"type": "view_item", "itemId": "i8"}]}
        nobodys = await post(app, {**body, "userId": "-"}, None)
        # Whose actions they are is said once.
        smuggled = await post(app, {"userId": "bo", "actions": [{"type": "view_item", "user_id": "ana"}]}, "bo")
        refused = [(await post(app, body, user)).status for user in (None, "bo")]
        return [*refused, nobodys.headers["x-swerve-source"], smuggled.json["user_id"]]

    assert serve(redis_server, bundle.path, work) == [401, 403, "default", "bo"]


def test_without_her_profile_the_actions_count_alone(redis_server: RedisServer, client: redis.Redis, bundle: Bundle) -> None:
    Job(bundle, redis_server).take(event(1))
    key = profile_key("ana")
    whole = client.get(key)
    assert isinstance(whole, bytes)

    async def work(app: Application) -> list[tuple[str, Any]]:
        answers = []
        for damage in ("delete", "keep_profile=false", "damaged"):
            client.delete(key)
            if damage != "delete":
                client.set(key, whole[:16] if damage != "damaged" else whole[:-3])
            answers.append(await post(app, {"userId": "ana", "actions": [action(event(2))]}))
        client.delete(key)
        client.rpush(key, "of another type")
        answers.append(await post(app, {"userId": "ana", "actions": [action(event(2))]}))
        return [(answer.headers["x-swerve-source"], answer.json["recommendation_id"]) for answer in answers]

    found = serve(redis_server, bundle.path, work)
    assert [source for source, _ in found] == ["reranked", "reranked", "reranked", "actions"]
    assert len({number for _, number in found}) == 1


def test_without_a_model_it_names_the_setting(redis_server: RedisServer, client: redis.Redis) -> None:
    async def work(app: Application) -> list[Answer]:
        token = {"authorization": f"Bearer {mint(SECRET, 'ana')}"}
        return [await post(app, {"userId": "ana"}), await call(app, "GET", "/v1/users/ana/explanation", headers=token)]

    for answer in serve(redis_server, None, work):
        assert answer.status == 501
        assert "serving.model" in answer.json["detail"]


def test_another_version_takes_over_without_a_restart(redis_server: RedisServer, client: redis.Redis, tmp_path: Path) -> None:
    model = make_model(tmp_path, "1", "2")
    point_by_hand(model, "1")

    async def work(app: Application) -> list[str]:
        seen: list[str] = []
        for _ in range(600):
            seen.append((await post(app, {"userId": "ana"})).json["model"]["version"])
            if seen[-1] == "2":
                break
            point_by_hand(model, "2")
            await asyncio.sleep(0.1)
        return seen

    seen = serve(redis_server, model.folder, work)
    assert (seen[0], seen[-1]) == ("1", "2")


def test_a_bundle_that_is_not_there_is_waited_for(
    redis_server: RedisServer, client: redis.Redis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("serving.api.model.TRY_AGAIN_SECONDS", 0.05)
    client.set("rec:{ana}:home", b"x")

    async def work(app: Application) -> list[int]:
        headers = {"content-type": "application/json", "authorization": f"Bearer {mint(SECRET, 'ana')}"}
        early = await call(app, "POST", "/api/recommendations", b'{"userId": "ana"}', headers)
        await asyncio.to_thread(make_bundle, tmp_path / "test" / "1")
        return [early.status, (await post(app, {"userId": "ana"})).status]

    assert serve(redis_server, tmp_path / "test" / "1", work) == [503, 200]


def test_explanations_are_those_of_the_command(
    redis_server: RedisServer, client: redis.Redis, bundle: Bundle, capsys: pytest.CaptureFixture[str]
) -> None:
    Job(bundle, redis_server).take(*(event(n) for n in range(1, 9)))

    async def work(app: Application) -> list[Answer]:
        await post(app, {"userId": "ana"})

        async def ask(bearer: str | None, path: str = "/v1/users/ana/explanation?surface=cart") -> Answer:
            return await call(app, "GET", path, headers={"authorization": f"Bearer {bearer}"} if bearer else {})

        return [
            await ask(mint(SECRET, "ana")), await ask(ADMIN), await ask(None), await ask(mint(SECRET, "bo")), await ask("x"),
            await ask(ADMIN, "/v1/users/cy/explanation"), await ask(ADMIN, "/v1/users/ana/explanation?surface=shelf"),
        ]  # fmt: skip

    hers, admins, *others = serve(redis_server, bundle.path, work)
    options = ("--set", f"rank.surfaces={','.join(SURFACES)}", "--set", "rank.top=12", "--model", str(bundle.path))
    assert cli.main(["explain", "ana", "--surface", "cart", "--redis", redis_server.url, *options, "--json"]) == 0
    assert hers.json == admins.json == json.loads(capsys.readouterr().out)
    assert hers.json["value"]["same"] is True
    assert [answer.status for answer in others] == [401, 403, 401, 404, 400]
