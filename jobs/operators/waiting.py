"""Adapter of `udfs.collapse` for records whose schema could not be looked up: kept in state, tried again until the registry answers."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pyflink.common import Row, Types
from pyflink.datastream import KeyedProcessFunction, RuntimeContext
from pyflink.datastream.state import MapStateDescriptor

from jobs.operators.readers import make_collapse

if TYPE_CHECKING:
    from jobs.settings import Settings

RETRY_MS = 1_000


class WaitingFunction(KeyedProcessFunction):
    """Keyed by partition; what waits keeps its order. It gives the same rows as collapse, once the registry answers.

    Meanwhile the partition goes on: events of known schemas pass those that wait, which then count as events that came late.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @staticmethod
    def partition(value: Row) -> int:
        """Read the key from a row."""
        return int.from_bytes(value[0][1:5], "little")

    def open(self, runtime_context: RuntimeContext) -> None:
        """Open state."""
        self._blocks = runtime_context.get_map_state(MapStateDescriptor("waiting", Types.LONG(), Types.PICKLED_BYTE_ARRAY()))
        self._collapse: Any = None

    def process_element(self, value: Row, ctx: KeyedProcessFunction.Context) -> Iterator[Row]:
        """Keep a block."""
        self._blocks.put(max(self._blocks.keys(), default=-1) + 1, bytes(value[0][5:]))
        self._try_later(ctx)
        yield from ()

    def on_timer(self, timestamp: int, ctx: KeyedProcessFunction.OnTimerContext) -> Iterator[Row]:
        """Collapse what waits, block by block; stop where the registry still does not answer."""
        from jobs.operators.collapse import rows_of
        from udfs.blocks import unpack_block
        from udfs.raw_records import RawColumns, pack_raw, read_raw

        if self._collapse is None:
            self._collapse = make_collapse(self._settings, registry=True)
        for number in sorted(self._blocks.keys()):
            started = time.time_ns()
            count, body = unpack_block(self._blocks.get(number))
            records = RawColumns()
            read_raw(body, count, records)
            collapsed = self._collapse.values(
                records.value, records.key, records.headers, records.timestamp, records.partition, records.offset,
                self._settings.topics.events, started // 1_000_000,
            )  # fmt: skip
            rest, collapsed.waiting = collapsed.waiting, RawColumns()
            if len(rest) < count:
                for packed in rows_of(collapsed, started, released=count - len(rest)):
                    yield Row(packed)
            if len(rest):
                self._blocks.put(number, pack_raw(rest)[0][1])
                self._try_later(ctx)
            else:
                self._blocks.remove(number)

    def _try_later(self, ctx: Any) -> None:
        service = ctx.timer_service()
        # On whole seconds, so that a partition has one timer, however much comes to wait.
        service.register_processing_time_timer((service.current_processing_time() // RETRY_MS + 1) * RETRY_MS)
