"""Which files an archive has.

`events-<partition>-<number>.avro` holds a part of a partition's log, by number; any other `events*.avro` is of partition 0, and they are
read by name.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import NamedTuple

from udfs.container import ArchiveError

_NUMBERED = re.compile(r"events-(\d+)-(\d+)\.avro")
_ANY = re.compile(r"events.*\.avro", re.DOTALL)


def files_of(archive: Path) -> list[tuple[int, Path]]:
    """Give partition and path of an archive's files, in order within a partition.

    Raises
    ------
    ArchiveError
        If there are none.
    """
    if not archive.is_dir():
        what = "is no folder" if archive.exists() else "does not exist"
        raise ArchiveError(f"the archive {archive} {what}", "an archive is a folder with events-*.avro, as swerve simulate makes it")
    found = [(place, archive / name) for name in os.listdir(archive) if (place := place_of(name))]
    if not found:
        raise ArchiveError(f"the archive {archive} has no events*.avro", "is it the right folder?")
    return [(place.partition, path) for place, path in sorted(found)]


class Place(NamedTuple):
    """Where the events of a file come in the log: files of a partition follow each other by number."""

    partition: int
    number: int


def place_of(name: str) -> Place | None:
    """Tell from its name where a file comes in the log; None if it is none of an archive's.

    Examples
    --------
    >>> place_of("events-3-000012.avro")
    Place(partition=3, number=12)
    """
    if match := _NUMBERED.fullmatch(name):
        return Place(int(match[1]), int(match[2]))
    return Place(0, -1) if _ANY.fullmatch(name) else None
