"""Adapter of `udfs.update`: payloads of a bucket → profiles in keyed state, rank requests, segment changes.

State is keyed by bucket, and this file is the only one that knows it: inside a bucket, `profiles` maps a user to her packed
profile. `due` maps a slot of time to the users whose cart deadline lies before it; a user with a deadline after `fired_until` stands in at
least one slot. What state holds depends on the log alone, never on the watermark: a timer asks for the ranking that a deadline
brings, and leaves the profile as it is (docs/decisions/0006-deadlines.md).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

from pyflink.common import Row, Types
from pyflink.datastream import KeyedProcessFunction, RuntimeContext
from pyflink.datastream.state import MapStateDescriptor, ValueStateDescriptor

from jobs.rows import Tag, row

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from jobs.settings import Settings
    from models.bundle import Bundle
    from udfs.update import Applied, Updater

SLOT_MS = 10_000
END_OF_TIME = 2**63 - 1
USERS_A_ROW = 256
ADOPT_MS = 2_000  # by the clock; a timer that a job which does not hold requests back finds in its state is overdue, and fires at once
BEFORE_ALL = -(2**63)
EVENT = 1
SEPARATOR = b"\xff"  # never occurs in UTF-8


def holds_back(settings: Settings, end_time: int | None) -> bool:
    """Tell whether a job ranks only a user's last request of a run: what computes history does."""
    return settings.rank.hold_back if settings.rank.hold_back is not None else end_time is not None


def follows(settings: Settings, end_time: int | None) -> bool:
    """Tell whether a job takes other versions of its model: history is computed under one."""
    return end_time is None and not holds_back(settings, end_time)


