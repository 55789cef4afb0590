"""Archives: the order of the log, the watermark, what is damaged, what is refused."""

from __future__ import annotations

import io
import os
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st

from udfs.archive import ArchiveError, ArchiveWriter, Chunk, index, read_chunk, read_events, read_records
from udfs.codecs import CODECS
from udfs.container import read_varint, write_varint
from udfs.schemas import load, plain

NOW = 1_700_000_000_000
EVENT, RAW = load("shop_event"), load("raw_record")


def event(n: int, time: int = NOW, **fields: Any) -> dict[str, Any]:
    defaults = {"event_name": "view_item", "device": "mobile", "analytics_storage": "DENIED", "personalization_storage": "GRANTED"}
    return {"event_id": f"e{n}", "user_id": f"u{n % 7}", "event_time": time, **defaults, **fields}


def raw(n: int, time: int = NOW, value: bytes | None = b"v", **fields: Any) -> dict[str, Any]:
    return {"partition": 0, "offset": n, "timestamp": time, "key": b"k", "value": value, "headers": {}, **fields}


def write(folder: Path, records: Iterable[dict[str, Any]], *, block: int = 10, schema: Any = EVENT, **options: Any) -> Path:
    with ArchiveWriter(folder, schema, **options) as writer:
        writer.append_records(records, block)
    return writer.files[-1]


def event_ids(chunks: Iterable[Chunk]) -> list[str]:
    """Decoded with fastavro, so that the reader is compared with something else."""
    parsed = fastavro.parse_schema(plain(EVENT))
    found: list[Any] = []
    for chunk in chunks:
        for block in read_chunk(chunk).blocks:
            body = io.BytesIO(block.body)
            found += [fastavro.schemaless_reader(body, parsed, None) for _ in range(block.count)]
            assert not body.read()
    return [record["event_id"] for record in found]


@pytest.mark.parametrize("codec", sorted(CODECS))
def test_what_is_written_is_read(tmp_path: Path, codec: str) -> None:
    write(tmp_path, (event(n, NOW + n) for n in range(95)), codec=codec)
    found = index(tmp_path, 30)
    assert (found.events, found.min_time, found.max_time, found.partitions) == (95, NOW, NOW + 94, 1)
    assert [chunk.events for chunk in found.chunks] == [30, 30, 30, 5]
    assert event_ids(found.chunks) == [f"e{n}" for n in range(95)]


@pytest.mark.parametrize("codec", ["null", "deflate", "snappy", "bzip2", "xz"])
def test_fastavro_reads_what_is_written_and_the_other_way_round(tmp_path: Path, codec: str) -> None:
    ours = write(tmp_path / "ours", (event(n) for n in range(25)), codec=codec)
    with ours.open("rb") as file:
        theirs: list[Any] = list(fastavro.reader(file))
    assert [record["event_id"] for record in theirs] == [f"e{n}" for n in range(25)]
    (tmp_path / "theirs").mkdir()
    with (tmp_path / "theirs" / "events-0-0.avro").open("wb") as file:
        fastavro.writer(file, EVENT, theirs, codec=codec, sync_interval=300)
    assert list(read_records(tmp_path / "theirs")) == list(read_records(tmp_path / "ours"))


def test_files_are_read_by_number_and_others_by_name(tmp_path: Path) -> None:
    names = ["events-b.avro", "events-0-10.avro", "events-0-9.avro", "events.avro", "events-0-000001.avro"]
    for n, name in enumerate(names):
        write(tmp_path / "one", [event(n)]).rename(tmp_path / name)
    (tmp_path / "segments-0-0.avro").write_bytes(b"of somebody else")
    assert event_ids(index(tmp_path, 1).chunks) == ["e0", "e3", "e4", "e2", "e1"]


TIMES = st.lists(st.tuples(st.integers(0, 3), st.one_of(st.integers(0, 1000), st.sampled_from([-NOW, 10**15]))), max_size=60)


