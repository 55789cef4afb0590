"""Values of a topic as an archive keeps them: with the schema ids of `avro/ids.json` instead of a registry's."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import fastavro
from fastavro.schema import to_parsing_canonical_form

from udfs.archive_records import UNDECODABLE
from udfs.framing import SCHEMA_HEADER, framed
from udfs.schemas import LocalSchemas, SchemaStore, UnknownSchema, load, local_id, plain

FRAMING_BYTES = 5


class LocalValues:
    """Gives values the ids that need no registry.

    A value of a schema that `avro/` does not have is written anew by ours; one that does not decode stays as it is, and whoever reads the
    archive rejects it, as the job does.

    Parameters
    ----------
    store
        Where the topic's schemas come from; `udfs.schemas.LocalSchemas`: values stay as they are.
    name
        Of our schema, like ``"shop_event"``.
    """

    def __init__(self, store: SchemaStore, name: str) -> None:
        self._store, self._ours = store, fastavro.parse_schema(plain(load(name)))
        self._framing = _framing(local_id(name))
        self._canonical = str(to_parsing_canonical_form(load(name)))
        self._writers: dict[bytes, Any] = {}

    def of(self, value: bytes | None, headers: Mapping[str, bytes | None]) -> bytes | None:
        """Give the value of a record.

        Raises
        ------
        udfs.schemas.SchemaUnavailable
            If its schema cannot be looked up now.
        """
        whole = framed(value, headers, self._store)
        if not whole or len(whole) < FRAMING_BYTES or whole[0]:
            return whole
        front = whole[:FRAMING_BYTES]
        if front not in self._writers:
            self._writers[front] = self._writer(front)
        writer = self._writers[front]
        if writer is None:
            return whole
        if writer is True:
            return self._framing + whole[FRAMING_BYTES:]
        body, out = io.BytesIO(whole[FRAMING_BYTES:]), io.BytesIO()
        try:
            record: Any = fastavro.schemaless_reader(body, writer, self._ours)
            if body.read(1):
                return whole
            fastavro.schemaless_writer(out, self._ours, record)
        except UNDECODABLE:
            return whole
        return self._framing + out.getvalue()

    def _writer(self, front: bytes) -> Any:
        """The schema of a framing, ready to read with; True: it is ours; None: there is none, or it stays as it is."""
        if isinstance(self._store, LocalSchemas):
            return None
        try:
            schema = self._store.get(int.from_bytes(front[1:], "big"))
            return True if str(to_parsing_canonical_form(schema)) == self._canonical else fastavro.parse_schema(plain(schema))
        except (UnknownSchema, *UNDECODABLE):
            return None


def without_schema(headers: Mapping[str, bytes | None]) -> dict[str, bytes | None]:
    """Give headers without the schema id, which stands in front of the value now."""
    return {name: content for name, content in headers.items() if name != SCHEMA_HEADER}


def _framing(schema_id: int) -> bytes:
    return b"\0" + schema_id.to_bytes(FRAMING_BYTES - 1, "big")
