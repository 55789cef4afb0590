"""The oracle and the core read the same archive: hashes, order, the end of the log."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import fastavro
from hypothesis import given
from hypothesis import strategies as st

from tests.oracle import hashes
from tests.oracle.archive import read_archive
from tests.oracle.constants import FUTURE, YEAR_2000
from udfs.archive import ArchiveWriter, index, read_events
from udfs.events import country_code
from udfs.hashing import buckets_of, category_hashes, event_id_hashes, hash64, item_hashes
from udfs.schemas import load, plain

NOW = 1_800_000_000_000
texts = st.text() | st.none()
times = st.integers(NOW - 10**9, NOW) | st.sampled_from([YEAR_2000 - 1, YEAR_2000, NOW + FUTURE, NOW + FUTURE + 1, 2**62])


def event(n: int, time: int, **more: Any) -> dict[str, Any]:
    return {"event_id": f"e{n}", "user_id": f"u{n % 3}", "event_time": time, "event_name": "view_item", **more}


@given(texts, st.integers(1, 2**31 - 1))
def test_hashes(text: str | None, buckets: int) -> None:
    assert hashes.hash64(text) == hash64(text)
    assert hashes.item_hash(text) == item_hashes([text])[0]
    assert hashes.category_hash(text) == category_hashes([text])[0]
    assert hashes.country_code(text) == country_code(text)
    if text:
        assert hashes.event_id_hash(text) == event_id_hashes([text])[0]
        assert hashes.bucket_of(text, buckets) == buckets_of([text], buckets)[0]


@given(st.text(alphabet="ABZabzß1é", max_size=3))
def test_countries(text: str) -> None:
    assert hashes.country_code(text) == country_code(text)


@given(st.lists(times, max_size=30), st.integers(1, 12), st.sampled_from(["null", "deflate", "snappy"]))
def test_events_of_files(tmp_path_factory: Any, log: list[int], block: int, codec: str) -> None:
    folder = Path(tmp_path_factory.mktemp("archive"))
    records = [event(n, time) for n, time in enumerate(log)]
    with ArchiveWriter(folder, load("shop_event"), 0, codec=codec, roll_bytes=600) as writer:
        writer.append_records(records, block)
    if not log:
        return
    oracle = read_archive(folder, now=NOW)
    good = [e["event_id"] for e in read_events(folder) if YEAR_2000 <= e["event_time"] <= NOW + FUTURE]
    assert [e.event_id for e in oracle.events] == [hashes.event_id_hash(event_id) for event_id in good]
    assert len(oracle.rejects) == len(log) - len(good)
    assert oracle.end == index(folder, 4, now_ms=NOW).max_time


@given(st.lists(st.tuples(times, st.booleans()), min_size=1, max_size=30), st.integers(1, 12))
def test_raw_records(tmp_path_factory: Any, log: list[tuple[int, bool]], block: int) -> None:
    folder = Path(tmp_path_factory.mktemp("archive"))
    schema = fastavro.parse_schema(plain(load("shop_event")))
    for partition in (0, 1):
        raws: list[dict[str, Any]] = []
        for offset, (time, poison) in enumerate(log):
            if offset % 2 != partition:
                continue
            body = io.BytesIO(b"\x00\x00\x00\x00\x01")
            body.seek(5)
            fastavro.schemaless_writer(body, schema, event(offset, time, user_id=f"u{partition}"))
            value = body.getvalue() + b"!" if poison else body.getvalue()
            raws.append({"partition": partition, "offset": offset, "timestamp": time, "key": None, "value": value, "headers": {}})
        with ArchiveWriter(folder, plain(load("raw_record")), partition) as writer:
            writer.append_records(raws, block)
    oracle = read_archive(folder, now=NOW)
    assert oracle.end == index(folder, 4, now_ms=NOW).max_time
    trailing = [offset for offset, (_, poison) in enumerate(log) if poison]
    assert sorted(r.offset or 0 for r in oracle.rejects if r.reason == "trailing_bytes") == trailing
    good = [n for n, (time, poison) in enumerate(log) if not poison and YEAR_2000 <= time <= NOW + FUTURE]
    assert [e.event_id for e in oracle.events] == [hashes.event_id_hash(f"e{n}") for n in sorted(good, key=lambda n: (n % 2, n))]
