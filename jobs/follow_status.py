"""How far a job is in the archive that it follows: it says so in a file, for who started it."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import orjson

FILE = "follow.json"


class Status(NamedTuple):
    """When it was said, in ms; events read since the job began; whole bytes that lie there and are not read."""

    at_ms: int
    events: int
    behind: int


def write_status(work: Path, status: Status) -> None:
    """Replace the file."""
    draft = work / f".{FILE}"
    draft.write_bytes(orjson.dumps(status._asdict()))
    draft.replace(work / FILE)


def read_status(work: Path) -> Status | None:
    """Read it; None if there is none."""
    try:
        return Status(**orjson.loads((work / FILE).read_bytes()))
    except (OSError, ValueError, TypeError):
        return None


def forget_status(work: Path) -> None:
    """Remove what an earlier job said."""
    (work / FILE).unlink(missing_ok=True)
