"""Adapter of `udfs.follow`: looks at the archive a few dozen times a second, keeps in state how far it was read."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyflink.common import Row, Types
from pyflink.datastream import KeyedProcessFunction, RuntimeContext
from pyflink.datastream.state import MapStateDescriptor

if TYPE_CHECKING:
    from jobs.settings import Settings
    from udfs.follow import Follower, Found

#: The one key.
EVERYTHING = 0
#: Between two looks; a look at nothing new takes some 50 µs.
LOOK_MS = 20
#: Chunks of one look at most: a checkpoint waits for its end.
CHUNKS = 256
BEAT_MS = 500
STATUS_MS = 1_000


class FollowFunction(KeyedProcessFunction):
    """Keyed by a constant, in thread mode: one place reads headers and times of all partitions, others decode.

    What it gives has the columns of a chunk; `watermark` is the time that nothing behind it should be before.

    Parameters
    ----------
    settings
        The effective settings.
    folder
        The archive.
    """

    def __init__(self, settings: Settings, folder: Path) -> None:
        self._settings = settings
        self._folder = str(folder.resolve())
        self._work = str(settings.work.resolve())

    def open(self, runtime_context: RuntimeContext) -> None:
        """Open state; what was read before is looked up with the first element, when there is a key."""
        self._positions = runtime_context.get_map_state(MapStateDescriptor("positions", Types.STRING(), Types.LONG()))
        self._clocks = runtime_context.get_map_state(MapStateDescriptor("clocks", Types.INT(), Types.LONG()))
        self._follower: Follower | None = None
        self._events = 0
        self._last = self._beat = self._told = 0

    def process_element(self, value: Row, ctx: KeyedProcessFunction.Context) -> Iterator[Row]:
        """Begin; the timers go on by themselves."""
        if self._follower is None:
            yield from self._begin()
        self._look_again(ctx)

    def on_timer(self, timestamp: int, ctx: KeyedProcessFunction.OnTimerContext) -> Iterator[Row]:
        """Look."""
        if self._follower is None:
            yield from self._begin()
        follower = self._follower
        assert follower is not None
        now = time.time_ns() // 1_000_000
        given = 0
        for found in follower.look(now, CHUNKS):
            given += 1
            self._keep(found, follower)
            yield _row(found)
        if given:
            self._last = now
        elif now - self._last >= self._settings.kafka.idle_ms and now - self._beat >= BEAT_MS:
            self._beat = now
            yield Row("", 0, 0, 0, 0, now - self._settings.kafka.idle_ms, 0)
        if now - self._told >= STATUS_MS:
            self._told = now
            self._tell(follower)
        self._look_again(ctx)

    def _begin(self) -> Iterator[Row]:
        from udfs.follow import Follower

        settings = self._settings
        positions, clocks = dict(self._positions.items()), dict(self._clocks.items())
        events = max(1, settings.batch.events // settings.batch.rows)
        follower = Follower(Path(self._folder), events, future_ms=settings.time.future_ms, positions=positions, clocks=clocks)
        self._follower = follower
        self._last = time.time_ns() // 1_000_000
        if not positions and settings.kafka.start in ("latest", "timestamp"):
            # Only the first event of a block was looked at: others in it are later.
            before = None if settings.kafka.start_time is None else settings.kafka.start_time - settings.time.lateness_ms
            for found in follower.skip(self._last, before):
                self._events += found.events
                yield _row(found)
            self._positions.put_all(follower.positions)
            self._clocks.put_all(follower.clocks)

    def _keep(self, found: Found, follower: Follower) -> None:
        name, partition = Path(found.path).name, found.partition
        self._positions.put(name, follower.positions[name])
        self._clocks.put(partition, follower.clocks[partition])
        self._events += found.events

    def _look_again(self, ctx: Any) -> None:
        service = ctx.timer_service()
        # On a grid: there is one timer, also after a restart that finds one in its state.
        service.register_processing_time_timer((service.current_processing_time() // LOOK_MS + 1) * LOOK_MS)

    def _tell(self, follower: Follower) -> None:
        from jobs.follow_status import Status, write_status

        write_status(Path(self._work), Status(self._told, self._events, follower.behind))


def _row(found: Found) -> Row:
    return Row(found.path, found.partition, found.offset, found.size, found.events, max(0, found.time), 0)
