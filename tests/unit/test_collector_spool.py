"""The spool: whatever is appended, taken out, and wherever a crash cuts, nothing that was acknowledged is lost, and the order stays."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.collector.spool import Spool
from serving.collector.spool_segment import Entry
from udfs.errors import SwerveError

ROOM = 4096
entries = st.lists(st.builds(Entry, st.binary(max_size=8), st.binary(max_size=120), st.integers(0, 2**40)), min_size=1, max_size=6)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("append"), entries), st.tuples(st.just("take"), st.integers(1, 8)), st.tuples(st.just("restart"), st.none())
    ),
    max_size=14,
)


@contextmanager
def opened(folder: Path, room: int = ROOM) -> Iterator[Spool]:
    spool = Spool(folder, room)
    spool.open()
    try:
        yield spool
    finally:
        spool.close()


def rest(spool: Spool, most: int = 200) -> list[Entry]:
    """Take out everything, at most so many bytes at a time, or one entry."""
    found: list[Entry] = []
    while pieces := spool.peek(most):
        found += [entry for entry, _ in pieces]
        spool.advance(pieces[-1][1])
    return found


@given(steps, entries, st.data())
def test_a_crash_at_any_byte_loses_nothing_acknowledged(done: list[tuple[str, object]], last: list[Entry], data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "spool"
        acknowledged, taken = _work(folder, done)
        # What a crash in the middle of a write leaves: any beginning of it, whatever of the head, and rubbish where the disk was not done.
        before = _files(folder)
        with opened(folder) as spool:
            spool.append_all([last])
        after = _files(folder)
        for path, content in after.items():
            old = before.get(path, b"")
            if content != old and content.startswith(old):
                cut = data.draw(st.integers(len(old), len(content)))
                path.write_bytes(content[:cut] + data.draw(st.binary(max_size=9)))
        if data.draw(st.booleans()):
            (folder / "head").unlink(missing_ok=True)
        with opened(folder) as spool:
            found = rest(spool, data.draw(st.integers(1, 500)))
        # Some that were taken out may come again, in front; of what was being written, any beginning.
        torn = next(
            n
            for n in range(len(found) + 1)
            if found[: len(found) - n] == _tail(acknowledged, len(found) - n) and found[len(found) - n :] == last[:n]
        )
        assert len(found) - torn >= len(acknowledged) - taken


@given(steps)
def test_without_a_crash_everything_comes_out_once(done: list[tuple[str, object]]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "spool"
        acknowledged, taken = _work(folder, done)
        with opened(folder) as spool:
            assert rest(spool) == acknowledged[taken:]
            assert spool.held == 0
            spool.clear()
        assert not list(folder.glob("spool-*"))


def _tail(entries: list[Entry], count: int) -> list[Entry]:
    return entries[len(entries) - count :] if 0 <= count <= len(entries) else [Entry(b"none", b"", 0)]


def _files(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.glob("spool-*.log")}


def _work(folder: Path, done: list[tuple[str, object]]) -> tuple[list[Entry], int]:
    """Do what is asked for; gives what was acknowledged, and how much of it was taken out."""
    acknowledged: list[Entry] = []
    taken = 0
    spool = Spool(folder, ROOM)
    spool.open()
    for what, argument in done:
        if what == "append":
            assert isinstance(argument, list)
            if spool.append_all([argument]) == [True]:
                acknowledged += argument
        elif what == "take":
            assert isinstance(argument, int)
            if pieces := spool.peek(10_000)[:argument]:
                assert [entry for entry, _ in pieces] == acknowledged[taken : taken + len(pieces)]
                spool.advance(pieces[-1][1])
                taken += len(pieces)
        else:
            spool.close()
            spool = Spool(folder, ROOM)
            spool.open()
    spool.close()
    return acknowledged, taken


def test_what_does_not_fit_is_refused_whole_and_room_comes_back(tmp_path: Path) -> None:
    small, large = [Entry(b"u", b"x" * 50, 1)], [Entry(b"u", b"x" * 500, 2)] * 9
    with opened(tmp_path) as spool:
        assert spool.append_all([small, large, small]) == [True, False, True]
        assert rest(spool) == small * 2
        for _ in range(40):
            assert spool.append_all([large[:3]]) == [True]
            assert rest(spool) == large[:3]


def test_a_folder_has_one_process(tmp_path: Path) -> None:
    with opened(tmp_path), pytest.raises(SwerveError, match="in use"), opened(tmp_path):
        pass


def test_a_head_of_other_files_is_not_believed(tmp_path: Path) -> None:
    first, second = [Entry(b"u", b"1", 1)] * 3, [Entry(b"u", b"2", 2)] * 3
    with opened(tmp_path / "a") as spool:
        spool.append_all([first])
        spool.advance(spool.peek(1)[0][1])
    with opened(tmp_path / "b") as spool:
        spool.append_all([second])
    shutil.copy(tmp_path / "a" / "head", tmp_path / "b" / "head")
    with opened(tmp_path / "b") as spool:
        assert rest(spool) == second


def test_damage_is_kept_apart_and_the_rest_goes_on(tmp_path: Path) -> None:
    with opened(tmp_path) as spool:
        spool.append_all([[Entry(b"u", b"1" * 9, 1), Entry(b"u", b"2" * 9, 1)]])
    with opened(tmp_path) as spool:
        spool.append_all([[Entry(b"u", b"3" * 9, 1)]])
    first = min(tmp_path.glob("spool-*.log"))
    content = bytearray(first.read_bytes())
    content[-1] ^= 1
    first.write_bytes(content)
    with opened(tmp_path) as spool:
        assert [entry.value for entry in rest(spool)] == [b"1" * 9, b"3" * 9]
    assert list(tmp_path.glob("*.damaged"))
