"""Settings of all tests, and the Redis that they share."""

from collections.abc import Iterator
from typing import Any

import pytest
import redis
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling

from jobs.embedded.redis_server import RedisServer, start_redis

# No test judges speed: compiling a kernel on its first call is no failure.
settings.register_profile("swerve", deadline=None)
settings.load_profile("swerve")


#: Files that share servers of tests/e2e/conftest.py, which are started once for all of them.
SERVERS = tuple(f"tests/e2e/test_{name}.py" for name in ("cluster", "kafka_tools", "live", "metrics", "replay", "servers"))
FIRST = ("tests/e2e/test_chaos.py", "servers", "job")


def group_of(nodeid: str) -> str:
    """Name what one worker runs, one after the other: the tests of a file, of all files that share servers, and those of the job."""
    path = nodeid.partition("::")[0]
    if path.startswith("tests/job/"):
        return "job"
    return "servers" if path in SERVERS else path


def turn_of(nodeid: str) -> int:
    """Tell what begins first: what takes longest waits more than it works, and the many quick ones fill what is left of the time."""
    group = group_of(nodeid)
    if group in FIRST:
        return FIRST.index(group)
    return len(FIRST) + (not group.startswith("tests/e2e/"))


class Groups(LoadScopeScheduling):
    """Hands out groups; `--dist loadgroup` hands out single tests: it does not see its own marks where pytest has ids that are no text."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Groups:
    """Say how tests are divided among workers."""
    return Groups(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Bring the groups in their order."""
    items.sort(key=lambda item: turn_of(item.nodeid))


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
