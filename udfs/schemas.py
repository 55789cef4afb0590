"""The Avro schemas of `avro/`, by name and version, and by the id that stands in front of a value."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Protocol

from udfs.errors import SwerveError

FOLDER = Path(__file__).resolve().parent.parent / "avro"

Schema = dict[str, Any]


class SchemaError(SwerveError):
    """A schema of ours is not there or cannot be read."""


class UnknownSchema(SwerveError, LookupError):
    """No schema has this id."""


class SchemaUnavailable(SwerveError):
    """Whether a schema has this id cannot be found out now: what needs it has to wait, it is not bad."""


def load(name: str, version: int | None = None) -> Schema:
    """Read a schema of `avro/`.

    Parameters
    ----------
    name
        Like ``"shop_event"``.
    version
        The number in the file's name; none: the newest, which is the one that is written.

    Returns
    -------
    dict
        The schema. It is shared: do not change it.

    Raises
    ------
    SchemaError
        If there is no such file.
    """
    return _read(f"{name}.v{version or newest(name)}.avsc")


@cache
def newest(name: str) -> int:
    """Give the newest version of a schema of `avro/`; 1 where there is none."""
    return max((version for other, version in names() if other == name), default=1)


def names() -> list[tuple[str, int]]:
    """Give name and version of every schema of `avro/`, in order."""
    found = [path.name.removesuffix(".avsc").rpartition(".v") for path in FOLDER.glob("*.v*.avsc")]
    return sorted((name, int(version)) for name, _, version in found)


def plain(schema: Any) -> Any:
    """Give a copy of a schema without logical types: times are then read as the numbers that they are."""
    if isinstance(schema, dict):
        return {key: plain(value) for key, value in schema.items() if key != "logicalType"}
    return [plain(part) for part in schema] if isinstance(schema, list) else schema


class SchemaStore(Protocol):
    """Where the schema of an id comes from: a registry, or `avro/`."""

    def get(self, schema_id: int) -> Schema:
        """Give the writer schema of an id.

        Raises
        ------
        UnknownSchema
            If there is none.
        SchemaUnavailable
            If that cannot be found out now.
        """
        ...

    def get_by_guid(self, guid: uuid.UUID) -> int:
        """Give the id under which `get` gives the schema of a GUID.

        Raises
        ------
        UnknownSchema
            If there is none.
        SchemaUnavailable
            If that cannot be found out now.
        """
        ...


class LocalSchemas:
    """The ids of `avro/ids.json`: a store that needs no registry.

    Parameters
    ----------
    more
        Further schemas by id; they win.

    Examples
    --------
    >>> LocalSchemas().get(1)["name"]
    'ShopEvent'
    """

    def __init__(self, more: Mapping[int, Schema] | None = None) -> None:
        self._schemas = {int(schema_id): _read(file) for schema_id, file in _ids().items()} | dict(more or {})

    def get(self, schema_id: int) -> Schema:
        """Give the writer schema of an id; see `SchemaStore.get`."""
        try:
            return self._schemas[schema_id]
        except KeyError:
            raise UnknownSchema(f"no schema has the id {schema_id}") from None

    def get_by_guid(self, guid: uuid.UUID) -> int:
        """See `SchemaStore.get_by_guid`; only a registry gives GUIDs."""
        raise UnknownSchema(f"no schema has the GUID {guid}", "set registry.url")


def local_id(name: str, version: int | None = None) -> int:
    """Give the id of a schema of `avro/` where there is no registry.

    Examples
    --------
    >>> local_id("shop_event")
    1
    """
    wanted = f"{name}.v{version or newest(name)}.avsc"
    return next(int(schema_id) for schema_id, file in _ids().items() if file == wanted)


@cache
def _ids() -> dict[str, str]:
    document: dict[str, str] = json.loads((FOLDER / "ids.json").read_text(encoding="utf-8"))
    return document


@cache
def _read(file: str) -> Schema:
    path = FOLDER / file
    try:
        schema: Schema = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        known = ", ".join(sorted(found.name for found in FOLDER.glob("*.avsc")))
        raise SchemaError(f"no schema avro/{file}", f"there are {known}") from None
    except ValueError as error:
        raise SchemaError(f"avro/{file} is no JSON: {error}") from error
    return schema
