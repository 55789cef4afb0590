"""A topic as it is now, and as a log for the oracle."""

from __future__ import annotations

import io
import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import fastavro
from kafka import TopicPartition

from jobs.kafka.client import KafkaUnavailable, admin, consumer, explained
from jobs.kafka.offsets import begins, ends
from jobs.kafka.topics import describe
from jobs.settings import Settings
from udfs.registry import RegistrySchemas
from udfs.schemas import UnknownSchema

if TYPE_CHECKING:
    from tests.oracle.archive import Log

POLL_MS, SILENT_SECONDS = 500, 60.0
FRAMING = 5


class Schemas(dict[int, Any]):
    """Schemas by id, each asked for once; an id that is none is not contained.

    Parameters
    ----------
    settings : Settings
        Address of the registry.
    """

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        assert settings.registry.url is not None
        self._registry = RegistrySchemas(settings.registry.url)
        self._parsed: dict[int, Any] = {}

    def __contains__(self, schema_id: object) -> bool:
        if not super().__contains__(schema_id):
            assert isinstance(schema_id, int)
            try:
                self[schema_id] = self._registry.get(schema_id)
            except UnknownSchema:
                return False
        return True

    def parsed(self, value: bytes) -> Any:
        """Give the schema that wrote a framed value, ready for fastavro."""
        schema_id = int.from_bytes(value[1:FRAMING], "big")
        if schema_id not in self._parsed:
            self._parsed[schema_id] = fastavro.parse_schema(self._registry.get(schema_id))
        return self._parsed[schema_id]

    def decode(self, value: bytes) -> dict[str, Any]:
        """Decode a framed value."""
        document: dict[str, Any] = fastavro.schemaless_reader(io.BytesIO(value[FRAMING:]), self.parsed(value), None)  # type: ignore[assignment]
        return document


def read(settings: Settings, topic: str) -> Iterator[Any]:
    """Read the records of a topic that are there now; each partition's come in order.

    Raises
    ------
    SwerveError
        If the broker does not give them.
    """
    client = admin(settings)
    try:
        partitions = describe(client, settings, topic).partitions
        first, last = begins(client, settings, topic, partitions), ends(client, settings, topic, partitions)
    finally:
        client.close()
    left = {TopicPartition(topic, partition): last[partition] for partition in partitions if first[partition] < last[partition]}
    reader = consumer(settings, max_poll_records=5_000)
    try:
        with explained(settings, topic):
            reader.assign(list(left))
            for place in left:
                reader.seek(place, first[place.partition])
            heard = time.monotonic()
            while left:
                polled = reader.poll(timeout_ms=POLL_MS)
                for place, records in polled.items():
                    yield from (record for record in records if record.offset < last[place.partition])
                left = {place: end for place, end in left.items() if reader.position(place) < end}
                heard = time.monotonic() if polled else heard
                if left and time.monotonic() - heard > SILENT_SECONDS:
                    raise KafkaUnavailable(f"Kafka at {settings.kafka.brokers} gives no more of topic {topic}", "see its log")
    finally:
        reader.close()


def log_of(records: Iterable[Any], schemas: Schemas, now: int) -> Log:
    """Read records as the oracle does.

    Parameters
    ----------
    records
        Of the topic of events.
    schemas
        Of the registry.
    now
        The clock in ms.
    """
    from tests.oracle.archive import Log, Reject
    from tests.oracle.constants import TOO_LARGE
    from tests.oracle.decoding import BadValueError, read_framed

    log = Log()
    for record in records:
        log.see_time(record.timestamp, now)
        try:
            log.take(record.partition, read_framed(record.value, schemas, TOO_LARGE), now)
        except BadValueError as bad:
            log.rejects.append(Reject(str(bad), record.value, record.partition, record.offset))
    return log
