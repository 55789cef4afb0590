"""The writer in trouble, with real servers: what passes is waited for and nothing is lost; what does not is said at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from jobs.embedded.redis_server import RedisServer, start_redis
from tests.unit.redis_batches import assert_holds, put
from udfs.redis_errors import code_of
from udfs.redis_reads import read_profile
from udfs.redis_writes import RedisWriter, Target, Written

KEPT = {"appendonly": "yes", "appendfsync": "always"}


class Trouble:
    """Listens to a writer that has to wait, and puts the cause right the first time."""

    def __init__(self, put_right: Callable[[], object]) -> None:
        self.messages: list[str] = []
        self._put_right = put_right

    def __call__(self, message: str) -> None:
        """Note what was said."""
        self.messages.append(message)
        if len(self.messages) == 1:
            self._put_right()


Start = Callable[..., RedisServer]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start servers of one folder, one after the other; the last ends with the test."""
    servers: list[RedisServer] = []

    def one(port: int | None = None, **options: str) -> RedisServer:
        servers.append(start_redis(tmp_path, port, options={name.replace("_", "-"): value for name, value in options.items()}))
        return servers[-1]

    yield one
    for server in servers:
        server.kill()


@pytest.fixture
def own_server(start: Start) -> RedisServer:
    """A server that a test may spoil."""
    return start()


@pytest.fixture
def own(own_server: RedisServer) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(own_server.url) as client:
        yield client


def test_out_of_memory_is_said_and_waited_for(own_server: RedisServer, own: redis.Redis) -> None:
    trouble = Trouble(lambda: own.config_set("maxmemory", 0))
    with RedisWriter(Target(own_server.url), {"rec:default:home": b"all"}, trouble) as writer:
        put(writer, ["ana"], (1, 1))
        own.config_set("maxmemory", 1)
        assert put(writer, ["ana", "bo"], (2, 1)) == Written(2, 0, 1)
    assert trouble.messages[0].startswith("Redis is out of memory: raise maxmemory")
    assert "2 users wait" in trouble.messages[0]
    assert_holds(own, "bo", (2, 1))


def test_memory_that_runs_out_within_a_batch_loses_nobody(own_server: RedisServer, own: redis.Redis) -> None:
    users = [f"u{i}" for i in range(3000)]
    own.config_set("maxmemory", _memory(own) + 3_000_000)
    trouble = Trouble(lambda: own.config_set("maxmemory", 0))
    with RedisWriter(Target(own_server.url), on_wait=trouble) as writer:
        assert put(writer, users, (2, 1), size=2000) == Written(3000, 0, 1)
    assert trouble.messages[0].startswith("Redis is out of memory")
    # What was confirmed before is not sent again.
    assert 0 < int(trouble.messages[0].split("; ")[1].split()[0]) < 3000
    for user in users:
        assert_holds(own, user, (2, 1), size=2000)


def test_a_read_only_replica_is_waited_for(own_server: RedisServer, own: redis.Redis) -> None:
    trouble = Trouble(lambda: own.replicaof("NO", "ONE"))
    own.replicaof("127.0.0.1", "1")
    with RedisWriter(Target(own_server.url), on_wait=trouble) as writer:
        assert put(writer, ["ana"], (2, 1)).written == 1
    assert trouble.messages[0].startswith("Redis is a read-only replica")


def test_a_busy_server_is_waited_for(own_server: RedisServer, own: redis.Redis) -> None:
    own.config_set("lua-time-limit", 1)

    def hang() -> None:
        with redis.Redis.from_url(own_server.url) as client, pytest.raises(redis.ResponseError):
            client.eval("while true do end", 0)

    thread = threading.Thread(target=hang, daemon=True)
    thread.start()
    while not _busy(own):
        time.sleep(0.01)
    trouble = Trouble(own.script_kill)
    with RedisWriter(Target(own_server.url), on_wait=trouble) as writer:
        assert put(writer, ["ana"], (2, 1)).written == 1
    thread.join()
    assert trouble.messages[0].startswith("Redis is busy")


def test_too_many_clients_are_waited_for(own_server: RedisServer, own: redis.Redis) -> None:
    own.config_set("maxclients", 1)
    trouble = Trouble(lambda: own.config_set("maxclients", 100))
    with RedisWriter(Target(own_server.url), on_wait=trouble) as writer:
        assert put(writer, ["ana"], (2, 1)).written == 1
    assert len(trouble.messages) >= 1


