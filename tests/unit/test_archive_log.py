"""An archive as records of a topic: what is no good event too, and times that cannot be."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import fastavro
import pytest

from jobs.kafka.archive_log import ArchiveLog, LogRecord
from jobs.kafka.schema_ids import SchemaIds
from jobs.kafka.time_shift import TimeShift
from tests.golden.make import RECORDS
from udfs.archive import ArchiveWriter, index
from udfs.errors import SwerveError
from udfs.schemas import LocalSchemas, load, plain

NOW = 1_800_000_000_000
FRAMING = b"\0\0\0\0\1"


def _datum(user: str, time: int, **more: Any) -> bytes:
    body = io.BytesIO()
    event = {**RECORDS["shop_event", 1], "user_id": user, "event_time": time, **more}
    fastavro.schemaless_writer(body, fastavro.parse_schema(plain(load("shop_event"))), event)
    return body.getvalue()


def _log(folder: Path, shift: int | None = None) -> list[LogRecord]:
    ids = SchemaIds("events", None)
    moved = TimeShift(shift, LocalSchemas()) if shift is not None else None
    return list(ArchiveLog(index(folder, 1, now_ms=NOW), ids.frame, lambda value: value, moved, NOW))


def _write(folder: Path, partition: int, *blocks: list[bytes]) -> None:
    with ArchiveWriter(folder, load("shop_event"), partition) as writer:
        for block in blocks:
            writer.append(b"".join(block), len(block))


def test_partitions_are_merged_by_time_and_keep_their_order(tmp_path: Path) -> None:
    first = [_datum("a", NOW + time) for time in (-90, -50, -70, -10)]
    second = [_datum("b", NOW + time) for time in (-80, -60, -40, -20)]
    _write(tmp_path, 0, first[:2], first[2:])
    _write(tmp_path, 1, second)
    log = _log(tmp_path)
    assert [(record.key, record.timestamp - NOW) for record in log] == [
        (b"a", -90), (b"b", -80), (b"b", -60), (b"a", -50), (b"a", -70), (b"b", -40), (b"b", -20), (b"a", -10),
    ]  # fmt: skip
    assert [record.value for record in log if record.partition == 0] == [FRAMING + datum for datum in first]


def test_a_time_that_cannot_be_is_not_the_records(tmp_path: Path) -> None:
    times = [4_102_444_800_000, NOW - 90, 1, NOW - 70, 4_102_444_800_000]
    _write(tmp_path, 0, [_datum("a", time) for time in times])
    log = _log(tmp_path)
    assert [record.timestamp for record in log] == [0, NOW - 90, NOW - 90, NOW - 70, NOW - 70]
    assert [record.value for record in log] == [FRAMING + _datum("a", time) for time in times]


def test_what_does_not_decode_is_sent_as_it_is(tmp_path: Path) -> None:
    good, bad = _datum("a", NOW - 90), b"\x09\x09\x09"
    _write(tmp_path, 0, [good, bad], [_datum("b", NOW - 80), _datum("c", NOW - 70, price=-1.0)])
    log = _log(tmp_path)
    assert [(record.key, record.value) for record in log] == [
        (b"a", FRAMING + good),
        (None, FRAMING + bad),
        (b"b", FRAMING + _datum("b", NOW - 80)),
        (None, FRAMING + _datum("c", NOW - 70, price=-1.0)),
    ]
    assert [record.timestamp - NOW for record in log] == [-90, -90, -80, -70]


def test_times_are_moved_in_record_and_value(tmp_path: Path) -> None:
    bad = b"\x09\x09\x09"
    _write(tmp_path, 0, [_datum("a", NOW - 90), _datum("b", NOW - 80), bad])
    log = _log(tmp_path, -1_000)
    assert [record.timestamp - NOW for record in log] == [-1_090, -1_080, -1_080]
    assert [record.value for record in log] == [FRAMING + _datum("a", NOW - 1_090), FRAMING + _datum("b", NOW - 1_080), FRAMING + bad]


@pytest.mark.parametrize(
    "value", [None, b"", b"\0\0", b"hello world", b"\0\0\0\0\x63" + _datum("a", NOW), FRAMING + _datum("a", NOW) + b"x"]
)
def test_a_framed_value_that_is_no_event_is_not_moved(value: bytes | None) -> None:
    assert TimeShift(5, LocalSchemas()).framed(value) == value
    assert TimeShift(5, LocalSchemas()).framed(FRAMING + _datum("a", NOW)) == FRAMING + _datum("a", NOW + 5)


def test_a_schema_without_an_id_needs_a_registry() -> None:
    other = {**load("shop_event"), "fields": [*load("shop_event")["fields"], {"name": "store", "type": "string", "default": ""}]}
    assert SchemaIds("events", None).frame(load("shop_event")) == FRAMING
    with pytest.raises(SwerveError, match="no id for the schema"):
        SchemaIds("events", None).frame(other)
