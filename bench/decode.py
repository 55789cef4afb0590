"""Decoding events: our kernel beside a columnar reader of container blocks and a reader of records."""

from __future__ import annotations

import io
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import fastavro
import polars as pl

from training.simulator import simulate
from udfs.archive import index, read_chunk
from udfs.collapse import Collapse, Limits
from udfs.container import MAGIC, write_varint
from udfs.decode import FRAMING_BYTES, Decoder
from udfs.schemas import LocalSchemas, load, plain

SCHEMA = load("shop_event")
PARSED = fastavro.parse_schema(plain(SCHEMA))
SYNC = bytes(range(16))
FRAMING = b"\x00\x00\x00\x00\x01"
BATCH = 10_000
Block = tuple[int, bytes]


def _text(value: bytes) -> bytes:
    return write_varint(len(value)) + value


def _for_polars() -> bytes:
    """Our schema without defaults, and without a type that is named again where it was defined before: polars 2.1 refuses both."""
    enum = {"type": "enum", "name": "Again", "symbols": ["DENIED", "GRANTED"]}
    fields = [
        {"name": field["name"], "type": enum if field["type"] == "Consent" else _without_default(field["type"])}
        for field in plain(SCHEMA)["fields"]
    ]
    return json.dumps({"type": "record", "name": "ShopEvent", "fields": fields}).encode()


def _without_default(type_: object) -> object:
    return {key: value for key, value in type_.items() if key != "default"} if isinstance(type_, dict) else type_


HEADER = MAGIC + write_varint(1) + _text(b"avro.schema") + _text(_for_polars()) + b"\x00" + SYNC


def by_polars(blocks: Sequence[Block]) -> int:
    """Columns by polars: the datums become the only block of a container file."""
    body = b"".join(body for _, body in blocks)
    count = sum(count for count, _ in blocks)
    return pl.read_avro(io.BytesIO(HEADER + write_varint(count) + write_varint(len(body)) + body + SYNC)).height


def by_fastavro(values: Sequence[bytes]) -> int:
    """Dictionaries by fastavro, one record at a time; bad ones are left out."""
    good = 0
    for value in values:
        try:
            fastavro.schemaless_reader(io.BytesIO(value[FRAMING_BYTES:]), PARSED, None)
            good += 1
        except (EOFError, ValueError, IndexError, OverflowError):
            continue
    return good


def by_polars_else_fastavro(values: Sequence[bytes]) -> int:
    """Columns where the batch decodes, else record by record."""
    try:
        return by_polars([(1, value[FRAMING_BYTES:]) for value in values])
    except Exception:  # noqa: BLE001 — polars raises many, its panics among them
        return by_fastavro(values)


def run(say: Callable[[str], None], *, events: int = 100_000, rounds: int = 7, bad: float = 0.001) -> dict[str, Any]:
    """Time every way in turns, so that what else the machine does hits all of them.

    Parameters
    ----------
    say
        Told what is being done.
    events
        Events of the simulated archive.
    rounds
        How often each way is timed; the best round counts.
    bad
        Share of the values that are cut short, where some are.

    Returns
    -------
    dict
        ``events_per_second`` of processor time, by way, and what was measured.
    """
    say(f"simulate {events:,} events")
    latest = int(time.time() * 1000)
    with tempfile.TemporaryDirectory() as folder:
        simulate(Path(folder) / "archive", events, max(1, events // 20), 2000, 1)
        chunks = index(Path(folder) / "archive", BATCH).chunks
        blocks = [[(block.count, block.body) for block in read_chunk(chunk).blocks] for chunk in chunks]
        decoder, collapse = Decoder(LocalSchemas()), Collapse(Limits(), LocalSchemas())
        batches = [_values(decoder, batch, latest) for batch in blocks]
        step = round(1 / bad)
        damaged = [[value[:-1] if i % step == 0 else value for i, value in enumerate(batch)] for batch in batches]
        total = sum(map(len, batches))
        ways: dict[str, Callable[[], int]] = {
            "kernel, blocks": lambda: sum(int(decoder.blocks(SCHEMA, batch, latest).good.sum()) for batch in blocks),
            "polars, blocks": lambda: sum(map(by_polars, blocks)),
            "kernel, values": lambda: sum(int(decoder.values(batch, latest).good.sum()) for batch in batches),
            "polars, values": lambda: sum(map(by_polars_else_fastavro, batches)),
            "fastavro, values": lambda: sum(map(by_fastavro, batches)),
            "kernel, values, some bad": lambda: sum(int(decoder.values(batch, latest).good.sum()) for batch in damaged),
            "polars or fastavro, values, some bad": lambda: sum(map(by_polars_else_fastavro, damaged)),
            "collapse: read, decode, group": lambda: sum(collapse.chunks([chunk], latest).events for chunk in chunks),
        }
        say(f"time {len(ways)} ways of decoding them, {rounds} times each")
        best = dict.fromkeys(ways, float("inf"))
        for turn in range(rounds + 1):
            for name, decode in ways.items():
                started = time.process_time()
                found = decode()
                spent = time.process_time() - started
                if "some bad" not in name:
                    assert found == total, f"{name} found {found} of {total} events"
                if turn:
                    best[name] = min(best[name], spent)
    speeds = {name: round(total / spent) for name, spent in best.items()}
    return {"events_per_second": speeds, "events": total, "batch": BATCH, "bad": bad}


def _values(decoder: Decoder, blocks: Sequence[Block], latest: int) -> list[bytes]:
    """The records of blocks as framed values."""
    decoded = decoder.blocks(SCHEMA, blocks, latest)
    data = decoded.data.tobytes()
    return [FRAMING + data[start:end] for start, end in zip(decoded.starts.tolist(), decoded.ends.tolist(), strict=True)]
