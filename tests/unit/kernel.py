"""Drives the compiled kernel over logs of the oracle's events, with profiles stored and read back between batches as the job does."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tests.oracle.events import Event
from tests.oracle.segments import SegmentChange, Segments
from udfs.events import EVENT
from udfs.profile import empty_profiles, pack_profiles, unpack_profiles
from udfs.segments import BEHAVIOUR, SegmentModel
from udfs.update import CAUSES, CHANGE, COUNTERS, DEADLINE_ASKS, Applied, Updater, due, fire


def model_of(segments: Segments) -> SegmentModel:
    width = len(segments.categories) + BEHAVIOUR
    return SegmentModel(
        np.array(segments.categories, np.uint32), np.array(segments.centroids, np.float64).reshape(len(segments.centroids), width)
    )


def event_array(log: Sequence[Event], users: list[str]) -> NDArray[np.void]:
    """Events as a payload carries them."""
    events = np.zeros(len(log), EVENT)
    for i, e in enumerate(log):
        context = (users.index(e.user_id), e.kind, e.device, e.country)
        events[i] = (*context, e.time, e.event_id, e.item, e.category, e.quantity, e.price, e.engagement_ms, i)
    return events


class KernelRun:
    """The kernel's profiles, changes and requests of a log that comes in batches."""

    def __init__(self, segments: Segments, rank_on: str = "every_event", every: int = 8, *, latest_only: bool = False) -> None:
        self._asks = (rank_on, every)
        self.swap(segments)
        self._latest_only = latest_only
        self._stored: dict[str, bytes] = {}
        self.changes: list[SegmentChange] = []
        self.requests: list[tuple[str, int, np.void]] = []
        self.counters: dict[str, int] = {}
        self.clock_before: dict[int, int] = {}

    def swap(self, segments: Segments) -> None:
        """Go on with the segments of another bundle."""
        self._updater = Updater(model_of(segments), *self._asks)

    @property
    def users(self) -> set[str]:
        return set(self._stored)

    def profile(self, user_id: str) -> np.void:
        record: np.void = unpack_profiles([self._stored[user_id]])[0]
        return record

    def stored(self) -> dict[str, bytes]:
        return dict(self._stored)

    def apply(self, batch: Sequence[Event]) -> None:
        """Apply one batch; users of a batch come in any order."""
        log = [event for event in batch if event.granted]
        users = sorted({event.user_id for event in log}, reverse=len(log) % 2 == 0)
        self.apply_array(users, event_array(log, users))

    def apply_array(self, users: list[str], events: NDArray[np.void]) -> None:
        """Apply the events of a payload."""
        profiles = empty_profiles(len(users))
        known = [i for i, user_id in enumerate(users) if user_id in self._stored]
        if known:
            profiles[known] = unpack_profiles([self._stored[users[i]] for i in known])
        self._take(users, self._updater.apply(profiles, events, latest_only=self._latest_only))
        self._store(users, profiles)

    def fire(self, until: int) -> None:
        """Fire every deadline up to a time: a watermark, which says that nothing as old can follow."""
        users = sorted(self._stored)
        profiles = unpack_profiles([self._stored[user_id] for user_id in users])
        self._take(users, fired(profiles, until))
        self._store(users, profiles)

    def end(self, time: int) -> None:
        """The end of the log: what lies before its last time fires, ahead of any event."""
        before = {user_id: int(self.profile(user_id)["clock"]) for user_id in self._stored}
        first = len(self.requests)
        self.fire(time - 1)
        self.clock_before = {first + i: before[user_id] for i, (user_id, _, _) in enumerate(self.requests[first:])}

    def version(self, number: int) -> tuple[int, int]:
        """The version of a request, by its number."""
        _, _, profile = self.requests[number]
        ahead = number in self.clock_before
        return self.clock_before.get(number, int(profile["clock"])), 2 * int(profile["n_events"]) + ahead

    def _store(self, users: list[str], profiles: NDArray[np.void]) -> None:
        self._stored.update(zip(users, pack_profiles(profiles), strict=True))

    def _take(self, users: list[str], applied: Applied) -> None:
        for user, sequence, time, before, after, cause, focus_before, focus_after in applied.changes.tolist():
            self.changes.append(SegmentChange(users[user], sequence, time, before, after, CAUSES[cause], focus_before, focus_after))
        for user, reasons, record in zip(
            applied.requests_user.tolist(), applied.requests_reason.tolist(), applied.requests_profile, strict=True
        ):
            self.requests.append((users[user], reasons, record.copy()))
        for name, count in applied.counters.items():
            self.counters[name] = self.counters.get(name, 0) + count


def fired(profiles: NDArray[np.void], until: int) -> Applied:
    """Fire the deadlines up to a time, as a timer and the ranking it asks for do together."""
    at = due(profiles, until)
    fire(profiles, at)
    who = np.flatnonzero(at).astype(np.int32)
    counters = {**dict.fromkeys(COUNTERS, 0), "deadlines": len(who), "requests": len(who)}
    return Applied(who, np.full(len(who), DEADLINE_ASKS, np.uint8), profiles[who], np.empty(0, CHANGE), counters)
