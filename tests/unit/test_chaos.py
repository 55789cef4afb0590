"""The parts of the chaos benchmark that judge: they see what is wrong, and when news come again."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import redis

from bench.chaos.faults import Fault
from bench.chaos.link import Link
from bench.chaos.reconcile import Findings, compare_users, repeated
from bench.chaos.run import recoveries
from bench.chaos.watch import SILENCE_SECONDS, Watch
from jobs.dev.processes import LOOPBACK
from jobs.embedded.redis_server import RedisServer
from tests.oracle.events import Event
from tests.oracle.run import OracleResult
from tests.oracle.segments import Segments
from tests.oracle.user import User
from udfs.keys import profile_key, recommendations_key
from udfs.profile import PROFILE, pack_profiles


def _expected() -> OracleResult:
    result = OracleResult()
    for name in ("ana", "bea"):
        user = User(name, Segments())
        for number in range(3):
            user.apply(Event(name, "page_view", 1_700_000_000_000 + number, number + 1))
        result.profiles[name], result.values[name] = user.profile, {"home": f'{{"user_id":"{name}","generated_at":0}}'}
        result.served[name] = user.profile
        result.requests += user.requests
    return result


def _store(client: redis.Redis, expected: OracleResult, **changed: int) -> None:
    """Write what a job that does it right would, but for some fields."""
    import numpy as np

    for user, request in expected.last_requests().items():
        profile = np.zeros(1, PROFILE)
        for name, value in vars(request.profile).items():
            if name != "categories":
                profile[name][0] = value
        for name, changed_to in changed.items():
            profile[name][0] = changed_to
        version = b"".join(part.to_bytes(8, "big") for part in request.version)
        client.set(profile_key(user), version + pack_profiles(profile)[0])
        client.set(recommendations_key(user, "home"), expected.values[user]["home"].replace('"generated_at":0', '"generated_at":17'))


def _found(client: redis.Redis, expected: OracleResult) -> Findings:
    found = Findings()
    compare_users(expected, client, found)
    return found


def test_what_is_right_is_found_right(client: redis.Redis) -> None:
    expected = _expected()
    _store(client, expected)
    assert not _found(client, expected)
    assert _found(client, expected).differences == []


def test_all_events_of_a_user_who_is_not_there_are_lost(client: redis.Redis) -> None:
    expected = _expected()
    _store(client, expected)
    client.delete(profile_key("bea"))
    found = _found(client, expected)
    assert (found.lost_events, found.stale, found.differences) == (3, 1, ["bea: not in Redis"])


def test_events_that_a_profile_does_not_know_are_lost(client: redis.Redis) -> None:
    expected = _expected()
    _store(client, expected, seen_n=2)
    assert (_found(client, expected).lost_events, _found(client, expected).stale) == (2, 2)


def test_what_differs_is_stale(client: redis.Redis) -> None:
    expected = _expected()
    _store(client, expected)
    client.set(recommendations_key("ana", "home"), '{"user_id":"ana","generated_at":1,"items":[]}')
    client.setrange(profile_key("bea"), 15, b"\0")
    client.set(profile_key("eve"), b"x" * 16)
    found = _found(client, expected)
    assert (found.lost_events, found.stale) == (0, 3)
    assert [line.split(":")[0] for line in found.differences] == ["ana", "bea", "eve"]


def test_what_is_there_twice_is_repeated() -> None:
    from collections import Counter

    assert repeated(Counter({"a": 1, "b": 3})) == 2


def test_recoveries_are_summed_up_by_kind() -> None:
    report = recoveries([Fault("a", 3, 2.0), Fault("a", 1, 4.0), Fault("b", 1, 3.0)])
    assert report["longest_recovery_s"] == 4.0
    assert report["faults"] == {"a": 4, "b": 1}
    assert report["recoveries"] == {"a": {"median": 3.0, "max": 4.0}, "b": {"median": 3.0, "max": 3.0}}


class _At(Watch):
    """A watch that had news at given moments, seconds ago."""

    def __init__(self, *ago: float) -> None:
        self.now = time.monotonic()
        self._progress = [self.now - seconds for seconds in ago]


@pytest.mark.parametrize(
    ("ago", "back"),
    [
        ((), None),
        ((20, 19), None),
        ((20, SILENCE_SECONDS + 5), None),
        ((8, 7, 6, 5, 4, 2, 0), 8),
        ((9, 8, 4, 2, 0), 4),
        ((9.5, 1, 0), 1),
    ],
)
def test_news_are_back_at_the_end_of_the_last_silence(ago: tuple[float, ...], back: float | None) -> None:
    watch = _At(*ago)
    found = watch.back_at(watch.now - 10)
    assert found == (None if back is None else pytest.approx(watch.now - back))


def test_only_versions_that_are_newer_than_any_before_are_news(redis_server: RedisServer, client: redis.Redis) -> None:
    watch = Watch(redis_server.port, ["ana", "bea"])

    def look(version: int | None) -> int:
        if version is None:
            client.flushall()
        else:
            client.set(profile_key("ana"), version.to_bytes(8, "big") + bytes(8))
        watch._look()
        return len(watch._progress)

    try:
        assert [look(version) for version in (None, 5, 5, None, 4, 5, 256)] == [0, 1, 1, 1, 1, 1, 2]
    finally:
        watch._client.close()


@pytest.fixture
def echo() -> Iterator[int]:
    """A server that says what it is told."""
    listening = socket.create_server((LOOPBACK, 0))

    def serve(connection: socket.socket) -> None:
        with connection:
            while data := connection.recv(100):
                connection.sendall(data)

    def accept() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=[connection], daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    yield int(listening.getsockname()[1])
    listening.shutdown(socket.SHUT_RDWR)
    listening.close()
    thread.join()


def test_a_link_passes_on_is_slow_and_is_cut(echo: int) -> None:
    link = Link(echo)
    link.open()
    try:
        with socket.create_connection((LOOPBACK, link.port), 10) as client:
            client.sendall(b"a")
            assert client.recv(10) == b"a"
            link.delay, began = 0.2, time.monotonic()
            client.sendall(b"b")
            assert client.recv(10) == b"b"
            assert time.monotonic() - began >= 0.2
            link.cut()
            assert _closed(client)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((LOOPBACK, link.port), 10)
        link.open()
        with socket.create_connection((LOOPBACK, link.port), 10) as client:
            client.sendall(b"c")
            assert client.recv(10) == b"c"
    finally:
        link.close()


def _closed(client: socket.socket) -> bool:
    try:
        return client.recv(10) == b""
    except ConnectionResetError:
        return True


def test_a_publisher_that_ends_is_noticed(tmp_path: Any) -> None:
    from bench.chaos.shop import Publisher
    from udfs.errors import SwerveError

    settings: Any = SimpleNamespace(
        kafka=SimpleNamespace(brokers=f"{LOOPBACK}:1"),
        registry=SimpleNamespace(url=f"http://{LOOPBACK}:1"),
        topics=SimpleNamespace(events="e"),
    )
    publisher = Publisher(tmp_path / "nothing", settings, 10, tmp_path / "log")
    publisher._process.wait()
    with pytest.raises(SwerveError, match="the publisher ended: "):
        publisher.check()
    publisher.stop()
