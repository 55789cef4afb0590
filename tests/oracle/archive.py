"""Reads an archive: the folder's events in log order, and the rejects with their reasons (sections "Events" and "Rejects")."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import fastavro

from tests.oracle.constants import FUTURE, TOO_LARGE, YEAR_2000
from tests.oracle.decoding import BadValueError, Reader, read_framed
from tests.oracle.events import Event, event_of, reject_reason

SCHEMAS = Path(__file__).parents[2] / "avro"


@dataclass(frozen=True)
class Reject:
    """A dead letter: where it was, why, and its original bytes.

    `partition` and `offset` are None for an event of a file without raw records, which has no such position.
    """

    reason: str
    value: bytes | None
    partition: int | None = None
    offset: int | None = None


@dataclass
class Log:
    """What an archive holds: the good events by partition in log order (denied ones too), the rejects, the end of the log."""

    partitions: dict[int, list[Event]] = field(default_factory=dict)
    rejects: list[Reject] = field(default_factory=list)
    end: int = 0

    @property
    def events(self) -> Iterator[Event]:
        for partition in sorted(self.partitions):
            yield from self.partitions[partition]

    def see_time(self, time: int, now: int | None) -> None:
        if time >= YEAR_2000 and (now is None or time <= now + FUTURE):
            self.end = max(self.end, time)

    def take(self, partition: int, record: dict[str, Any], now: int | None) -> None:
        """Put a record that decoded where it belongs; raises BadValueError with the reason for a reject."""
        reason = reject_reason(record, now)
        if reason:
            raise BadValueError(reason)
        self.partitions.setdefault(partition, []).append(event_of(record))


def local_schemas() -> dict[int, Any]:
    """The schemas of `avro/ids.json` by id."""
    ids = json.loads((SCHEMAS / "ids.json").read_text())
    return {int(key): json.loads((SCHEMAS / name).read_text()) for key, name in ids.items()}


def files_in_order(folder: Path) -> list[tuple[int, Path]]:
    """The archive's files as (partition, path): by number in a partition; other names are of partition 0, in their order."""
    found = []
    for path in sorted(folder.glob("events*.avro")):
        match = re.fullmatch(r"events-(\d+)-(\d+)\.avro", path.name)
        found.append((int(match[1]), int(match[2]), path) if match else (0, -1, path))
    return [(partition, path) for partition, _, path in sorted(found)]


def read_archive(folder: Path, *, now: int | None = None, schemas: dict[int, Any] | None = None, too_large: int = TOO_LARGE) -> Log:
    """Read a whole archive.

    Parameters
    ----------
    folder : Path
        Holds `events*.avro`, of shop events or of raw records.
    now : int, optional
        The job's clock in milliseconds; without it no time lies in the future.
    schemas : dict, optional
        Writer schemas by id for framed values; those of `avro/ids.json` by default.
    too_large : int
        The greatest size of a good value in bytes.
    """
    log = Log()
    known = local_schemas() if schemas is None else schemas
    for partition, path in files_in_order(folder):
        for block in read_blocks(path):
            if block.writer_schema["name"].rpartition(".")[2] == "RawRecord":
                _raw_records(log, block, now, known, too_large)
            else:
                _datums(log, partition, block, now)
    return log


def read_blocks(path: Path) -> Iterator[Any]:
    """The container blocks of a file, decompressed by fastavro."""
    with path.open("rb") as file:
        yield from fastavro.block_reader(file)


def _raw_records(log: Log, block: Any, now: int | None, schemas: dict[int, Any], too_large: int) -> None:
    """One container block of raw records. Read with the strict reader: fastavro has no datetime for a poisonous timestamp."""
    reader = Reader(block.bytes_.getvalue(), block.writer_schema)
    for _ in range(block.num_records):
        raw = reader.value(block.writer_schema)[1]
        log.see_time(raw["timestamp"], now)
        try:
            log.take(raw["partition"], read_framed(raw["value"], schemas, too_large), now)
        except BadValueError as bad:
            log.rejects.append(Reject(str(bad), raw["value"], raw["partition"], raw["offset"]))


def _datums(log: Log, partition: int, block: Any, now: int | None) -> None:
    """The events of one container block. After bytes that do not decode nothing in the block can be found any more."""
    data = block.bytes_.getvalue()
    reader = Reader(data, block.writer_schema)
    for _ in range(block.num_records):
        start = reader.at
        try:
            record = reader.record()
        except BadValueError as bad:
            log.rejects.append(Reject(str(bad), data[start:]))
            return
        log.see_time(record["event_time"], now)
        try:
            log.take(partition, record, now)
        except BadValueError as bad:
            log.rejects.append(Reject(str(bad), data[start : reader.at]))
