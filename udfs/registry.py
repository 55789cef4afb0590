"""Schemas of a Confluent-compatible registry. What it gave once is known for ever; when it is away, only what is new has to wait."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import quote

from udfs.framing import FIRST_PSEUDO_ID, NO_ID
from udfs.registry_http import NotFound, RegistryHttp
from udfs.schema_cache import SchemaCache
from udfs.schema_references import inline
from udfs.schemas import Schema, SchemaUnavailable, UnknownSchema

NEGATIVE_SECONDS = 60.0
#: Poison can carry any id: what is remembered of those that are none is bounded.
NEGATIVE_IDS = 10_000
FIRST_WAIT, LONGEST_WAIT = 0.5, 10.0
AVRO = "AVRO"


class RegistrySchemas:
    """A `udfs.schemas.SchemaStore` over a registry.

    An id is looked for in memory, then on disk, then in the registry. After a failure the registry is left alone for half a second, growing
    to ten: unknown ids fail at once meanwhile, so that they never slow those that are known.

    Parameters
    ----------
    url
        Base of the Confluent API, such as ``http://host:8081``.
    user, password
        Login.
    ca
        PEM file of the authority that signed its certificate.
    cache
        Folder in which schemas are kept; none: in memory only.
    clock
        Seconds that only go up.
    """

    def __init__(
        self,
        url: str,
        user: str | None = None,
        password: str | None = None,
        ca: Path | None = None,
        cache: Path | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._http = RegistryHttp(url, user, password, ca)
        self._disk = SchemaCache(cache, self._http.url)
        self._clock = clock
        self._schemas: dict[int, Schema] = {}
        self._guids: dict[uuid.UUID, int] = {}
        self._unknown: dict[str, float] = {}
        self._failure: SchemaUnavailable | None = None
        self._wait, self._ask_again = 0.0, 0.0

    def get(self, schema_id: int) -> Schema:
        """Give the writer schema of an id.

        Raises
        ------
        UnknownSchema
            If the registry says that there is none, now or in the last minute.
        SchemaUnavailable
            If the registry does not answer or does not let us in.
        """
        schema = self._schemas.get(schema_id)
        if schema is None:
            if not 0 <= schema_id < FIRST_PSEUDO_ID:
                raise UnknownSchema(f"no schema has the id {schema_id}")
            schema = self._schemas[schema_id] = self._find(str(schema_id), f"/schemas/ids/{schema_id}", f"id {schema_id}")
        return schema

    def get_by_guid(self, guid: uuid.UUID) -> int:
        """Give the id under which `get` gives the schema of a GUID: one of our own, for the life of this object.

        Raises
        ------
        UnknownSchema, SchemaUnavailable
            As for `get`.
        """
        if guid not in self._guids:
            schema = self._find(str(guid), f"/schemas/guids/{guid}", f"GUID {guid}")
            schema_id = FIRST_PSEUDO_ID + len(self._guids)
            assert schema_id < NO_ID
            self._guids[guid], self._schemas[schema_id] = schema_id, schema
        return self._guids[guid]

    def register(self, subject: str, schema: Schema) -> int:
        """Register a schema, if it is not there yet, and give its id.

        Parameters
        ----------
        subject
            Such as ``"shop.events.v1-value"``.
        schema
            The schema.

        Raises
        ------
        SwerveError
            If the registry does not take it: it is not compatible with what is there.
        SchemaUnavailable
            If the registry does not answer or does not let us in.
        """
        answer = self._http.put("POST", f"/subjects/{quote(subject, safe='')}/versions", {"schema": json.dumps(schema)})
        schema_id = int(answer["id"])
        self._schemas[schema_id] = schema
        self._unknown.pop(str(schema_id), None)
        return schema_id

    def set_compatibility(self, subject: str, level: str = "FULL_TRANSITIVE") -> None:
        """Say what a new version of a subject's schema has to keep to; raises as `register`."""
        self._http.put("PUT", f"/config/{quote(subject, safe='')}", {"compatibility": level})

    def check(self) -> None:
        """Find out whether a registry answers and lets us in; it is asked even while it is left alone.

        Raises
        ------
        SchemaUnavailable
            If not: one line with the reason.
        """
        self._http.check()

    def _find(self, name: str, path: str, shown: str) -> Schema:
        schema = self._disk.read(name)
        if schema is None:
            schema = self._fetch(name, path, shown)
            self._disk.write(name, schema)
        return schema

    def _fetch(self, name: str, path: str, shown: str) -> Schema:
        if self._unknown.get(name, 0.0) > self._clock():
            raise UnknownSchema(f"no schema has the {shown}")
        if self._failure is not None and self._clock() < self._ask_again:
            raise SchemaUnavailable(self._failure.message, self._failure.hint)
        try:
            schema = self._read(self._http.get(path))
        except NotFound:
            self._answered()
            if len(self._unknown) >= NEGATIVE_IDS:
                self._unknown.clear()
            self._unknown[name] = self._clock() + NEGATIVE_SECONDS
            raise UnknownSchema(f"no schema has the {shown}") from None
        except SchemaUnavailable as error:
            self._failed(error)
        self._answered()
        return schema

    def _read(self, document: Any) -> Schema:
        """Make a schema of what the registry answers; one of another kind than Avro is no record, which the decoder says of its values."""
        try:
            kind = document.get("schemaType") or AVRO
            if kind != AVRO:
                return {"type": str(kind).lower()}
            schema = json.loads(document["schema"])
            if references := document.get("references"):
                return inline(schema, self._referenced(references, set()))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise SchemaUnavailable(
                f"the registry {self._http.url} answers with something that is no schema: {type(error).__name__}", "is registry.url right?"
            ) from None
        return schema if isinstance(schema, dict) else {"type": schema}

    def _referenced(self, references: list[dict[str, Any]], seen: set[tuple[str, int]]) -> list[Any]:
        found: list[Any] = []
        for reference in references:
            subject, version = str(reference["subject"]), int(reference["version"])
            if (subject, version) in seen:
                continue
            seen.add((subject, version))
            document = self._http.get(f"/subjects/{quote(subject, safe='')}/versions/{version}")
            found += self._referenced(document.get("references") or [], seen)
            found.append(json.loads(document["schema"]))
        return found

    def _answered(self) -> None:
        self._failure, self._wait = None, 0.0

    def _failed(self, error: SchemaUnavailable) -> NoReturn:
        self._wait = min(self._wait * 2 or FIRST_WAIT, LONGEST_WAIT)
        self._failure, self._ask_again = error, self._clock() + self._wait
        raise error
