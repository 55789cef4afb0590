"""GETs over one connection: any cut of the stream gives the same replies, and a Redis that is away or slow never makes anybody wait."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

import pytest
import redis
import uvloop
from hypothesis import given
from hypothesis import strategies as st

from jobs.embedded.redis_server import RedisServer, start_redis
from serving.api.redis_address import RedisAddress
from serving.api.redis_gets import NO_ANSWER, RedisAway, RedisGets
from serving.api.replies import NotRedis, Replies, Reply
from udfs.redis_errors import ErrorReply, RedisRefused

T = TypeVar("T")
ENCODED = st.one_of(
    st.none().map(lambda _: (b"$-1\r\n", None)),
    st.binary(max_size=40).map(lambda value: (b"$%d\r\n%b\r\n" % (len(value), value), value)),
    st.integers(0, 3).map(lambda n: (b"$%d\r\n%b\r\n" % (9000 * n, b"\r\n$" * 3000 * n), b"\r\n$" * 3000 * n)),
    st.just((b"+OK\r\n", b"OK")),
    st.just((b":12\r\n", b"12")),
)


def cuts(data: bytes, places: list[int]) -> list[bytes]:
    bounds = sorted({place % (len(data) + 1) for place in places} | {0, len(data)})
    return [data[start:end] for start, end in pairwise(bounds)]


@given(st.lists(ENCODED, min_size=1, max_size=8), st.lists(st.integers(0, 100_000), max_size=20))
def test_any_cut_of_the_stream_gives_the_same_replies(replies: list[tuple[bytes, bytes | None]], places: list[int]) -> None:
    stream, got = Replies(), list[Reply]()
    for piece in cuts(b"".join(data for data, _ in replies), places):
        got += stream.feed(piece)
    assert got == [value for _, value in replies]


@given(st.integers(0, 60))
def test_an_error_is_one_reply_among_others(place: int) -> None:
    stream, data = Replies(), b"$1\r\na\r\n-WRONGTYPE no text\r\n$1\r\nb\r\n"
    first, error, last = stream.feed(data[:place]) + stream.feed(data[place:])
    assert (first, last) == (b"a", b"b")
    assert isinstance(error, ErrorReply)
    assert str(error) == "WRONGTYPE no text"


@pytest.mark.parametrize("data", [b"HTTP/1.1 400 Bad Request\r\n", b"*1\r\n$1\r\na\r\n", b"$x\r\n", b"+" + b"x" * 70_000])
def test_what_no_redis_sends_is_noticed(data: bytes) -> None:
    with pytest.raises(NotRedis):
        Replies().feed(data)


async def _with(address: RedisAddress, work: Callable[[RedisGets], Awaitable[T]], timeout: float = 0.5) -> T:
    gets = RedisGets(address, b"probe", timeout)
    await gets.start()
    try:
        return await work(gets)
    finally:
        await gets.stop()


def use(server: RedisServer, work: Callable[[RedisGets], Awaitable[T]], timeout: float = 0.5) -> T:
    return asyncio.run(_with(RedisAddress(server.url), work, timeout))


def test_many_gets_at_once_each_have_their_own_answer(redis_server: RedisServer, client: redis.Redis) -> None:
    values = {b"k%d" % n: b"v%d" % n * n * 50 for n in range(0, 300, 2)}
    client.mset(values)

    async def work(gets: RedisGets) -> list[Reply]:
        return await asyncio.gather(*(gets.get(b"k%d" % n) for n in range(300)))

    assert use(redis_server, work) == [values.get(b"k%d" % n) for n in range(300)]


def test_a_great_value_comes_whole(redis_server: RedisServer, client: redis.Redis) -> None:
    client.set("great", b"x" * 5_000_000)

    async def work(gets: RedisGets) -> int:
        value = await gets.get(b"great")
        assert isinstance(value, bytes)
        return len(value)

    assert use(redis_server, work, 5.0) == 5_000_000


def test_an_error_reply_is_that_askers_alone(redis_server: RedisServer, client: redis.Redis) -> None:
    client.rpush("list", "x")
    client.set("text", "y")

    async def work(gets: RedisGets) -> tuple[object, object]:
        return await asyncio.gather(gets.get(b"list"), gets.get(b"text"), return_exceptions=True)

    error, value = use(redis_server, work)
    assert isinstance(error, ErrorReply)
    assert value == b"y"


def test_a_slow_redis_is_not_waited_for_and_is_asked_again_when_it_answers(redis_server: RedisServer, client: redis.Redis) -> None:
    client.set("a", "1")

    async def work(gets: RedisGets) -> None:
        redis_server.process.send_signal(signal.SIGSTOP)
        asyncio.get_running_loop().call_later(0.4, redis_server.process.send_signal, signal.SIGCONT)
        with pytest.raises(RedisAway):
            await gets.get(b"a")
        # The next one does not even wait for the time-out.
        with pytest.raises(RedisAway):
            gets.get(b"a")
        assert not gets.connected
        assert await _until(gets, b"a") == b"1"
        # What came late is nobody else's answer.
        assert [await gets.get(b"b"), await gets.get(b"a")] == [None, b"1"]

    use(redis_server, work, 0.05)


def test_what_came_while_this_process_was_held_up_is_not_late(redis_server: RedisServer, client: redis.Redis) -> None:
    client.set("a", "1")

    async def work(gets: RedisGets) -> list[Reply]:
        answers = []
        for turns in (0, 1, 2):
            asked = gets.get(b"a")
            for _ in range(turns):
                await asyncio.sleep(0)
            time.sleep(0.5)
            answers.append(await asked)
        return answers

    loop = uvloop.new_event_loop()
    try:
        assert loop.run_until_complete(_with(RedisAddress(redis_server.url), work, 0.3)) == [b"1"] * 3
    finally:
        loop.close()


def test_it_connects_anew_when_redis_is_back(tmp_path: Path) -> None:
    server = start_redis(tmp_path)

    async def work(gets: RedisGets) -> None:
        waiting = gets.get(b"a")
        server.kill()
        with pytest.raises(RedisAway):
            await waiting
        with pytest.raises(RedisAway):
            gets.get(b"a")
        assert gets.trouble
        again = start_redis(tmp_path, server.port)
        try:
            with redis.Redis(port=server.port) as client:
                client.set("a", "2")
            assert await _until(gets, b"a") == b"2"
            assert not gets.trouble
        finally:
            again.stop()

    use(server, work)


def test_a_redis_that_is_away_at_the_start_stops_nothing(tmp_path: Path) -> None:
    server = start_redis(tmp_path)
    server.stop()

    async def work(gets: RedisGets) -> None:
        with pytest.raises(RedisAway):
            gets.get(b"a")
        assert "Redis does not answer" in gets.trouble

    use(server, work)


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[RedisServer]:
    lines = {"unixsocket": str(tmp_path / "redis.sock"), "databases": "4"}
    server = start_redis(tmp_path, password="s3cret /", options=lines)
    with redis.Redis.from_url(server.url) as client:
        client.acl_setuser("reader", True, passwords=["+p@ss"], keys=["*"], commands=["+get", "+select"], categories=["+@connection"])
        client.set("a", "0")
        client.select(3)
        client.set("a", "3")
    yield server
    server.stop()


@pytest.mark.parametrize(
    ("url", "password", "value"),
    [
        ("redis://127.0.0.1:{port}/3", "s3cret /", b"3"),
        ("redis://:s3cret%20%2F@localhost:{port}", None, b"0"),
        ("redis://reader:p%40ss@127.0.0.1:{port}/3", None, b"3"),
        ("redis://reader@127.0.0.1:{port}", "p@ss", b"0"),
        ("unix://{folder}/redis.sock?db=3", "s3cret /", b"3"),
    ],
)
def test_every_kind_of_address(guarded: RedisServer, tmp_path: Path, url: str, password: str | None, value: bytes) -> None:
    async def work(gets: RedisGets) -> Reply:
        return await gets.get(b"a")

    assert asyncio.run(_with(RedisAddress(url.format(port=guarded.port, folder=tmp_path), password), work)) == value


def test_a_wrong_password_is_told_without_it(guarded: RedisServer, caplog: pytest.LogCaptureFixture) -> None:
    async def work(gets: RedisGets) -> None:
        with pytest.raises(RedisAway):
            gets.get(b"a")
        assert gets.trouble == "Redis refuses the password or the user name"

    asyncio.run(_with(RedisAddress(f"redis://:wrong-one@127.0.0.1:{guarded.port}"), work))
    assert "refuses the password" in caplog.text
    assert "wrong-one" not in caplog.text


def test_an_address_that_is_none_is_refused_at_the_start() -> None:
    async def work(_: RedisGets) -> None:
        raise AssertionError

    with pytest.raises(RedisRefused):
        asyncio.run(_with(RedisAddress("redis://h:port/x"), work))


async def _until(gets: RedisGets, key: bytes) -> Reply:
    for _ in range(200):
        try:
            answer: Awaitable[Reply] = gets.get(key)
            return await answer
        except NO_ANSWER:
            await asyncio.sleep(0.02)
    raise AssertionError("no answer")
