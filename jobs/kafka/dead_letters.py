"""The topic of dead letters: read between its beginning and its end, and sent back to where the letters came from."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from jobs.kafka.client import admin, consumer, explained
from jobs.kafka.offsets import begins, ends
from jobs.kafka.reading import POLL_RECORDS, read_spans
from jobs.kafka.topics import describe
from jobs.settings import Settings
from udfs.dead_letters import ATTEMPTS, CONNECT, REASON
from udfs.errors import SwerveError, UsageError

NO_REASON = "(no reason)"


class Position(NamedTuple):
    """Where a letter lies in the topic of dead letters."""

    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.partition}:{self.offset}"


class Letter(NamedTuple):
    """A record of the topic of dead letters, as it is."""

    position: Position
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]]

    def header(self, name: str) -> str | None:
        """Give the last header of a name, as text."""
        found = [content for other, content in self.headers if other == name and content is not None]
        return found[-1].decode(errors="replace") if found else None

    @property
    def reason(self) -> str:
        """Why it is a dead letter."""
        return self.header(REASON) or NO_REASON

    @property
    def detail(self) -> str:
        """What exactly."""
        return self.header(f"{CONNECT}exception.message") or ""

    @property
    def attempts(self) -> int:
        """How often it has been sent back already."""
        return _number(self.header(ATTEMPTS)) or 0

    @property
    def origin(self) -> tuple[str, int, int] | None:
        """Topic, partition and offset that it came from; None if it does not say."""
        topic = self.header(f"{CONNECT}topic")
        partition, offset = (_number(self.header(f"{CONNECT}{name}")) for name in ("partition", "offset"))
        return (topic, partition, offset) if topic and partition is not None and offset is not None else None


@dataclass(frozen=True)
class Selection:
    """Which letters are meant: those that fit everything that is given.

    Attributes
    ----------
    reasons
        Some of `udfs.reasons.REASONS`; empty: all.
    positions
        Empty: all.
    since, until
        From the first on, and before the second, by the record's timestamp in ms.
    """

    reasons: Collection[str] = ()
    positions: Collection[Position] = ()
    since: int | None = None
    until: int | None = None

    def fits(self, letter: Letter) -> bool:
        """Whether a letter is meant."""
        return (
            (not self.reasons or letter.reason in self.reasons)
            and (not self.positions or letter.position in self.positions)
            and (self.since is None or letter.timestamp >= self.since)
            and (self.until is None or letter.timestamp < self.until)
        )


def parse_position(text: str) -> Position:
    """Read ``PARTITION:OFFSET``.

    Raises
    ------
    UsageError
        If it is something else.
    """
    partition, colon, offset = text.partition(":")
    if not colon or not (partition.isascii() and partition.isdigit() and offset.isascii() and offset.isdigit()):
        raise UsageError(f"{text!r} is no position", "it is PARTITION:OFFSET, as swerve dlq list shows it")
    return Position(int(partition), int(offset))


def read_letters(settings: Settings, selection: Selection) -> Iterator[Letter]:
    """Read the letters that are there now.

    Parameters
    ----------
    settings
        Brokers, and `topics.dead_letters`.
    selection
        Which ones.

    Yields
    ------
    Letter
        Partition by partition about, in order of offset inside each.

    Raises
    ------
    SwerveError
        If there is no such topic, or the brokers do not answer.
    """
    topic = settings.topics.dead_letters
    spans = _spans(settings, topic, selection)
    if not spans:
        return
    reader = consumer(settings, max_poll_records=POLL_RECORDS)
    try:
        with explained(settings, topic):
            for records in read_spans(reader, settings, topic, spans):
                yield from (letter for letter in map(_letter, records) if selection.fits(letter))
    finally:
        reader.close()


def read_letter(settings: Settings, position: Position) -> Letter:
    """Read one letter.

    Raises
    ------
    SwerveError
        If there is none at that position.
    """
    for letter in read_letters(settings, Selection(positions=[position])):
        return letter
    raise SwerveError(f"topic {settings.topics.dead_letters} has no letter at {position}", "swerve dlq list shows those that are there")


def _spans(settings: Settings, topic: str, selection: Selection) -> dict[int, tuple[int, int]]:
    """Offsets to read, by partition: all, or those around the positions that are wanted."""
    client = admin(settings)
    try:
        partitions = describe(client, settings, topic).partitions
        first, last = begins(client, settings, topic, partitions), ends(client, settings, topic, partitions)
    finally:
        client.close()
    spans = {partition: (first[partition], last[partition]) for partition in partitions}
    if selection.positions:
        wanted: dict[int, list[int]] = {}
        for partition, offset in selection.positions:
            wanted.setdefault(partition, []).append(offset)
        spans = {
            partition: (max(begin, min(wanted[partition])), min(end, max(wanted[partition]) + 1))
            for partition, (begin, end) in spans.items()
            if partition in wanted
        }
    return {partition: span for partition, span in spans.items() if span[0] < span[1]}


def _letter(record: Any) -> Letter:
    return Letter(Position(record.partition, record.offset), int(record.timestamp), record.key, record.value, list(record.headers or ()))


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdigit() else None
