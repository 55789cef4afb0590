"""Who may write where: what does not pass by waiting is said at once, and no message holds a secret."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
import redis

from jobs.embedded.redis_server import RedisServer, start_redis
from tests.unit.redis_batches import put
from udfs.redis_connection import check
from udfs.redis_errors import RedisRefused
from udfs.redis_writes import RedisWriter, Target, Written

PASSWORD = "hush 'n' \"quiet\"/é"


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A server with a password, and a user `bob` with few rights."""
    server = start_redis(tmp_path_factory.mktemp("locked"), password=PASSWORD, options={"unixsocket": "redis.sock"})
    with redis.Redis.from_url(server.url) as client:
        client.execute_command("ACL", "SETUSER", "bob", "on", ">bobs", "+@connection", "+@scripting", "+get", "+getrange", "~*")
        client.execute_command(
            "ACL", "SETUSER", "eve", "on", ">eves", "+@connection", "+@scripting", "+getrange", "+set", "~shop:rec:*", "~shop:profile:*"
        )
    yield server
    server.stop()


@pytest.mark.parametrize(
    ("login", "password", "says"),
    [
        ("", None, "asks for a password"),
        ("", "wr/ong", "refuses the password"),
        (":wr%2Fong@", None, "refuses the password"),
        ("nobody:wr%2Fong@", None, "refuses the password"),
        ("bob:bobs@", None, "does not let this user write"),
        ("eve:eves@", None, "does not let this user write"),
    ],
)
def test_who_may_not_write_is_told_so_at_once(locked: RedisServer, login: str, password: str | None, says: str) -> None:
    waited: list[str] = []
    url = f"redis://{login}127.0.0.1:{locked.port}/0"
    with RedisWriter(Target(url, password), on_wait=waited.append) as writer, pytest.raises(RedisRefused, match=says) as caught:
        put(writer, ["ana"], (1, 1))
    assert waited == []
    for secret in ("wr/ong", "wr%2Fong", "bobs", "eves"):
        assert secret not in str(caught.value)


@pytest.mark.parametrize("login", ["default:{}@", ":{}@", "eve:eves@"])
def test_who_may_write_can(locked: RedisServer, login: str) -> None:
    url = f"redis://{login.format(quote(PASSWORD, safe=''))}127.0.0.1:{locked.port}/0"
    with RedisWriter(Target(url, prefix="shop:"), {"rec:default:home": b"all"}) as writer:
        assert put(writer, ["ana"], (1, 1)).written == 1


def test_a_unix_socket_and_a_password_of_its_own_setting(locked: RedisServer) -> None:
    with redis.Redis.from_url(locked.url) as client:
        path = Path(client.config_get("dir")["dir"]) / "redis.sock"
    with RedisWriter(Target(f"unix://{path}", PASSWORD, prefix="socket:")) as writer:
        assert put(writer, ["ana"], (1, 1)).written == 1
    assert check(f"unix://{path}", PASSWORD).count(".") == 2


def test_a_key_that_is_not_ours_is_left_alone(client: redis.Redis, redis_server: RedisServer) -> None:
    client.lpush("profile:{ana}", "theirs")
    with RedisWriter(Target(redis_server.url)) as writer:
        with pytest.raises(RedisRefused, match="a key of ours holds something else"):
            put(writer, ["ana"], (1, 1))
        assert client.lrange("profile:{ana}", 0, -1) == [b"theirs"]
        # The replies that were under way are not taken for those of the next batch.
        with pytest.raises(RedisRefused):
            put(writer, [f"u{i}" for i in range(200)] + ["ana"], (1, 1))
        assert put(writer, ["bo", "cy"], (1, 1)) == Written(2, 0, 0)


def test_a_database_that_does_not_exist_is_refused(redis_server: RedisServer) -> None:
    url = f"redis://127.0.0.1:{redis_server.port}/4711"
    with RedisWriter(Target(url)) as writer, pytest.raises(RedisRefused, match="no such database"):
        writer.open()


@pytest.mark.parametrize(
    "url", ["redis://:se/cret@shop:6379/0", "redis://shop:secret", "redis://shop?no_such_option=secret", "http://secret"]
)
def test_an_address_that_is_none_is_refused_without_being_quoted(url: str) -> None:
    with pytest.raises(RedisRefused, match="no address") as caught:
        RedisWriter(Target(url))
    assert "se" + "cret" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/html\r\n\r\n", "is no Redis"),
        # A server without AUTH quotes what it was asked.
        (b"-ERR unknown command `AUTH`, with args beginning with: `hu/sh`, \r\n", r"refuses to write.*`\*+`"),
    ],
)
def test_an_answer_that_no_redis_of_ours_gives(answer: bytes, says: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(1 << 16)
                connection.sendall(answer)
                connection.recv(1 << 16)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        url = f"redis://:hu%2Fsh@127.0.0.1:{listener.getsockname()[1]}/0"
        with RedisWriter(Target(url)) as writer, pytest.raises(RedisRefused, match=says) as caught:
            writer.open()
        thread.join()
    assert "hu/sh" not in str(caught.value)
