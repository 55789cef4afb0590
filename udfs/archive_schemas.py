"""What the files of an archive may hold, by their schema: shop events or raw records. Nothing compiled is imported here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from udfs.container import ArchiveError
from udfs.schemas import load

NAME = "RawRecord"


def is_raw(schema: dict[str, Any]) -> bool:
    """Whether a file's schema is that of raw records, of any version."""
    return str(schema.get("name", "")).rpartition(".")[2] == NAME


def has_known_layout(schema: dict[str, Any]) -> bool:
    """Whether the records of a schema of raw records lie as those of ours."""
    return [(f["name"], _plain(f["type"])) for f in schema.get("fields", ())] == [
        (f["name"], _plain(f["type"])) for f in load("raw_record")["fields"]
    ]


def check_schema(schema: dict[str, Any], path: Path) -> None:
    """Refuse a file of anything else.

    Raises
    ------
    ArchiveError
        If it holds something else, or raw records of another layout.
    """
    if is_raw(schema):
        if not has_known_layout(schema):
            raise ArchiveError(f"{path} holds raw records of another layout", "avro/raw_record.v1.avsc is the one that is read")
    elif not {"event_id", "user_id", "event_time"} <= {f["name"] for f in schema.get("fields", ())}:
        name = str(schema.get("name", "?"))
        raise ArchiveError(f"{path} holds {name}, not shop events", "its schema has no event_id, user_id or event_time")


def _plain(type_: Any) -> Any:
    """A type without what does not change how it lies."""
    if isinstance(type_, dict):
        return (
            _plain(type_["type"])
            if not type_.keys() & {"values", "items"}
            else [_plain(type_[k]) for k in ("type", "values") if k in type_]
        )
    return [_plain(branch) for branch in type_] if isinstance(type_, list) else type_
