"""Settings of all tests, and the Redis that they share."""

from collections.abc import Iterator

import pytest
import redis
from hypothesis import settings

from jobs.embedded.redis_server import RedisServer, start_redis

# No test judges speed: compiling a kernel on its first call is no failure.
settings.register_profile("swerve", deadline=None)
settings.load_profile("swerve")


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
