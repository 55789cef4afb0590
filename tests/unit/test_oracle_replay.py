"""From the bytes of an archive to profiles, changes, requests and dead letters: the core equals the oracle, at any size of batch."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.oracle.archive import read_archive
from tests.oracle.run import OracleResult, run_log
from tests.oracle.segments import Segments
from tests.unit.kernel import KernelRun
from tests.unit.test_oracle_profiles import assert_same
from training.simulator import simulate
from udfs.archive import index, read_events
from udfs.collapse import Collapse, DeadLetter, Limits
from udfs.events import unpack_payload
from udfs.hashing import category_hashes
from udfs.schemas import LocalSchemas

ARCHIVES: dict[str, dict[str, Any]] = {
    "clean": {"seed": 1},
    "late and repeated": {"seed": 2, "late_seconds": 30, "duplicates": 0.05},
    "poisoned": {"seed": 3, "late_seconds": 30, "duplicates": 0.05, "poison": 0.02, "partitions": 3},
    "power": {"seed": 4, "activity": "power", "late_seconds": 3000, "duplicates": 0.1, "partitions": 1},
}
NOW = 1_790_000_000_000


@pytest.fixture(scope="module", params=list(ARCHIVES))
def archive(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = Path(tmp_path_factory.mktemp("archive")) / "shop"
    simulate(out, 4_000, 150, 300, **ARCHIVES[request.param])
    return out


@pytest.fixture(scope="module")
def segments(archive: Path) -> Segments:
    """A centroid for each of the ten most frequent categories."""
    seen = Counter(e["item_category"] for e in read_events(archive) if e["item_category"])
    hashes = sorted(int(h) for h in category_hashes([name for name, _ in seen.most_common(10)]))
    return Segments(tuple(hashes), tuple(tuple(0.9 if i == k else 0.01 * i for i in range(len(hashes) + 3)) for k in range(len(hashes))))


def replay(
    archive: Path, segments: Segments, chunk_events: int, batch: int, rank_on: str, *, timers: bool = True
) -> tuple[KernelRun, list[DeadLetter], int, int]:
    """What the job does, without Flink: chunks → payloads → profiles; timers behind the watermark, at times."""
    found = index(archive, chunk_events, now_ms=NOW)
    collapse = Collapse(Limits(buckets=7), LocalSchemas())
    kernel = KernelRun(segments, rank_on)
    letters: list[DeadLetter] = []
    events = denied = 0
    shuffled = random.Random(batch)
    for at in range(0, len(found.chunks), batch):
        chunks = found.chunks[at : at + batch]
        collapsed = collapse.chunks(chunks, NOW)
        letters += collapsed.dead_letters
        events, denied = events + collapsed.events, denied + collapsed.denied
        payloads = [unpack_payload(payload) for payload in collapsed.payloads]
        shuffled.shuffle(payloads)
        for payload in payloads:
            kernel.apply_array([user.decode() for user in payload.users], payload.events)
        if timers and shuffled.random() < 0.3:
            kernel.fire(min(chunks[-1].watermark, found.max_time - 1))
    kernel.end(found.max_time)
    return kernel, letters, events, denied


def oracle_of(archive: Path, segments: Segments, rank_on: str) -> OracleResult:
    return run_log(read_archive(archive, now=NOW), segments, rank_on)


@pytest.mark.parametrize(
    ("chunk_events", "batch", "rank_on"), [(1, 1, "triggers"), (3000, 2, "every_event"), (10**9, 10**9, "every_event")]
)
def test_replay_equals_oracle(archive: Path, segments: Segments, chunk_events: int, batch: int, rank_on: str) -> None:
    kernel, letters, events, denied = replay(archive, segments, chunk_events, batch, rank_on)
    oracle = oracle_of(archive, segments, rank_on)
    assert_same(oracle, kernel)
    assert (events, denied) == (oracle.counts["events"], oracle.counts["denied"])
    if any(reject.offset is not None for reject in oracle.rejects):
        wanted = {(r.partition, r.offset): (r.reason, r.value) for r in oracle.rejects}
        assert {(letter.partition, letter.offset): (letter.reason, letter.value) for letter in letters} == wanted
        assert len(letters) == len(oracle.rejects)
    else:
        assert Counter((r.reason, r.value) for r in oracle.rejects) == Counter((letter.reason, letter.value) for letter in letters)


def test_the_archives_hold_what_is_to_be_tested(archive: Path, segments: Segments) -> None:
    """Shifts, abandoned carts, events without consent; repeats and poison where they are asked for."""
    oracle = oracle_of(archive, segments, "triggers")
    assert sum(profile.shifts for profile in oracle.profiles.values()) > 5
    assert sum(profile.abandoned for profile in oracle.profiles.values()) > 5
    assert oracle.counts["denied"] > 0
    assert {change.cause for change in oracle.changes} >= {"first", "shift", "warm", "interest"}
    if (archive / "truth.jsonl").exists() and oracle.rejects:
        assert len({reject.reason for reject in oracle.rejects}) >= 10
