"""Writing the simulated log: a partition a file, encoded block by block."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from training.simulator.encode import Parts, encode, longest, table
from training.simulator.envelope import ENVELOPE_BYTES, FRAMING_BYTES, wrap
from training.simulator.order import Log
from training.simulator.poison import HUGE_AT_MOST, Poisoner
from training.simulator.walk import Walked
from udfs.archive_writer import ArchiveWriter
from udfs.container import SYNC_BYTES
from udfs.schemas import load

BLOCK_EVENTS = 2000
THREADS = 2

Progress = Callable[[int, int], None]


class LogWriter:
    """Writes the log of a simulation; the order of what threads do makes no difference to the files.

    Parameters
    ----------
    folder
        Where to.
    seed
        Of event ids, poison and sync markers.
    walked, visit_shopper, parts, items
        The events, whose visit is whose, how to encode them, number of items.
    log
        Their order.
    progress
        Called with the records written and to write.
    """

    def __init__(
        self,
        folder: Path,
        seed: int,
        walked: Walked,
        visit_shopper: NDArray[np.int32],
        parts: Parts,
        items: int,
        log: Log,
        progress: Progress | None,
    ) -> None:
        self._folder = folder
        self._seed = seed
        self._walked = walked
        self._visit_shopper = visit_shopper
        self._parts = parts
        self._items = items
        self._log = log
        self._progress = progress
        self._raw = bool(log.poison.any())
        self._schema = load("raw_record" if self._raw else "shop_event")
        self._done, self._lock = 0, Lock()

    def write(self, partition: NDArray[np.int64], partitions: int) -> Counter[str]:
        """Write all partitions.

        Parameters
        ----------
        partition
            By row of the log.
        partitions
            How many there are.

        Returns
        -------
        Counter
            Poison by kind.
        """
        with ThreadPoolExecutor(THREADS) as pool:
            poison = list(pool.map(lambda number: self._write(number, np.flatnonzero(partition == number)), range(partitions)))
        return sum(poison, Counter())

    def _write(self, number: int, places: NDArray[np.int64]) -> Counter[str]:
        buffer = np.empty(longest(self._parts) * BLOCK_EVENTS, np.uint8)
        ends = np.empty(BLOCK_EVENTS + 1, np.int64)
        poisoner = Poisoner(self._seed, number, huge=1 if number < HUGE_AT_MOST else 0)
        sync = np.random.default_rng([self._seed, 6, number]).bytes(SYNC_BYTES)
        with ArchiveWriter(self._folder, self._schema, number, sync=sync) as writer:
            for first in range(0, len(places), BLOCK_EVENTS):
                block = places[first : first + BLOCK_EVENTS]
                rows = self._log.rows[block]
                size = encode(self._seed, rows, self._walked, self._visit_shopper, self._parts, self._items, buffer, ends)
                data = buffer[:size]
                if self._raw:
                    data = self._wrapped(number, first, block, data, ends[: len(rows) + 1], poisoner)
                writer.append(data.data, len(rows))
                with self._lock:
                    self._done += len(rows)
                    if self._progress:
                        self._progress(self._done, len(self._log.rows))
        return poisoner.made

    def _wrapped(
        self, number: int, first: int, block: NDArray[np.int64], data: NDArray[np.uint8], ends: NDArray[np.int64], poisoner: Poisoner
    ) -> NDArray[np.uint8]:
        """Wrap a block's events as raw records, those of them that are to be poison spoilt."""
        rows = self._log.rows[block]
        times = self._walked.time[rows]
        shopper = self._visit_shopper[self._walked.visit[rows]]
        replaced = np.full(len(rows), -1, np.int64)
        values: list[bytes] = []
        for n in self._log.poison[block].nonzero()[0].tolist():
            value, time = poisoner.spoil(data[ends[n] : ends[n + 1]].tobytes())
            if time is not None:
                times[n] = time
            replaced[n] = -2 if value is None else len(values)
            if value is not None:
                values.append(value)
        keys = self._parts.users
        room = len(data) + sum(map(len, values)) + len(rows) * (ENVELOPE_BYTES + FRAMING_BYTES + int(np.diff(keys.ends).max()))
        out = np.empty(room, np.uint8)
        size = wrap(number, first, times, keys, shopper, data, ends, replaced, table(values), out)
        return out[:size]