@given(TIMES, st.integers(1, 7), st.integers(1, 20), st.booleans())
def test_no_event_that_counts_is_older_than_the_watermark_before_it(
    log: list[tuple[int, int]], block: int, size: int, as_raw: bool
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for partition in range(4):
            mine = [(n, NOW + time) for n, (p, time) in enumerate(log) if p == partition]
            schema, make = (RAW, raw) if as_raw else (EVENT, event)
            with ArchiveWriter(Path(folder), schema, partition) as writer:
                writer.append_records((make(n, time) for n, time in mine), block)
        if not log:
            return
        found = index(Path(folder), size, now_ms=NOW + 1000)
        in_chunks = []
        for chunk in found.chunks:
            data = read_chunk(chunk)
            numbers = data.raw.offset if as_raw else [int(name[1:]) for name in event_ids([chunk])]
            in_chunks.append(numbers)
        counts = {n for n, (_, time) in enumerate(log) if 0 <= time <= 1000}
        # Everything is there once, and each partition in its order.
        assert sorted(n for numbers in in_chunks for n in numbers) == list(range(len(log)))
        for partition in range(4):
            assert [n for c, numbers in zip(found.chunks, in_chunks, strict=True) if c.partition == partition for n in numbers] == [
                n for n, (p, _) in enumerate(log) if p == partition
            ]
        times = [NOW + log[n][1] for n in counts]
        assert (found.min_time, found.max_time) == ((min(times), max(times)) if times else (0, 0))
        for place, chunk in enumerate(found.chunks):
            after = [NOW + log[n][1] for numbers in in_chunks[place + 1 :] for n in numbers if n in counts]
            assert chunk.index == place
            assert chunk.watermark == min(after, default=found.max_time)


def test_partitions_are_interleaved_by_time(tmp_path: Path) -> None:
    for partition in range(2):
        write(tmp_path, (event(n, NOW + n * 1000 + partition) for n in range(40)), partition=partition)
    assert [chunk.partition for chunk in index(tmp_path, 10).chunks] == [0, 1] * 4


def test_raw_records_in_columns(tmp_path: Path) -> None:
    there = [raw(0), raw(1, value=None, key=None), raw(2, value=b"", headers={"a": b"\x00", "b": None}), raw(2**40, -5, partition=3)]
    write(tmp_path, there, schema=RAW)
    found = read_chunk(index(tmp_path, 10).chunks[0])
    assert found.kind == "raw"
    assert [dict(zip(vars(found.raw), row, strict=True)) for row in zip(*vars(found.raw).values(), strict=True)] == there


@given(st.binary(max_size=60), st.integers(0, 5))
def test_any_bytes_are_raw_records_or_damage(body: bytes, count: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        with ArchiveWriter(Path(folder), RAW) as writer:
            writer.append(body, count or 1)
            writer.append_records([raw(7)])
        found = index(Path(folder), 100)
        data = read_chunk(found.chunks[0])
        assert data.raw.offset[-1] == 7
        assert all(damage.data and body.endswith(damage.data) for damage in data.damaged)


def damaged(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 0xFF
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("codec", "what"), [("null", "sync"), ("null", "size"), ("deflate", "body"), ("snappy", "checksum"), ("zstandard", "body")]
)
def test_a_damaged_block_costs_only_itself(tmp_path: Path, codec: str, what: str) -> None:
    path = write(tmp_path, (event(n, NOW + n) for n in range(30)), codec=codec)
    second = index(tmp_path, 1).chunks[1]
    ends = second.offset + second.size
    damaged(path, {"sync": ends - 1, "size": second.offset + 1, "body": second.offset + 12, "checksum": ends - 17}[what])
    found = index(tmp_path, 1)
    # A block without its sync marker is lost up to the next one.
    lost = ["e10"] if what != "sync" else ["e10", "e20"]
    whole = [f"e{n}" for n in range(30) if not any(int(e[1:]) <= n < int(e[1:]) + 10 for e in lost)]
    assert event_ids(found.chunks) == whole
    bad = [damage for chunk in found.chunks for damage in read_chunk(chunk).damaged]
    assert len(bad) == 1
    assert bad[0].offset == second.offset
    assert path.read_bytes()[second.offset :].startswith(bad[0].data)
    assert bad[0].detail
    assert [record["event_id"] for record in read_records(tmp_path)] == whole


@pytest.mark.parametrize("missing", [1, 17, 200])
def test_a_file_that_is_cut_short_is_refused_with_its_place(tmp_path: Path, missing: int) -> None:
    path = write(tmp_path, (event(n) for n in range(30)))
    last = index(tmp_path, 1).chunks[-1]
    path.write_bytes(path.read_bytes()[:-missing])
    with pytest.raises(ArchiveError, match=rf"{path.name} is cut short: the block at byte {last.offset}"):
        index(tmp_path, 10)


def test_a_header_that_is_cut_short_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, [event(1)])
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(ArchiveError, match=path.name):
        index(tmp_path, 10)


def test_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="does not exist"):
        index(tmp_path / "nothing", 10)
    with pytest.raises(ArchiveError, match=r"no events\*\.avro"):
        index(tmp_path, 10)
    path = tmp_path / "events.avro"
    path.write_bytes(b"")
    with pytest.raises(ArchiveError, match="is empty"):
        index(tmp_path, 10)
    path.write_text("event_id,user_id\n")
    with pytest.raises(ArchiveError, match="no Avro container file"):
        index(tmp_path, 10)
    with pytest.raises(ArchiveError, match="no folder"):
        index(path, 10)
    catalog = write(tmp_path / "other", [{"item_id": "i", "title": "t"}], schema=load("catalog_item"))
    shutil.copy(catalog, path)
    with pytest.raises(ArchiveError, match="holds CatalogItem, not shop events"):
        index(tmp_path, 10)
    other = dict(RAW, fields=RAW["fields"][:-1])
    shutil.copy(write(tmp_path / "another", [raw(1)], schema=other), path)
    with pytest.raises(ArchiveError, match="another layout"):
        index(tmp_path, 10)
    path.write_bytes(catalog.read_bytes().replace(b"\x08null", b"\x08lzma"))
    with pytest.raises(ArchiveError, match="codec lzma"):
        index(tmp_path, 10)