class ProfileFunction(KeyedProcessFunction):
    """Keyed by bucket, in thread mode: state is read and written without leaving the process."""

    def __init__(self, settings: Settings, end_time: int | None) -> None:
        self._settings = settings
        self._end_time = END_OF_TIME if end_time is None else end_time
        self._asks_always = settings.rank.on == "every_event"
        self._hold_back = holds_back(settings, end_time)
        self._follow = follows(settings, end_time)

    @staticmethod
    def bucket(value: Row) -> int:
        """Read the key from a payload row."""
        return int.from_bytes(value[0][1:5], "little")

    def open(self, runtime_context: RuntimeContext) -> None:
        """Open state and compile the kernel."""
        from jobs.operators.profile_cache import ProfileCache
        from jobs.serving import source_of

        def state(name: str, key: Any) -> Any:
            return runtime_context.get_map_state(MapStateDescriptor(name, key, Types.PICKLED_BYTE_ARRAY()))

        text = Types.STRING()
        self._profiles = state("profiles", text)
        self._due = state("due", Types.LONG())
        self._pending = state("pending", text)
        self._buckets = runtime_context.get_state(ValueStateDescriptor("buckets", Types.INT()))
        self._fired = runtime_context.get_state(ValueStateDescriptor("fired_until", Types.LONG()))
        self._fired_until: dict[int, int] = {}
        self._cache = ProfileCache(self._profiles, self._settings.state.cache_profiles)
        self._models = source_of(self._settings, "profiles", self._prepare, follow=self._follow)
        self._updater, self._version = self._models.begin()
        self._updater.warm_up()

    def close(self) -> None:
        """Follow the model no more."""
        self._models.close()

    def _prepare(self, bundle: Bundle) -> tuple[Updater, str]:
        from udfs.update import Updater

        return Updater(bundle.segments, self._settings.rank.on, self._settings.rank.every), bundle.version

    def process_element(self, value: Row, ctx: KeyedProcessFunction.Context) -> Iterator[Row]:
        """Apply a payload."""
        from udfs.events import unpack_payload

        started = time.time_ns()
        taken = self._models.take()
        if taken is not None:
            self._updater, self._version = taken
        payload = unpack_payload(memoryview(value[0])[1:])
        self._check_buckets(payload.bucket, ctx)
        users = payload.users
        profiles, new, size = self._cache.read(users)
        read = time.time_ns()
        deadlines, abandoned = profiles["cart_deadline"].copy(), profiles["abandoned"].copy()
        announced = (deadlines != 0) & (deadlines <= self._fired_until[payload.bucket])
        applied = self._updater.apply(profiles, payload.events, latest_only=self._settings.rank.latest_only or self._hold_back)
        kernel = time.time_ns()
        if self._hold_back and self._asks_always and applied.counters["too_late"]:
            self._hold_before_late(users, profiles, applied)
        grown = self._cache.write(users, profiles) - size
        if not self._hold_back:
            applied.counters["deadlines"] -= int((announced & (profiles["abandoned"] != abandoned)).sum())
            self._register(users, profiles, (deadlines == 0) | announced, ctx)
        written = time.time_ns()
        rows = [*self._emit(users, applied)]
        # Before the rows go: what follows runs while they are handed over.
        rows.append(
            self._report(
                applied.counters,
                new_users=new,
                state_bytes=grown,
                at_ns=started,
                kernel_ns=kernel - read,
                state_ns=read - started + written - kernel,
                model_swaps=int(taken is not None),
                model_refusals=self._models.refusals(),
                busy_ns=time.time_ns() - started,
            )
        )
        yield from rows

    def on_timer(self, timestamp: int, ctx: KeyedProcessFunction.OnTimerContext) -> Iterator[Row]:
        """Ask for the rankings of deadlines that the watermark has passed; let go of held requests."""
        from pyflink.datastream import TimeDomain

        if ctx.time_domain() == TimeDomain.PROCESSING_TIME:
            yield from self._adopt(ctx)
        elif timestamp == END_OF_TIME:
            if self._hold_back:
                yield from self._release()
        else:
            yield from self._announce(timestamp, ctx)

    def _announce(self, timestamp: int, ctx: KeyedProcessFunction.OnTimerContext) -> Iterator[Row]:
        import numpy as np

        from udfs.requests import AHEAD, pack_requests
        from udfs.update import DEADLINE_ASKS, due

        bucket = ctx.get_current_key()
        self._check_buckets(bucket, ctx)
        users = list(dict.fromkeys(self._due.get(timestamp).split(SEPARATOR)))
        self._due.remove(timestamp)
        if timestamp > self._fired_until[bucket]:
            self._fired_until[bucket] = timestamp
            self._fired.update(timestamp)
        profiles = self._cache.read(users).profiles
        self._register(users, profiles, profiles["cart_deadline"] > timestamp, ctx)
        at = due(profiles, min(timestamp, self._end_time - 1)).nonzero()[0]
        if len(at):
            asking = [users[i] for i in at.tolist()]
            yield Row(row(Tag.REQUESTS, pack_requests(asking, np.full(len(at), DEADLINE_ASKS | AHEAD, np.uint8), profiles[at])))
            yield self._report({"deadlines": len(at), "requests": len(at)})

    def _check_buckets(self, bucket: int, ctx: Any) -> None:
        """Refuse state that was cut into another number of buckets: its users would not be found again."""
        if bucket in self._fired_until:
            return
        stored, wanted = self._buckets.value(), self._settings.state.buckets
        if stored is None:
            self._buckets.update(wanted)
        elif stored != wanted:
            raise ValueError(f"this state was made with state.buckets={stored}, the job has {wanted}: set it back")
        if self._hold_back:
            ctx.timer_service().register_event_time_timer(END_OF_TIME)
            self._wait_for_adoption(ctx)
        fired = self._fired.value()
        self._fired_until[bucket] = BEFORE_ALL if fired is None else fired

    def _wait_for_adoption(self, ctx: Any) -> None:
        service = ctx.timer_service()
        service.register_processing_time_timer(service.current_processing_time() + ADOPT_MS)

    def _adopt(self, ctx: Any) -> Iterator[Row]:
        """Take over, in a live job, the state of a replay that held requests back: rank what it held, follow its deadlines."""
        self._check_buckets(ctx.get_current_key(), ctx)
        if self._hold_back:
            self._wait_for_adoption(ctx)
            return
        from udfs.profile import unpack_profiles

        yield from self._release()
        self._pending.clear()
        everybody = iter(self._profiles.items())
        while batch := list(islice(everybody, USERS_A_ROW)):
            profiles = unpack_profiles([packed for _, packed in batch])
            self._register([user.encode() for user, _ in batch], profiles, profiles["cart_deadline"] != 0, ctx)

    def _register(self, users: list[bytes], profiles: NDArray[np.void], which: NDArray[np.bool_], ctx: Any) -> None:
        """Set a timer for users that got a deadline; one that only moved is followed up when its timer fires."""
        deadlines = profiles["cart_deadline"]
        slots: dict[int, list[bytes]] = {}
        for i in ((deadlines != 0) & which).nonzero()[0].tolist():
            slots.setdefault(-(-int(deadlines[i]) // SLOT_MS) * SLOT_MS, []).append(users[i])
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
            yield Row(row(Tag.SEGMENTS, pack_changes(users, applied.changes, self._version)))

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
        batch: list[bytes] = []
        deadlines = 0
        for request, is_deadline in self._held():
            batch.append(request)
            deadlines += is_deadline
            if len(batch) == USERS_A_ROW:
                yield Row(row(Tag.REQUESTS, b"".join(batch)))
                batch = []
        if batch:
            yield Row(row(Tag.REQUESTS, b"".join(batch)))
        if deadlines:
            yield self._report({"deadlines": deadlines})

    def _held(self) -> Iterator[tuple[bytes, bool]]:
        from udfs.profile import unpack_profiles
        from udfs.requests import AHEAD, request_of, stands
        from udfs.update import DEADLINE_ASKS

        pending = dict(self._pending.items())
        ended = self._hold_back
        for user, packed in self._profiles.items():
            profile = unpack_profiles([packed])[0]
            held = pending.get(user)
            if ended and 0 < profile["cart_deadline"] < self._end_time:
                yield request_of(user.encode(), DEADLINE_ASKS | AHEAD, packed), True
            elif held is not None and (not self._asks_always or stands(held, profile)):
                yield held, False
            elif self._asks_always:
                yield request_of(user.encode(), EVENT, packed), False

    def _report(self, counters: dict[str, int], **more: int) -> Row:
        import orjson

        return Row(row(Tag.REPORT, orjson.dumps({"stage": "profiles", **counters, **more})))
