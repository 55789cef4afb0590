"""Schemas kept on disk, so that a restart does not need the registry for those that were seen before."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from contextlib import suppress
from pathlib import Path

from udfs.schemas import Schema


class SchemaCache:
    """A folder of schemas, one file each; a registry's schema never changes, so a file is good for ever.

    It is a help, not a need: what cannot be read or written is as if it were not there.

    Parameters
    ----------
    folder
        Shared by all registries; none: nothing is kept.
    url
        The registry's address, without a login.
    """

    def __init__(self, folder: Path | None, url: str) -> None:
        self._folder = folder / hashlib.sha256(url.encode()).hexdigest()[:16] if folder else None

    def read(self, name: str) -> Schema | None:
        """Give the schema that was kept under a name; None if there is none, or its file is damaged."""
        if self._folder is None:
            return None
        try:
            document = json.loads((self._folder / f"{name}.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        schema = document.get("schema") if isinstance(document, dict) and document.get("name") == name else None
        return schema if isinstance(schema, dict) else None

    def write(self, name: str, schema: Schema) -> None:
        """Keep a schema; readers see all of its file or none."""
        if self._folder is None:
            return
        with suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(prefix=f"{name}-", suffix=".tmp", dir=self._folder)
            try:
                with os.fdopen(handle, "w", encoding="utf-8") as file:
                    json.dump({"name": name, "schema": schema}, file)
                Path(temporary).replace(self._folder / f"{name}.json")
            except OSError:
                Path(temporary).unlink(missing_ok=True)
                raise
