"""A topic into an archive, for what reads files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from jobs.kafka.client import admin, consumer, explained
from jobs.kafka.local_values import FRAMING_BYTES, LocalValues, without_schema
from jobs.kafka.offsets import at_time, begins, ends
from jobs.kafka.reading import POLL_RECORDS, read_spans
from jobs.kafka.topics import describe
from jobs.registry import registry_of
from jobs.settings import Settings
from udfs.archive import ArchiveWriter
from udfs.errors import SwerveError
from udfs.schemas import LocalSchemas, load, local_id

EVENTS, RECOMMENDATIONS = "events", "recommendations"

Progress = Callable[[int, int], None]


def archive_topic(
    settings: Settings, topic: str, folder: Path, what: str = EVENTS, since: int | None = None, progress: Progress | None = None
) -> int:
    """Write the records of a topic, up to its end as it is now, as an archive.

    Parameters
    ----------
    settings
        Brokers and registry.
    topic
        Name of the topic.
    folder
        Where to.
    what
        ``"events"``: as raw records, so that what does not decode is told too; ``"recommendations"``: as ``recommendations-*.avro``.
    since
        First record timestamp, in ms; none: from the beginning.
    progress
        Called with records read and to read.

    Returns
    -------
    int
        How many.

    Raises
    ------
    SwerveError
        If there is no such topic, no record in it, or Kafka or the registry does not answer.
    """
    spans = _spans(settings, topic, since)
    total, done = sum(end - begin for begin, end in spans.values()), 0
    if not total:
        raise SwerveError(f"topic {topic} has no records" + (" since then" if since is not None else ""))
    store = registry_of(settings.registry) or LocalSchemas()
    write = _write_events if what == EVENTS else _write_recommendations
    values = LocalValues(store, "shop_event" if what == EVENTS else "recommendation")
    writers: dict[int, ArchiveWriter] = {}
    reader = consumer(settings, max_poll_records=POLL_RECORDS)
    try:
        with explained(settings, topic):
            for records in read_spans(reader, settings, topic, spans):
                write(folder, records, values, writers)
                done += len(records)
                if progress:
                    progress(min(done, total), total)
    finally:
        reader.close()
        for writer in writers.values():
            writer.close()
    return done


@contextmanager
def folder_of(
    settings: Settings, source: Path | str, topic: str | None, what: str = EVENTS, since: int | None = None,
    progress: Progress | None = None,
) -> Iterator[Path]:  # fmt: skip
    """Give a folder with the records of a source: the source itself, or a temporary archive of a topic.

    Parameters
    ----------
    settings, what, since, progress
        As for `archive_topic`.
    source
        The folder, where it is one.
    topic
        The topic, where it is one.
    """
    if topic is None:
        yield Path(source)
        return
    settings.work.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=f"{what}-", dir=settings.work) as folder:
        archive_topic(settings, topic, Path(folder), what, since, progress)
        yield Path(folder)


def _spans(settings: Settings, topic: str, since: int | None) -> dict[int, tuple[int, int]]:
    client = admin(settings)
    try:
        parts = describe(client, settings, topic).partitions
        first, last = begins(client, settings, topic, parts), ends(client, settings, topic, parts)
        if since is not None:
            first = at_time(client, settings, topic, parts, since)
    finally:
        client.close()
    return {partition: (first[partition], last[partition]) for partition in parts if first[partition] < last[partition]}


def _write_events(folder: Path, records: Iterable[Any], values: LocalValues, writers: dict[int, ArchiveWriter]) -> None:
    by_partition: dict[int, list[dict[str, Any]]] = {}
    for record in records:
        headers = dict(record.headers or ())
        by_partition.setdefault(record.partition, []).append(
            {
                "partition": record.partition,
                "offset": record.offset,
                "timestamp": record.timestamp,
                "key": record.key,
                "value": values.of(record.value, headers),
                "headers": without_schema(headers),
            }
        )
    for partition, rows in by_partition.items():
        if partition not in writers:
            writers[partition] = ArchiveWriter(folder, load("raw_record"), partition)
        writers[partition].append_records(rows)


def _write_recommendations(folder: Path, records: Iterable[Any], values: LocalValues, writers: dict[int, ArchiveWriter]) -> None:
    front = b"\0" + local_id("recommendation").to_bytes(FRAMING_BYTES - 1, "big")
    framed = (values.of(record.value, dict(record.headers or ())) for record in records)
    # Anything else in the topic is none of the job's.
    datums = [value[FRAMING_BYTES:] for value in framed if value and value.startswith(front)]
    if 0 not in writers:
        writers[0] = ArchiveWriter(folder, load("recommendation"), prefix=RECOMMENDATIONS)
    writers[0].append(b"".join(datums), len(datums))
