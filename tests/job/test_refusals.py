"""What cannot work is refused in one line that says why; what fails inside Flink comes out the same way."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs.embedded.redis_server import RedisServer, start_redis
from jobs.replay import JobFailed
from tests.job.logs import Logs
from tests.job.running import Case, run_job

SECRET, WRONG = "the right one", "a-wrong-one"
SWERVE = (sys.executable, "-c", "import sys; from jobs.cli import main; sys.exit(main())")
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def locked_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A Redis that asks for a password."""
    server = start_redis(tmp_path_factory.mktemp("locked"), password=SECRET)
    yield server
    server.stop()


def wrong_url(server: RedisServer) -> str:
    return f"redis://:{WRONG}@127.0.0.1:{server.port}/0"


def refusal(*arguments: str, work: Path) -> str:
    """Run `swerve replay`, which must fail with one line; gives it."""
    command = [*SWERVE, "replay", *arguments, "--set", f"work={work}", "--set", f"checkpoint.dir={work / 'checkpoints'}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 1, done.stderr
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("swerve: ")
    return line


def test_wrong_password(logs: Logs, locked_redis: RedisServer, tmp_path: Path) -> None:
    line = refusal("--source", str(logs.archive("clean")), "--redis", wrong_url(locked_redis), work=tmp_path)
    assert "password" in line
    assert WRONG not in line


def test_no_redis(logs: Logs, tmp_path: Path) -> None:
    server = start_redis(tmp_path / "redis")
    server.stop()
    line = refusal("--source", str(logs.archive("clean")), "--redis", server.url, work=tmp_path)
    assert str(server.port) in line


def test_no_bundle(logs: Logs, redis_server: RedisServer, tmp_path: Path) -> None:
    missing = tmp_path / "no" / "bundle"
    line = refusal("--source", str(logs.archive("clean")), "--redis", redis_server.url, "--model", str(missing), work=tmp_path)
    assert str(missing) in line


def test_damaged_bundle(logs: Logs, redis_server: RedisServer, tmp_path: Path) -> None:
    bundle = tmp_path / "bundle"
    shutil.copytree(logs.bundle("clean"), bundle)
    with (bundle / "ranker.onnx").open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"\x00")
    line = refusal("--source", str(logs.archive("clean")), "--redis", redis_server.url, "--model", str(bundle), work=tmp_path)
    assert "ranker.onnx" in line


def test_no_archive(redis_server: RedisServer, tmp_path: Path) -> None:
    line = refusal("--source", str(tmp_path / "nothing"), "--redis", redis_server.url, work=tmp_path)
    assert str(tmp_path / "nothing") in line


def test_what_fails_inside_flink_says_why(logs: Logs, locked_redis: RedisServer, tmp_path: Path) -> None:
    """Here the password is wrong for the job, as after a change of it while the job runs."""
    case = Case("clean", 1, (64_000, 64), "every_event", hold_back=False)
    with pytest.raises(JobFailed) as caught:
        run_job(case, logs, tmp_path, wrong_url(locked_redis))
    assert caught.value.message.startswith("the job failed: Redis refuses the password")
    assert "\n" not in caught.value.message
    assert WRONG not in str(caught.value)
