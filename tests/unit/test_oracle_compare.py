"""The whole way without Flink: archive → files and Redis, held against the oracle; and the comparisons see what is wrong."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import redis

from jobs.embedded.redis_server import RedisServer
from models.bundle import Bundle
from tests.oracle.bundle import Bundle as PlainBundle
from tests.oracle.compare import compare_changes, compare_dead_letters, compare_redis
from tests.oracle.run import OracleResult, run
from tests.unit.kernel import KernelRun
from tests.unit.test_oracle_replay import NOW, replay
from training.simulator import simulate
from training.train import train
from udfs.archive import ArchiveWriter
from udfs.blocks import pack_block, unpack_block
from udfs.dead_letters import pack_dead_letters
from udfs.profile import pack_profiles
from udfs.rank import Ranker
from udfs.redis_writes import RedisWriter, Target
from udfs.schemas import load
from udfs.segment_changes import change_id

SURFACES = ("home", "cart")
PREFIX = "shop:"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A poisoned archive and a bundle trained on it."""
    folder = Path(tmp_path_factory.mktemp("shop"))
    simulate(folder / "archive", 6_000, 150, 300, seed=5, late_seconds=30, duplicates=0.05, poison=0.01)
    train(folder / "archive", folder / "bundle", seed=1, kinds=("linear",))
    return folder / "archive", folder / "bundle"


@pytest.fixture(scope="module")
def oracle(made: tuple[Path, Path]) -> OracleResult:
    archive, bundle = made
    return run(archive, bundle, "triggers", surfaces=SURFACES, now=NOW)


def write_changes(kernel: KernelRun, out: Path, times: int = 1) -> None:
    records = [
        {
            "change_id": change_id(c.user_id.encode(), c.sequence, c.cause),
            "user_id": c.user_id,
            "sequence": c.sequence,
            "event_time": c.event_time,
            "from_segment": c.segment_from,
            "to_segment": c.segment_to,
            "cause": c.cause,
            "focus_before": c.focus_before,
            "focus_after": c.focus_after,
            "model_version": "1",
        }
        for c in kernel.changes
    ]
    with ArchiveWriter(out, load("segment_change"), prefix="segments") as writer:
        for _ in range(times):
            count, body = unpack_block(pack_block("segment_change", records))
            writer.append(body, count)


def test_what_is_written_is_what_the_oracle_says(
    made: tuple[Path, Path], oracle: OracleResult, tmp_path: Path, client: redis.Redis, redis_server: RedisServer
) -> None:
    archive, folder = made
    bundle = Bundle.open(folder)
    kernel, letters, _, _ = replay(archive, PlainBundle(folder).segments, 2000, 3, "triggers", timers=False)
    ranker = Ranker(bundle, surfaces=SURFACES)
    with RedisWriter(Target(redis_server.url, prefix=PREFIX, surfaces=SURFACES), ranker.fallbacks()) as writer:
        for at in range(0, len(kernel.requests), 500):
            part = kernel.requests[at : at + 500]
            users = [user_id.encode() for user_id, _, _ in part]
            profiles = np.array([record for _, _, record in part])
            ranked = ranker.rank(users, profiles, np.array([reasons for _, reasons, _ in part], np.uint8), NOW)
            versions = np.array([kernel.version(at + i) for i in range(len(part))], np.uint64)
            writer.write(users, versions, ranked.values, pack_profiles(profiles))
    assert compare_redis(oracle, client, PREFIX, SURFACES) == []

    write_changes(kernel, tmp_path, times=2)
    assert compare_changes(oracle, tmp_path) == []

    with ArchiveWriter(tmp_path, load("dead_letter"), prefix="dead-letters") as dead:
        count, body = unpack_block(pack_dead_letters(letters, NOW))
        dead.append(body, count)
        dead.append(body, count)
    assert compare_dead_letters(oracle, tmp_path) == []

    user = next(iter(oracle.values))
    key = f"{PREFIX}rec:{{{user}}}:home"
    value = json.loads(str(client.get(key), "utf-8"))  # type: ignore[arg-type]
    value["items"][0]["score"] += 0.0001
    client.set(key, json.dumps(value, separators=(",", ":"), ensure_ascii=False))
    client.delete(f"{PREFIX}rec:{{{user}}}:cart", f"{PREFIX}profile:{{{user}}}")
    client.set(f"{PREFIX}rec:{{nobody}}:home", "{}")
    found = compare_redis(oracle, client, PREFIX, SURFACES)
    assert len(found) == 4
    assert found[0].startswith(f"{user} home: .items[0].score: oracle ")
    assert found[1:] == [f"{user}: no value for cart", f"{user}: no profile", "nobody: a rec key, but she asked for no ranking"]


def test_a_change_that_is_missing_or_wrong_is_seen(made: tuple[Path, Path], oracle: OracleResult, tmp_path: Path) -> None:
    kernel, _, _, _ = replay(made[0], PlainBundle(made[1]).segments, 2000, 3, "triggers")
    first, second, *rest = kernel.changes
    kernel.changes = [replace(first, focus_after=7), *rest]
    write_changes(kernel, tmp_path)
    assert [line.split(":")[0] for line in compare_changes(oracle, tmp_path)] == [
        "no such change of the job",
        "no such change of the job",
        "a change of the job only",
    ]
    assert second in oracle.changes


def test_a_dead_letter_that_is_missing_is_seen(oracle: OracleResult, tmp_path: Path) -> None:
    found = compare_dead_letters(oracle, tmp_path)
    assert found[0].startswith("no such dead letter of the job: ")
    assert len(found) == min(len(oracle.rejects), 21)
