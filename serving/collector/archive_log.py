"""The log without Kafka: an archive that the job follows while it is written."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from serving.collector.commit import GroupCommit
from serving.collector.encoding import Encoder
from serving.collector.log import Event, LogUnavailable
from udfs.archive_writer import ArchiveWriter
from udfs.container import ArchiveError
from udfs.hashing import hash64
from udfs.schemas import load

log = logging.getLogger(__name__)

Part = dict[int, list[bytes]]
"""Datums of a request, by partition."""
#: The hash is made for many at a time and slow for one; most events come from somebody who has just sent another.
USERS = 10_000


class ArchiveLog:
    """Writes blocks into a folder and returns when the disk has them; all events of a user are in one partition.

    Parameters
    ----------
    folder
        Of the archive.
    partitions
        Number of files that are written side by side; each costs a write to the disk of its own.
    linger_ms
        How long events wait for others, to be written with them.
    """

    def __init__(self, folder: Path, partitions: int = 1, linger_ms: float = 2.0) -> None:
        self._folder = folder
        self._partition_of = lru_cache(maxsize=USERS)(lambda user: hash64(user) % partitions)
        self._encode = Encoder().datum
        self._writers: dict[int, ArchiveWriter] = {}
        self._commit: GroupCommit[Part] = GroupCommit("archive-log", self._write, linger_ms)

    @property
    def waiting_bytes(self) -> int:
        """Nothing waits: what is kept is where it belongs."""
        return 0

    @property
    def waiting_seconds(self) -> float:
        """None."""
        return 0.0

    async def start(self) -> None:
        """Make the folder."""
        await asyncio.to_thread(self._folder.mkdir, parents=True, exist_ok=True)
        self._commit.start()

    async def append(self, events: Sequence[Event]) -> None:
        """See `EventLog.append`."""
        part: Part = {}
        for event in events:
            part.setdefault(self._partition_of(event["user_id"]), []).append(self._encode(event))
        await self._commit.put(part)

    async def stop(self) -> None:
        """Write what is there."""
        await self._commit.stop()
        for writer in self._writers.values():
            writer.close()

    def _write(self, parts: Sequence[Part]) -> Sequence[None]:
        together: Part = {}
        for part in parts:
            for partition, datums in part.items():
                together.setdefault(partition, []).extend(datums)
        try:
            for partition, datums in together.items():
                self._writer(partition).append(b"".join(datums), len(datums))
            for partition in together:
                self._writer(partition).flush(durable=True)
        except ArchiveError as error:
            log.error("the archive cannot be written: %s", error)
            raise LogUnavailable("the archive cannot be written now") from None
        return [None] * len(parts)

    def _writer(self, partition: int) -> ArchiveWriter:
        if partition not in self._writers:
            self._writers[partition] = ArchiveWriter(self._folder, load("shop_event"), partition)
        return self._writers[partition]
