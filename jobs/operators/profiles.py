"""Adapter of `udfs.update`: payloads of a bucket → profiles in keyed state, rank requests, segment changes.

State is keyed by bucket, and this file is the only one that knows it: inside a bucket, `profiles` maps a user to her packed
profile. `due` maps a slot of time to the users whose cart deadline lies before it; a user with a deadline stands in at least one slot.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pyflink.common import Row, Types
from pyflink.datastream import KeyedProcessFunction, RuntimeContext
from pyflink.datastream.state import MapStateDescriptor, ValueStateDescriptor

from jobs.rows import Tag, row

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from jobs.settings import Settings
    from udfs.update import Applied

SLOT_MS = 10_000
REPLAY_SLOT_MS = 86_400_000  # a replay runs through days in seconds: fewer, larger slots; a deadline fires with its own time anyway
END_OF_TIME = 2**63 - 1
USERS_A_ROW = 256
EVENT = 1
SEPARATOR = b"\xff"  # never occurs in UTF-8


class ProfileFunction(KeyedProcessFunction):
    """Keyed by bucket, in thread mode: state is read and written without leaving the process."""

    def __init__(self, settings: Settings, end_time: int | None) -> None:
        self._settings = settings
        self._end_time = END_OF_TIME if end_time is None else end_time
        self._slot_ms = SLOT_MS if end_time is None else REPLAY_SLOT_MS
        self._asks_always = settings.rank.on == "every_event"
        self._hold_back = settings.rank.hold_back if settings.rank.hold_back is not None else end_time is not None

    @staticmethod
    def bucket(value: Row) -> int:
        """Read the key from a payload row."""
        return int.from_bytes(value[0][1:5], "little")

    def open(self, runtime_context: RuntimeContext) -> None:
        """Open state and compile the kernel."""
        from jobs.operators.profile_cache import ProfileCache
        from models.bundle import Bundle
        from udfs.update import Updater

        def state(name: str, key: Any) -> Any:
            return runtime_context.get_map_state(MapStateDescriptor(name, key, Types.PICKLED_BYTE_ARRAY()))

        text = Types.STRING()
        self._profiles = state("profiles", text)
        self._due = state("due", Types.LONG())
        self._pending = state("pending", text)
        self._buckets = runtime_context.get_state(ValueStateDescriptor("buckets", Types.INT()))
        self._known: set[int] = set()
        self._cache = ProfileCache(self._profiles, self._settings.state.cache_profiles)
        self._bundle = Bundle.open(self._settings.model.path)
        self._updater = Updater(self._bundle.segments, self._settings.rank.on, self._settings.rank.every)
        self._updater.warm_up()

    def process_element(self, value: Row, ctx: KeyedProcessFunction.Context) -> Iterator[Row]:
        """Apply a payload."""
        from udfs.events import unpack_payload

        started = time.time_ns()
        payload = unpack_payload(memoryview(value[0])[1:])
        self._check_buckets(payload.bucket, ctx)
        users = payload.users
        profiles, new, size = self._cache.read(users)
        read = time.time_ns()
        armed = profiles["cart_deadline"] != 0
        applied = self._updater.apply(profiles, payload.events, latest_only=self._settings.rank.latest_only or self._hold_back)
        kernel = time.time_ns()
        if self._hold_back and self._asks_always and applied.counters["too_late"]:
            self._hold_before_late(users, profiles, applied)
        grown = self._cache.write(users, profiles) - size
        self._register(users, profiles, ~armed, ctx)
        written = time.time_ns()
        rows = [*self._emit(users, applied)]
        # Before the rows go: what follows runs while they are handed over.
        rows.append(
            self._report(
                applied,
                new_users=new,
                state_bytes=grown,
                at_ns=started,
                kernel_ns=kernel - read,
                state_ns=read - started + written - kernel,
                busy_ns=time.time_ns() - started,
            )
        )
        yield from rows

    def on_timer(self, timestamp: int, ctx: KeyedProcessFunction.OnTimerContext) -> Iterator[Row]:
        """Fire deadlines that the watermark has passed; at the end of a replay, let go of the held requests."""
        if timestamp == END_OF_TIME:
            yield from self._release()
            return
        users = list(dict.fromkeys(self._due.get(timestamp).split(SEPARATOR)))
        self._due.remove(timestamp)
        profiles = self._cache.read(users).profiles
        applied = self._updater.fire(profiles, min(timestamp, self._end_time - 1))
        self._cache.write(users, profiles)
        self._register(users, profiles, profiles["cart_deadline"] < self._end_time, ctx)
        yield from self._emit(users, applied)
        yield self._report(applied)

    def _check_buckets(self, bucket: int, ctx: Any) -> None:
        """Refuse state that was cut into another number of buckets: its users would not be found again."""
        if bucket in self._known:
            return
        stored, wanted = self._buckets.value(), self._settings.state.buckets
        if stored is None:
            self._buckets.update(wanted)
        elif stored != wanted:
            raise ValueError(f"this state was made with state.buckets={stored}, the job has {wanted}: set it back")
        if self._hold_back:
            ctx.timer_service().register_event_time_timer(END_OF_TIME)
        self._known.add(bucket)

    def _register(self, users: list[bytes], profiles: NDArray[np.void], which: NDArray[np.bool_], ctx: Any) -> None:
        """Set a timer for users that got a deadline; one that only moved is followed up when its timer fires."""
        deadlines = profiles["cart_deadline"]
        slots: dict[int, list[bytes]] = {}
        for i in ((deadlines != 0) & which).nonzero()[0].tolist():
            slots.setdefault(-(-int(deadlines[i]) // self._slot_ms) * self._slot_ms, []).append(users[i])
        for slot, names in slots.items():
            there = self._due.get(slot)
            if there is None:
                ctx.timer_service().register_event_time_timer(slot)
            self._due.put(slot, SEPARATOR.join([there, *names] if there else names))

    def _emit(self, users: list[bytes], applied: Applied) -> Iterator[Row]:
        from udfs.requests import pack_requests
        from udfs.segment_changes import pack_changes

        if len(applied.requests_user):
            asking = [users[i] for i in applied.requests_user.tolist()]
            if not self._hold_back:
                yield Row(row(Tag.REQUESTS, pack_requests(asking, applied.requests_reason, applied.requests_profile)))
            elif not self._asks_always:
                self._hold(asking, applied)
        if len(applied.changes):
            yield Row(row(Tag.SEGMENTS, pack_changes(users, applied.changes, self._bundle.version)))

    def _hold(self, users: list[bytes], applied: Applied) -> None:
        from udfs.requests import pack_requests

        self._pending.put_all(
            {
                user.decode(): pack_requests([user], applied.requests_reason[i : i + 1], applied.requests_profile[i : i + 1])
                for i, user in enumerate(users)
            }
        )

    def _hold_before_late(self, users: list[bytes], profiles: NDArray[np.void], applied: Applied) -> None:
        """Keep the requests before events that were too late: these change a profile (it has seen them) and ask for nothing."""
        import numpy as np

        from udfs.requests import pack_requests, stands

        last = self._cache.read(users).profiles
        last[applied.requests_user] = applied.requests_profile
        for i in (last["seen_n"] != profiles["seen_n"]).nonzero()[0].tolist():
            there = self._pending.get(users[i].decode())
            if there is None or not stands(there, last[i]):
                self._pending.put(users[i].decode(), pack_requests([users[i]], np.array([EVENT], np.uint8), last[i : i + 1]))

    def _release(self) -> Iterator[Row]:
        """Ask for every user's ranking once: her last request carries her profile as it then was."""
        from udfs.profile import unpack_profiles
        from udfs.requests import request_of, stands

        pending = dict(self._pending.items())
        if self._asks_always:
            held = (
                pending[user]
                if user in pending and stands(pending[user], unpack_profiles([packed])[0])
                else request_of(user.encode(), EVENT, packed)
                for user, packed in self._profiles.items()
            )
        else:
            held = (packed for packed in pending.values())
        batch: list[bytes] = []
        for request in held:
            batch.append(request)
            if len(batch) == USERS_A_ROW:
                yield Row(row(Tag.REQUESTS, b"".join(batch)))
                batch = []
        if batch:
            yield Row(row(Tag.REQUESTS, b"".join(batch)))

    def _report(self, applied: Applied, **more: int) -> Row:
        import orjson

        return Row(row(Tag.REPORT, orjson.dumps({"stage": "profiles", **applied.counters, **more})))
