"""Which files an archive has.

`events-<partition>-<number>.avro` holds a part of a partition's log, by number; any other `events*.avro` is of partition 0, and they are
read by name.
"""

from __future__ import annotations

import re
from pathlib import Path

from udfs.container import ArchiveError

_NAME = re.compile(r"events-(\d+)-(\d+)\.avro")


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
    found = []
    for path in sorted(archive.glob("events*.avro")):
        match = _NAME.fullmatch(path.name)
        found.append((int(match[1]), int(match[2]), path) if match else (0, -1, path))
    if not found:
        raise ArchiveError(f"the archive {archive} has no events*.avro", "is it the right folder?")
    return [(partition, path) for partition, _, path in sorted(found)]
