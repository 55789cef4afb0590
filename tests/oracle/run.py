"""Runs the oracle over a log: everything that the job shall compute from it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from tests.oracle.archive import Log, Reject, read_archive
from tests.oracle.constants import TOO_LARGE
from tests.oracle.events import Event
from tests.oracle.profile import Profile
from tests.oracle.ranking import Ranker
from tests.oracle.segments import SegmentChange, Segments
from tests.oracle.user import RankRequest, User


@dataclass
class OracleResult:
    """What a log comes to.

    `requests` and `changes` stand user by user, in the user's order; no order holds between users.
    """

    profiles: dict[str, Profile] = field(default_factory=dict)
    changes: list[SegmentChange] = field(default_factory=list)
    requests: list[RankRequest] = field(default_factory=list)
    values: dict[str, dict[str, str]] = field(default_factory=dict)
    """By user and surface the JSON in Redis at the end, with `generated_at` 0."""
    served: dict[str, Profile] = field(default_factory=dict)
    """By user the profile in Redis at the end."""
    rejects: list[Reject] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)

    def last_requests(self) -> dict[str, RankRequest]:
        """The request whose ranking stays in Redis, by user."""
        return {request.user_id: request for request in self.requests}


def apply_events(events: Iterable[Event], segments: Segments, rank_on: str, every: int, *, last_only: bool = False) -> dict[str, User]:
    """Apply events in their order; those without consent reach nobody. `last_only` keeps of a user's requests the last."""
    users: dict[str, User] = {}
    for event in events:
        if not event.granted:
            continue
        if event.user_id not in users:
            users[event.user_id] = User(event.user_id, segments, rank_on, every)
        users[event.user_id].apply(event)
        if last_only:
            del users[event.user_id].requests[:-1]
    return users


def run_log(
    log: Log, segments: Segments, rank_on: str = "every_event", every: int = 8, end: int | None = None, *, last_only: bool = False
) -> OracleResult:
    """The profiles, segment changes and rank requests of a bounded log; at its end, deadlines before its last time (or `end`) fire.

    Of a long log `last_only` keeps but the last request of each user: all of them would not fit into memory.
    """
    _one_partition_a_user(log)
    users = apply_events(log.events, segments, rank_on, every, last_only=last_only)
    for user in users.values():
        user.fire(log.end if end is None else end, ahead=True)
    everything = list(log.events)
    return OracleResult(
        profiles={user_id: user.profile for user_id, user in users.items()},
        changes=[change for user in users.values() for change in user.changes],
        requests=[request for user in users.values() for request in user.requests],
        rejects=log.rejects,
        counts={
            "events": len(everything),
            "denied": sum(not event.granted for event in everything),
            "duplicates": sum(user.duplicates for user in users.values()),
            "too_late": sum(user.too_late for user in users.values()),
            "rejects": len(log.rejects),
        },
    )


def _one_partition_a_user(log: Log) -> None:
    """Between partitions a log has no order, so a user in two of them has no one right profile."""
    where: dict[str, int] = {}
    for partition, events in log.partitions.items():
        for event in events:
            if where.setdefault(event.user_id, partition) != partition:
                raise ValueError(f"the events of {event.user_id} lie in several partitions of the archive")


def run(
    archive: Path,
    bundle_dir: Path,
    rank_on: str = "every_event",
    every: int = 8,
    *,
    candidates: int = 100,
    top: int = 20,
    surfaces: tuple[str, ...] = ("home",),
    now: int | None = None,
    too_large: int = TOO_LARGE,
    end: int | None = None,
) -> OracleResult:
    """All that a replay of an archive comes to.

    Parameters
    ----------
    archive, bundle_dir : Path
        Folders.
    rank_on, every, candidates, top, surfaces
        The settings of `rank`.
    now : int, optional
        The job's clock in milliseconds; without it no event lies in the future.
    too_large : int
        The setting `limits.max_bytes`.
    end : int, optional
        Deadlines before it fire: in a live job, a while after the log's last time.
    """
    ranker = Ranker(bundle_dir, candidates, top)
    result = run_log(read_archive(archive, now=now, too_large=too_large), ranker.bundle.segments, rank_on, every, end)
    for user_id, request in result.last_requests().items():
        result.served[user_id] = ranker.served(request.profile)
        result.values[user_id] = {surface: ranker.value(user_id, request.profile, surface) for surface in surfaces}
    return result
