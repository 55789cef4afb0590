"""Which id stands in front of a value: the one that the registry gives to its schema, or the one of `avro/ids.json`."""

from __future__ import annotations

import json
from typing import Any

from fastavro.schema import to_parsing_canonical_form

from udfs.errors import SwerveError
from udfs.registry import RegistrySchemas
from udfs.schemas import LocalSchemas, Schema, UnknownSchema

FRAMING_BYTES = 5
LOCAL_IDS = range(1, 256)


class SchemaIds:
    """Ids of the schemas that wrote a topic's values.

    Parameters
    ----------
    topic
        Its name.
    registry
        Where schemas are registered, as ``<topic>-value``; none: the ids are those of `avro/ids.json`.
    """

    def __init__(self, topic: str, registry: RegistrySchemas | None) -> None:
        self.subject = f"{topic}-value"
        self._registry = registry
        self._ids: dict[str, int] = {}
        self._local = {_canonical(schema): schema_id for schema_id, schema in _local().items()}

    @property
    def used(self) -> dict[str, int]:
        """Ids that were given, by the name of the schema."""
        return {str(json.loads(text).get("name")): schema_id for text, schema_id in self._ids.items()}

    def frame(self, schema: Schema) -> bytes:
        """Give the five bytes for the front of a schema's values.

        Raises
        ------
        SwerveError
            If the registry does not take the schema, or, without one, it has no id.
        """
        key = json.dumps(schema)
        if key not in self._ids:
            self._ids[key] = self._id(schema)
        return _framing(self._ids[key])

    def local_frames(self) -> dict[bytes, bytes]:
        """Give the framing that replaces that of `avro/ids.json`, for the schemas of events; empty without a registry."""
        if self._registry is None:
            return {}
        events = {i: schema for i, schema in _local().items() if "event_id" in {field["name"] for field in schema["fields"]}}
        return {_framing(schema_id): self.frame(schema) for schema_id, schema in events.items()}

    def _id(self, schema: Schema) -> int:
        if self._registry is not None:
            return self._registry.register(self.subject, schema)
        try:
            return self._local[_canonical(schema)]
        except KeyError:
            raise SwerveError(
                f"avro/ids.json has no id for the schema {schema.get('name')} that wrote this archive",
                "give --registry URL",
            ) from None


def _framing(schema_id: int) -> bytes:
    return b"\0" + schema_id.to_bytes(FRAMING_BYTES - 1, "big")


def _canonical(schema: Any) -> str:
    return str(to_parsing_canonical_form(schema))


def _local() -> dict[int, Schema]:
    store, found = LocalSchemas(), {}
    for schema_id in LOCAL_IDS:
        try:
            found[schema_id] = store.get(schema_id)
        except UnknownSchema:
            continue
    return found