def test_a_server_killed_again_and_again_loses_nothing_that_was_confirmed(start: Start) -> None:
    users = [f"u{i}" for i in range(300)]
    server = start(**KEPT)
    url, messages, confirmed = server.url, list[str](), [0]

    def write() -> None:
        with RedisWriter(Target(url), on_wait=messages.append) as writer:
            for version in range(1, 120):
                put(writer, users, (version, version), size=500)
                confirmed.append(version)

    thread = threading.Thread(target=write, daemon=True)
    thread.start()
    for kill_after in (5, 20, 40):
        while confirmed[-1] < kill_after:
            _give_way_to(thread)
        waited = len(messages)
        server.kill()
        so_far = confirmed[-1]
        while len(messages) == waited:
            _give_way_to(thread)
        server = start(server.port, **KEPT)
        with redis.Redis.from_url(url) as client:
            stored = [read_profile(client, user) for user in users]
        assert min(profile.clock for profile in stored if profile) >= so_far
        assert None not in stored
    thread.join()
    with redis.Redis.from_url(url) as client:
        for user in users:
            assert_holds(client, user, (119, 119), size=500)
    assert confirmed == list(range(120))
    assert all(message.startswith(("Redis does not answer", "Redis is loading")) for message in messages)


def test_a_server_that_is_not_there_yet_is_waited_for(start: Start) -> None:
    server = start()
    server.stop()
    trouble = Trouble(lambda: start(server.port))
    with RedisWriter(Target(server.url), {"rec:default:home": b"all"}, trouble) as writer:
        writer.open()
    with redis.Redis.from_url(server.url) as client:
        assert client.get("rec:default:home") == b"all"
    assert trouble.messages[0].startswith("Redis does not answer: Error 111")


def test_a_server_that_came_back_empty_has_the_fallbacks_with_the_first_write(start: Start) -> None:
    server = start()
    with RedisWriter(Target(server.url), {"rec:default:home": b"all"}, on_wait=lambda _: None) as writer:
        writer.open()
        server.kill()
        start(server.port)
        put(writer, ["ana"], (1, 1))
    with redis.Redis.from_url(server.url) as client:
        assert client.get("rec:default:home") == b"all"


def test_a_server_that_loads_its_data_is_waited_for(start: Start) -> None:
    server = start(rdbcompression="no")
    with redis.Redis.from_url(server.url) as client:
        client.mset({f"k{i}": "x" * 100_000 for i in range(100)})
        client.save()
    server.stop()
    # It reads 2 MB between two looks at its clients: 0.2 s each, with 10 ms a key.
    thread = threading.Thread(target=lambda: start(server.port, key_load_delay="10000"), daemon=True)
    thread.start()
    messages: list[str] = []
    with RedisWriter(Target(server.url), on_wait=messages.append) as writer:
        assert put(writer, ["ana"], (2, 1)).written == 1
    thread.join()
    assert any(message.startswith("Redis is loading its data") for message in messages)


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        ("OOM command not allowed when used memory > 'maxmemory'. script: 1f, on @user_script:9.", "OOM"),  # Redis 7
        ("READONLY You can't write against a read only replica. script: 1f, on @user_script:9.", "READONLY"),
        ("ERR Error running script (call to f_1): @user_script:9: @user_script: 9: -READONLY You can't write.", "READONLY"),
        ("ERR Error running script (call to f_1): @user_script:3: WRONGTYPE Operation against a key", "WRONGTYPE"),
        ("NOPERM User bob has no permissions to run the 'set' command script: 1f, on @user_script:9.", "NOPERM"),
        ("ERR ACL failure in script: The user executing the script can't run this command or subcommand", "NOPERM"),
        ("MOVED 866 10.0.0.1:6379", "MOVED"),
        ("CLUSTERDOWN Hash slot not served", "CLUSTERDOWN"),
        ("ERR unknown command 'EVALSHA'", "ERR"),
    ],
)
def test_an_error_is_known_however_the_server_wraps_it(reply: str, code: str) -> None:
    assert code_of(reply) == code


def _give_way_to(thread: threading.Thread) -> None:
    assert thread.is_alive()
    time.sleep(0.001)


def _memory(client: redis.Redis) -> int:
    memory = client.info("memory")
    assert isinstance(memory, dict)
    return int(memory["used_memory"])


def _busy(client: redis.Redis) -> bool:
    try:
        client.ping()
    except redis.ResponseError as error:
        return str(error).startswith("BUSY")
    return False
