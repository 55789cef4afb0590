"""What the job writes into its topics, followed as it comes: for the operator's page."""

from __future__ import annotations

import io
from typing import Any

import fastavro
from kafka import TopicPartition

from jobs.kafka.client import admin, consumer, explained
from jobs.kafka.offsets import lag
from jobs.kafka.schema_ids import FRAMING_BYTES
from jobs.kafka.topics import describe
from jobs.registry import registry_of
from jobs.settings import Settings
from udfs.dead_letters import REASON
from udfs.schemas import LocalSchemas, SchemaStore, SchemaUnavailable, UnknownSchema, plain

POLL_MS, MOST_RECORDS = 200, 5_000
NO_REASON = "unknown"


class JobTopics:
    """The job's topics of segment changes, recommendations and dead letters.

    Segment changes are read from the beginning, since they say where every shopper is; the others from now on.

    Parameters
    ----------
    settings
        With the brokers and the topics.
    """

    def __init__(self, settings: Settings) -> None:
        topics = settings.topics
        self._settings = settings
        self._kinds = {topics.segments: "segments", topics.recommendations: "recommendations", topics.dead_letters: "dead-letters"}
        self._store: SchemaStore = registry_of(settings.registry, cached=True) or LocalSchemas()
        self._writers: dict[bytes, Any] = {}
        self._consumer: Any = None

    def poll(self) -> list[tuple[str, dict[str, Any]]]:
        """Give what is new, each with its kind.

        Raises
        ------
        SwerveError
            The brokers do not give it.
        """
        if self._consumer is None:
            self._consumer = self._begin()
        with explained(self._settings):
            polled = self._consumer.poll(timeout_ms=POLL_MS, max_records=MOST_RECORDS)
        found = []
        for place, records in polled.items():
            kind = self._kinds[place.topic]
            for record in records:
                fields = self._letter(record) if kind == "dead-letters" else self._decoded(record.value or b"")
                if fields is not None:
                    found.append((kind, fields))
        return found

    def close(self) -> None:
        """Disconnect."""
        if self._consumer is not None:
            self._consumer.close(autocommit=False)

    def _begin(self) -> Any:
        client = admin(self._settings)
        try:
            places = [
                TopicPartition(topic, partition)
                for topic in self._kinds
                for partition in describe(client, self._settings, topic).partitions
            ]
        finally:
            client.close()
        reader = consumer(self._settings, group_id=None)
        with explained(self._settings):
            reader.assign(places)
            reader.seek_to_beginning(*(place for place in places if self._kinds[place.topic] == "segments"))
            reader.seek_to_end(*(place for place in places if self._kinds[place.topic] != "segments"))
        return reader

    def _decoded(self, value: bytes) -> dict[str, Any] | None:
        framing = value[:FRAMING_BYTES]
        try:
            if framing not in self._writers:
                self._writers[framing] = fastavro.parse_schema(plain(self._store.get(int.from_bytes(framing[1:], "big"))))
            fields: Any = fastavro.schemaless_reader(io.BytesIO(value[FRAMING_BYTES:]), self._writers[framing], None)
        except (UnknownSchema, SchemaUnavailable, EOFError, ValueError, LookupError):
            return None
        return dict(fields)

    @staticmethod
    def _letter(record: Any) -> dict[str, Any]:
        reasons = [content for name, content in record.headers if name == REASON and content is not None]
        return {"reason": reasons[-1].decode(errors="replace") if reasons else NO_REASON}


class GroupLag:
    """How far the job's group is behind the end of the topic of events.

    Parameters
    ----------
    settings
        With the brokers, the topic and the group.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._client: Any = None

    def __call__(self) -> dict[str, Any]:
        """Ask; gives ``lag`` with the ``records`` behind and the ``group``.

        Raises
        ------
        SwerveError
            The brokers do not tell.
        """
        settings = self._settings
        if self._client is None:
            self._client = admin(settings)
        topic = settings.topics.events
        try:
            found = lag(self._client, settings, topic, describe(self._client, settings, topic).partitions)
        except Exception:
            self._client.close()
            self._client = None
            raise
        return {"lag": {"records": sum(at.records for at in found.values()), "group": f"group {settings.kafka.group}"}}
