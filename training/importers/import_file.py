"""Importing somebody's history: a file of one of the known formats → an archive."""

from __future__ import annotations

import csv
import hashlib
import shutil
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from training.importers.formats import FORMATS, Reading
from training.importers.reading import BadRow, Progress, Row, Source
from training.importers.seen_items import SeenItems
from training.importers.spool import Spool
from udfs.container import ArchiveError
from udfs.errors import UsageError

PARTITIONS = 4
ID_BYTES = 8
SHOWN = 2000


@dataclass(frozen=True)
class ImportReport:
    """What `import_file` did.

    Attributes
    ----------
    archive
        The folder.
    rows, events, rejected
        Rows read, events made of them, and rows that make none; a row may make several events.
    users, items
        Different ones.
    first_time, last_time
        Of the events, in ms.
    reasons
        Rejected rows by reason.
    """

    archive: Path
    rows: int
    events: int
    rejected: int
    users: int
    items: int
    first_time: int
    last_time: int
    reasons: dict[str, int] = field(default_factory=dict)


def import_file(
    format: str,  # noqa: A002 — what it is
    file: Path,
    out: Path,
    mapping: Mapping[str, str] | None = None,
    progress: Progress | None = None,
) -> ImportReport:
    """Turn a file into an archive.

    The folder gets ``events-<partition>-<number>.avro`` in the order of time, ``catalog.csv`` with what the events say about their
    items, and, if there are any, the rows that make no event in ``rejected.csv`` with their line and the reason. It appears when it is
    complete.

    History counts as collected with consent for personalisation, unless a mapped column says otherwise. An event that has no id gets
    one made from its row and line.

    Parameters
    ----------
    format
        One of `training.importers.formats.FORMATS`.
    file
        The file; gzipped or not.
    out
        A folder that does not exist, or is empty.
    mapping
        For ``csv``: column by field.
    progress
        Called with the bytes read and to read.

    Raises
    ------
    UsageError
        If the format is not known, or the file has not its columns.
    ArchiveError
        If the file cannot be read to its end, no row makes an event, or the archive cannot be written.
    """
    if format not in FORMATS:
        raise UsageError(f"no format {format}", f"one of {', '.join(FORMATS)}")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ArchiveError(f"{out} is there already", "give a folder that is not, or remove it")
    source = Source(file, progress)
    reading = FORMATS[format](source, mapping or {})
    unfinished = out.with_name(f".{out.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        unfinished.mkdir(parents=True)
        report = _import(source, reading, unfinished, out)
        if out.exists():
            out.rmdir()
        unfinished.rename(out)
    except OSError as error:
        raise ArchiveError(f"cannot write {out}: {error.strerror or error}", "is there space, and may you write there?") from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return report


def _import(source: Source, reading: Reading, folder: Path, out: Path) -> ImportReport:
    spool, items, users = Spool(folder, PARTITIONS), SeenItems(), set[str]()
    rows, reasons, first, last = 0, Counter[str](), 2**63, 0
    with _Rejects(folder / "rejected.csv") as rejects:
        for row in source.rows(reading.delimiter):
            if reading.header and row[0] == 1:
                continue
            rows += 1
            try:
                events = _events(row, reading)
                for event in events:
                    spool.add(event)
            except (BadRow, UnicodeEncodeError) as error:
                reason = "not UTF-8" if isinstance(error, UnicodeEncodeError) else str(error)
                reasons[reason.partition(":")[0]] += 1
                rejects.keep(row, reason)
                continue
            for event in events:
                items.see(event)
                users.add(event["user_id"])
                first, last = min(first, event["event_time"]), max(last, event["event_time"])
    if not spool:
        why = f"{reasons.most_common(1)[0][0]} in {reasons.most_common(1)[0][1]} of {rows} rows" if reasons else "it has no rows"
        raise ArchiveError(f"no row of {source.path} makes an event: {why}", "is it the right format?")
    spool.write(folder)
    items.write(folder / "catalog.csv")
    return ImportReport(out, rows, len(spool), reasons.total(), len(users), len(items), first, last, dict(reasons.most_common()))


def _events(row: Row | tuple[int, str], reading: Reading) -> list[dict[str, Any]]:
    line, fields = row
    if isinstance(fields, str):
        raise BadRow(fields)
    if len(fields) < reading.columns:
        raise BadRow(f"too few columns: {len(fields)} of {reading.columns}")
    events = list(reading.events(line, fields))
    for number, event in enumerate(events):
        if not event.get("event_id"):
            content = "\x1f".join((str(line), str(number), *fields)).encode("utf-8", "surrogateescape")
            event["event_id"] = hashlib.blake2b(content, digest_size=ID_BYTES).hexdigest()
        for value in event.values():
            if isinstance(value, str):
                value.encode()
    return events


class _Rejects:
    """`rejected.csv`, made with the first row that is rejected."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: Any = None

    def __enter__(self) -> _Rejects:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file:
            self._file.close()

    def keep(self, row: Row | tuple[int, str], reason: str) -> None:
        if self._file is None:
            self._file = self._path.open("w", encoding="utf-8", errors="replace", newline="")
            self._writer = csv.writer(self._file)
            self._writer.writerow(("line", "reason", "row"))
        line, fields = row
        self._writer.writerow((line, reason, "" if isinstance(fields, str) else ",".join(fields)[:SHOWN]))
