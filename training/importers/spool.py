"""Events on their way into an archive: encoded into a temporary file, then written in the order of their time."""

from __future__ import annotations

import mmap
import tempfile
from array import array
from io import BytesIO
from pathlib import Path
from typing import Any

import fastavro
import numpy as np

from udfs.archive_writer import ArchiveWriter
from udfs.hashing import hash64
from udfs.schemas import load

BLOCK_EVENTS = 2000


class Spool:
    """Takes events in any order; in memory it keeps 17 bytes an event, and the users.

    Parameters
    ----------
    folder
        Where the temporary file may be.
    partitions
        Of the archive; a user's events are all in one.
    """

    def __init__(self, folder: Path, partitions: int) -> None:
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 — closed by write()
        self._partitions = partitions
        self._schema = fastavro.parse_schema(load("shop_event"))
        self._of_user: dict[str, int] = {}
        self._times, self._ends, self._partition = array("q"), array("q", [0]), array("B")

    def __len__(self) -> int:
        return len(self._times)

    def add(self, event: dict[str, Any]) -> None:
        """Take an event.

        Raises
        ------
        ValueError
            If it does not fit the schema.
        """
        datum = BytesIO()
        fastavro.schemaless_writer(datum, self._schema, event)
        self._file.write(datum.getbuffer())
        self._times.append(event["event_time"])
        self._ends.append(self._ends[-1] + datum.tell())
        user: str = event["user_id"]
        if user not in self._of_user:
            self._of_user[user] = hash64(user) % self._partitions
        self._partition.append(self._of_user[user])

    def write(self, folder: Path) -> None:
        """Write `events-*.avro`, each partition in the order of time; what has the same time keeps its order."""
        self._file.flush()
        times, partition, ends = np.asarray(self._times), np.asarray(self._partition), np.asarray(self._ends)
        with self._file, mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            for number in range(self._partitions):
                rows = np.flatnonzero(partition == number)
                rows = rows[np.argsort(times[rows], kind="stable")]
                with ArchiveWriter(folder, load("shop_event"), number) as writer:
                    for first in range(0, len(rows), BLOCK_EVENTS):
                        block = rows[first : first + BLOCK_EVENTS]
                        writer.append(b"".join(data[ends[row] : ends[row + 1]] for row in block), len(block))
