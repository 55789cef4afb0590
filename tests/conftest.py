"""Settings of all tests, and the Redis that they share."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from hypothesis import settings

from jobs.embedded.redis_server import RedisServer, start_redis

# No test judges speed: compiling a kernel on its first call is no failure.
settings.register_profile("swerve", deadline=None)
settings.load_profile("swerve")


ROOMS_IN_A_ROW = tuple(Path(__file__).with_name(room) for room in ("job", "e2e"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Say what one worker runs, one after the other: the tests of a file, which share fixtures, and all that start Flink or servers."""
    for item in items:
        in_a_row = any(room in item.path.parents for room in ROOMS_IN_A_ROW)
        item.add_marker(pytest.mark.xdist_group("servers" if in_a_row else item.path.stem))


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A real server for the whole session."""
    server = start_redis(tmp_path_factory.mktemp("redis"))
    yield server
    server.stop()


@pytest.fixture
def client(redis_server: RedisServer) -> Iterator[redis.Redis]:
    """A client of that server, which is emptied first."""
    with redis.Redis.from_url(redis_server.url) as one:
        one.flushall()
        yield one
