"""Following an archive: every whole block once and in order, however the files grow, and nothing of what is half there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from udfs.archive_writer import ArchiveWriter
from udfs.follow import Follower
from udfs.schemas import load

NOW = 1_700_000_000_000
SYNC = bytes(range(16))


def event(number: int, time: int) -> dict[str, Any]:
    return {"event_id": f"e{number}", "user_id": "ana", "event_name": "view_item", "event_time": time}


def archive(folder: Path, times: list[list[int]], partition: int = 0) -> Path:
    """One file with a block for each list of times."""
    with ArchiveWriter(folder, load("shop_event"), partition, sync=SYNC) as writer:
        for block in times:
            writer.append_records(event(number, time) for number, time in enumerate(block))
    return writer.files[0]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return archive(tmp_path_factory.mktemp("whole"), [[NOW, NOW + 1], [NOW + 5], [NOW + 2, NOW + 3, NOW + 4]])


def read(follower: Follower, limit: int = 100) -> list[tuple[str, int, int, int]]:
    return [(Path(found.path).name, found.offset, found.size, found.events) for found in follower.look(NOW, limit)]


@given(cuts=st.lists(st.integers(0, 2_000), max_size=6), restore=st.booleans())
def test_however_a_file_grows_each_block_is_read_once(
    whole: Path, cuts: list[int], restore: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    data, folder = whole.read_bytes(), tmp_path_factory.mktemp("growing")
    path, follower, found = folder / whole.name, Follower(folder, 1), []
    for cut in [*sorted(cut * len(data) // 2_000 for cut in cuts), len(data)]:
        path.write_bytes(data[:cut])
        found += read(follower)
        if restore:
            follower = Follower(folder, 1, positions=follower.positions, clocks=follower.clocks)
    assert [events for *_, events in found] == [2, 1, 3]
    assert [offset for _, offset, *_ in found] == [found[0][1], *(offset + size for _, offset, size, _ in found[:-1])]
    assert found[-1][1] + found[-1][2] == len(data)
    assert follower.clocks == {0: NOW + 5}
    assert follower.behind == 0


def test_what_a_crash_left_half_written_holds_nothing_up(whole: Path, tmp_path: Path) -> None:
    (tmp_path / "events-0-000000.avro").write_bytes(whole.read_bytes()[:-5])
    archive(tmp_path, [[NOW + 9]])
    follower = Follower(tmp_path, 1)
    assert [(name, events) for name, _, _, events in read(follower)] == [
        ("events-0-000000.avro", 2),
        ("events-0-000000.avro", 1),
        ("events-0-000001.avro", 1),
    ]
    assert follower.behind == 0


def test_partitions_and_folders_may_come_later(tmp_path: Path) -> None:
    follower = Follower(tmp_path / "later", 10)
    assert read(follower) == []
    archive(tmp_path / "later", [[NOW]])
    assert len(read(follower)) == 1
    archive(tmp_path / "later", [[NOW]], partition=3)
    assert [name for name, *_ in read(follower)] == ["events-3-000000.avro"]
    assert read(follower) == []


def test_a_partition_that_is_behind_holds_the_time(tmp_path: Path) -> None:
    archive(tmp_path, [[NOW], [NOW + 10]])
    archive(tmp_path, [[NOW + 100], [NOW + 200]], partition=1)
    times = [(found.partition, found.time) for found in Follower(tmp_path, 1).look(NOW, 100)]
    assert [partition for partition, _ in times] == [0, 1, 0, 1]
    assert [time for _, time in times][1:] == [NOW, NOW + 100, NOW + 200]
    assert times[0][1] < NOW


def test_a_time_ahead_of_the_clock_does_not_count(tmp_path: Path) -> None:
    archive(tmp_path, [[NOW], [NOW + 10**9]])
    (found,) = Follower(tmp_path, 10, future_ms=1_000).look(NOW, 10)
    assert found.time == NOW


def test_a_limit_leaves_the_rest_for_the_next_look(whole: Path) -> None:
    follower = Follower(whole.parent, 1)
    assert [events for *_, events in read(follower, limit=2)] == [2, 1]
    assert follower.behind > 0
    assert [events for *_, events in read(follower, limit=2)] == [3]


def test_files_of_something_else_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "events-0-000000.avro").write_bytes(b"no Avro at all, and long enough to have been a header of one" * 9)
    (tmp_path / "notes.txt").write_text("hello")
    archive(tmp_path, [[NOW]])
    assert [events for *_, events in read(Follower(tmp_path, 1))] == [1]
