"""The pointer of a registry: a small file that names the version that serves, and those that served before it."""

from __future__ import annotations

import json
import os
import re
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from udfs.tables import BundleError

CURRENT = "current"
#: A rollback goes so far back.
HISTORY = 100
_VERSION = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class Pointer:
    """Which version serves.

    Attributes
    ----------
    version
        Its folder's name.
    previous
        What served before it, the last first: what a rollback goes back to.
    at
        When it was set, milliseconds since 1970; 0: not known.
    by
        Who set it.
    note
        Why.
    """

    version: str
    previous: tuple[str, ...] = ()
    at: int = 0
    by: str = ""
    note: str = ""

    @classmethod
    def read(cls, folder: Path) -> Pointer:
        """Read the pointer of a model's folder; one that was written by hand needs nothing but `version`.

        Raises
        ------
        BundleError
            There is none, or it is not one.
        """
        path = folder / CURRENT
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise BundleError(f"{path} cannot be read: {error.strerror}", "`swerve models promote VERSION` writes it") from None
        except ValueError as error:
            raise BundleError(f"{path} is not JSON: {error}", "`swerve models promote VERSION` writes it") from None
        try:
            return cls(
                check_version(document["version"], path),
                tuple(check_version(version, path) for version in document.get("previous", ())),
                int(document.get("at", 0)),
                str(document.get("by", "")),
                str(document.get("note", "")),
            )
        except (KeyError, TypeError, ValueError, AttributeError):
            raise BundleError(f"{path} is no pointer to a version", 'it should look like {"version": "7"}') from None

    def write(self, folder: Path) -> None:
        """Write it in one step: who reads it sees the old one or this one.

        Raises
        ------
        BundleError
            The folder may not be written to.
        """
        draft = folder / f".{CURRENT}.{os.getpid()}"
        try:
            with draft.open("w", encoding="utf-8") as file:
                file.write(json.dumps(asdict(self), ensure_ascii=False, indent=1) + "\n")
                file.flush()
                os.fsync(file.fileno())
            draft.replace(folder / CURRENT)
        except OSError as error:
            draft.unlink(missing_ok=True)
            raise BundleError(f"{folder / CURRENT} cannot be written: {error.strerror}") from None

    def moved_to(self, version: str, by: str, note: str) -> Pointer:
        """Give the pointer after a promotion."""
        return Pointer(version, (self.version, *self.previous)[:HISTORY], _now(), by, note)

    def moved_back(self, by: str, note: str) -> Pointer:
        """Give the pointer after a rollback: what it leaves is not in its history any more, so that the next one goes further back.

        Raises
        ------
        BundleError
            Nothing served before.
        """
        if not self.previous:
            raise BundleError(f"no version served before {self.version}", "`swerve models promote VERSION` names one")
        return Pointer(self.previous[0], self.previous[1:], _now(), by, note)


def first_pointer(version: str, by: str, note: str) -> Pointer:
    """Make the pointer of a model that had none."""
    return Pointer(version, (), _now(), by, note)


def check_version(version: object, where: Path | str) -> str:
    """Refuse a version that is no plain name: it is a folder, and a pointer may have been written by anybody.

    Raises
    ------
    BundleError
        It is none.
    """
    if not isinstance(version, str) or not _VERSION.fullmatch(version) or version == CURRENT:
        raise BundleError(f"{where}: {version!r} is no version", "letters, digits, dot, dash and underscore")
    return version


def _now() -> int:
    return time.time_ns() // 1_000_000
