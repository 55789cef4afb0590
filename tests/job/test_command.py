"""`swerve replay`, from its arguments to one JSON document and all that it leaves behind."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import redis

from jobs.embedded.redis_server import RedisServer
from tests.job.logs import Logs
from tests.oracle.compare import compare_changes, compare_redis

SWERVE = (sys.executable, "-c", "import sys; from jobs.cli import main; sys.exit(main())")
ROOT = Path(__file__).parents[2]


def test_replay(logs: Logs, redis_server: RedisServer, client: redis.Redis, tmp_path: Path) -> None:
    """Requests are held back, as is the default, over tiny batches: an event that is too late comes in another than what was before it."""
    settings = {
        "work": tmp_path / "work",
        "checkpoint.dir": tmp_path / "checkpoints",
        "parallelism": 2,
        "batch.events": 400,
        "batch.rows": 4,
        "redis.prefix": "shop:",
    }
    source, model, out = str(logs.archive("clean")), str(logs.bundle("clean")), tmp_path / "out"
    command = [*SWERVE, "replay", "--source", source, "--model", model, "--redis", redis_server.url, "--out", str(out), "--json"]
    overrides = [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
    done = subprocess.run([*command, *overrides], cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    oracle = logs.oracle("clean", "every_event", ("home",))
    names = {"events": "events", "denied": "without_consent", "duplicates": "duplicates", "too_late": "too_late", "rejects": "rejects"}
    assert {name: report[key] for name, key in names.items()} == {name: oracle.counts[name] for name in names}
    assert report["recommendations"] == report["written"] == len(oracle.last_requests())
    assert compare_redis(oracle, client, prefix="shop:") == []
    assert compare_changes(oracle, out) == []