def test_a_file_that_changed_since_it_was_indexed_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, (event(n) for n in range(30)))
    chunk = index(tmp_path, 100).chunks[0]
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ArchiveError, match="shorter"):
        read_chunk(chunk)


def test_events_of_raw_records_leave_poison_out(tmp_path: Path) -> None:
    body = io.BytesIO()
    fastavro.schemaless_writer(body, fastavro.parse_schema(EVENT), event(5))
    good = b"\x00\x00\x00\x00\x01" + body.getvalue()
    values = [good, None, b"", good[:-20], b"\x00\x00\x00\x00\x63" + good[5:], b"\x01rubbish", good]
    write(tmp_path, (raw(n, value=value) for n, value in enumerate(values)), schema=RAW)
    assert [record["event_id"] for record in read_events(tmp_path)] == ["e5", "e5"]


def test_writers_never_share_a_file_and_roll(tmp_path: Path) -> None:
    with ArchiveWriter(tmp_path, EVENT, roll_bytes=4000) as one, ArchiveWriter(tmp_path, EVENT, roll_bytes=4000) as other:
        for n in range(0, 200, 10):
            (one if n % 20 else other).append_records([event(n + k) for k in range(10)])
    assert not set(one.files) & set(other.files)
    assert len(one.files) > 1
    assert sorted(int(record["event_id"][1:]) for record in read_records(tmp_path)) == list(range(200))


def test_a_new_writer_comes_after_all_others_also_where_old_files_are_gone(tmp_path: Path) -> None:
    first, second = write(tmp_path, [event(0)], partition=3), write(tmp_path, [event(1)], partition=3)
    with second.open("ab") as torn:
        torn.write(b"\x02\x80")
    left = second.read_bytes()
    first.unlink()
    assert write(tmp_path, [event(2)], partition=3).name == "events-3-000002.avro"
    assert second.read_bytes() == left


def test_a_durable_flush_syncs_what_was_written_since_the_last_and_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(Path(os.readlink(f"/proc/self/fd/{descriptor}")).name))
    with ArchiveWriter(tmp_path / "out", EVENT, roll_bytes=4000) as writer:
        writer.flush(durable=True)
        writer.append_records([event(n) for n in range(100)], 10)
        writer.flush()
        assert synced == []
        writer.flush(durable=True)
        assert synced == [*(path.name for path in writer.files), "out"]
        synced.clear()
        writer.append_records([event(100)])
        writer.flush(durable=True)
        writer.flush(durable=True)
        assert synced == [writer.files[-1].name, "out"]


def test_after_a_disk_that_did_not_take_it_the_next_goes_to_another_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: int) -> None:
        raise OSError(5, "Input/output error")

    with ArchiveWriter(tmp_path, EVENT) as writer:
        writer.append_records([event(0)])
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", refuse)
            with pytest.raises(ArchiveError, match="Input/output error"):
                writer.flush(durable=True)
        writer.append_records([event(1)])
        writer.flush(durable=True)
    assert [path.name for path in writer.files] == ["events-0-000000.avro", "events-0-000001.avro"]


def test_nothing_is_written_for_nothing(tmp_path: Path) -> None:
    with ArchiveWriter(tmp_path / "out", EVENT) as writer:
        writer.append(b"", 0)
        writer.append_records([])
    assert not (tmp_path / "out").exists()


def test_what_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with ArchiveWriter(tmp_path / "file", EVENT) as writer, pytest.raises(ArchiveError, match="cannot write"):
        writer.append_records([event(1)])
    with pytest.raises(ArchiveError, match="no codec lzo"):
        ArchiveWriter(tmp_path, EVENT, codec="lzo")


@given(st.integers(-(2**63), 2**63 - 1))
def test_numbers_come_back(number: int) -> None:
    packed = write_varint(number)
    assert read_varint(packed, 0) == (number, len(packed))
