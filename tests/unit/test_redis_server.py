"""The embedded Redis: real processes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from jobs.embedded.redis_server import STATE, RedisServer, ensure_redis, start_redis, stop_redis
from jobs.settings import Settings
from udfs.errors import SwerveError


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    """Settings without an address; what was started for them is stopped."""
    yield Settings().with_values({"work": tmp_path / "a folder"})
    stop_redis(tmp_path / "a folder")


def test_it_listens_on_loopback_only_and_keeps_to_its_folder(tmp_path: Path) -> None:
    folder = tmp_path / 'odd "name"\\é'
    server = start_redis(folder)
    try:
        with redis.Redis.from_url(server.url) as client:
            assert client.config_get("bind") == {"bind": "127.0.0.1"}
            assert client.config_get("dir") == {"dir": str(folder)}
            assert client.config_get("save") == {"save": ""}
    finally:
        server.stop()
    assert server.process.returncode == 0
    assert "Ready to accept connections" in (folder / "redis.log").read_text()


def test_a_port_in_use_is_said(redis_server: RedisServer, tmp_path: Path) -> None:
    with pytest.raises(SwerveError, match=f"^port {redis_server.port} is in use"):
        start_redis(tmp_path, redis_server.port)


def test_a_given_port_is_taken(tmp_path: Path) -> None:
    first = start_redis(tmp_path)
    first.kill()
    again = start_redis(tmp_path, first.port)
    again.stop()
    assert again.url == first.url == f"redis://127.0.0.1:{first.port}/0"
    assert again.run_id != first.run_id


def test_why_it_does_not_start_is_said(tmp_path: Path) -> None:
    with pytest.raises(SwerveError, match=r"did not start: Bad directive .*redis\.log"):
        start_redis(tmp_path, options={"no-such-option": "1"})


def test_its_password_stands_in_no_command_line(tmp_path: Path) -> None:
    server = start_redis(tmp_path, password="hush hush")
    try:
        command = Path(f"/proc/{server.process.pid}/cmdline")
        if command.exists():
            assert b"hush" not in command.read_bytes()
        with redis.Redis(port=server.port) as client, pytest.raises(redis.AuthenticationError):
            client.ping()
        with redis.Redis.from_url(server.url) as client:
            assert client.ping()
    finally:
        server.stop()


def test_the_server_of_a_run_is_used_again_until_it_is_stopped(settings: Settings) -> None:
    first = ensure_redis(settings).redis.url
    assert first is not None
    with redis.Redis.from_url(first) as client:
        client.set("kept", "1")
    assert ensure_redis(settings).redis.url == first
    assert stop_redis(settings.work)
    assert not stop_redis(settings.work)
    with redis.Redis.from_url(first) as client, pytest.raises(redis.ConnectionError):
        client.ping()


def test_another_server_on_its_port_is_left_alone(settings: Settings, redis_server: RedisServer) -> None:
    ensure_redis(settings)
    file = settings.work / "redis" / STATE
    own = json.loads(file.read_text())
    file.write_text(json.dumps({**own, "port": redis_server.port, "url": redis_server.url}))
    assert not stop_redis(settings.work)
    with redis.Redis.from_url(redis_server.url) as client:
        assert client.ping()
    with redis.Redis.from_url(own["url"]) as client:
        client.shutdown(nosave=True)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"port": "x"}'])
def test_a_spoilt_note_of_it_is_no_hindrance(settings: Settings, text: str) -> None:
    (settings.work / "redis").mkdir(parents=True)
    (settings.work / "redis" / STATE).write_text(text)
    assert ensure_redis(settings).redis.url


def test_a_named_server_that_does_not_answer_is_said_without_its_password(settings: Settings, tmp_path: Path) -> None:
    server = start_redis(tmp_path)
    server.stop()
    named = settings.with_values({"redis.url": f"redis://ana:hush@127.0.0.1:{server.port}/0"})
    with pytest.raises(SwerveError, match=r"^redis://ana:\*+@127.* does not answer") as caught:
        ensure_redis(named)
    assert "hush" not in str(caught.value)
    assert not (settings.work / "redis").exists()


def test_a_folder_that_cannot_be_made_is_an_error_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError, match="file/deep"):
        start_redis(tmp_path / "file" / "deep")
