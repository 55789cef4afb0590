"""What the job has left behind, held against what the oracle makes of the topic."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.chaos.topic import Schemas, read
from jobs.kafka.dead_letters import Selection, read_letters
from jobs.settings import Settings
from udfs.keys import VERSION_BYTES, profile_key, recommendations_key

if TYPE_CHECKING:
    from tests.oracle.archive import Log
    from tests.oracle.run import OracleResult

SURFACE, SHOWN = "home", 10


@dataclass
class Findings:
    """What is wrong.

    Attributes
    ----------
    lost_events
        Events that no profile knows of, and bad values that are no dead letters.
    lost_changes
        Segment changes that are not in their topic.
    stale
        Users whose profile, version or recommendations in Redis are not those of the oracle.
    differences
        The first of them, for people.
    """

    lost_events: int = 0
    lost_changes: int = 0
    stale: int = 0
    differences: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.lost_events or self.lost_changes or self.stale)

    def say(self, lines: Iterable[str]) -> None:
        """Keep the first differences."""
        self.differences = [*self.differences, *lines][:SHOWN]


def expect(log: Log, bundle: Path, now: int) -> OracleResult:
    """Give what the job should have made of a log by now: every deadline up to then has fired."""
    from tests.oracle.ranking import Ranker
    from tests.oracle.run import run_log

    ranks = Settings().rank
    ranker = Ranker(bundle, ranks.candidates, ranks.top, ranks.category_percent)
    result = run_log(log, ranker.bundle.segments, ranks.on, ranks.every, now, last_only=True)
    for user, request in result.last_requests().items():
        result.served[user] = ranker.served(request.profile)
        result.values[user] = {SURFACE: ranker.value(user, request.profile, SURFACE)}
    return result


def compare_users(expected: OracleResult, client: Any, found: Findings) -> None:
    """Compare each user's profile, version and recommendations; `client` is a `redis.Redis`."""
    for user, request in expected.last_requests().items():
        packed, value = client.get(profile_key(user)), client.get(recommendations_key(user, SURFACE))
        lost, lines = _differences(request, expected.served[user], expected.values[user][SURFACE], packed, value)
        found.lost_events += lost
        found.stale += bool(lines)
        found.say(f"{user}: {line}" for line in lines)
    strangers = {key.decode()[len("profile:{") : -1] for key in client.scan_iter("profile:{*}", 10_000)} - set(expected.profiles)
    found.stale += len(strangers)
    found.say(f"{user}: is in Redis, but was never in the shop" for user in sorted(strangers))


def _differences(request: Any, served: Any, expected: str, packed: bytes | None, value: bytes | None) -> tuple[int, list[str]]:
    from tests.oracle.compare import profile_differences, value_differences
    from udfs.profile import unpack_profiles

    if packed is None or value is None:
        return request.profile.seen_n, ["not in Redis"]
    profile = unpack_profiles([packed[VERSION_BYTES:]])[0]
    version = tuple(int.from_bytes(packed[i : i + 8], "big") for i in (0, 8))
    lines = [] if version == request.version else [f"version {version}, oracle {request.version}"]
    lines += profile_differences(served, profile) + value_differences(expected, value.decode())
    unseen = set(request.profile.seen) - set(profile["seen"].tolist())
    return max(request.profile.seen_n - int(profile["seen_n"]), len(unseen)), lines


def compare_dead_letters(expected: OracleResult, settings: Settings, found: Findings) -> Counter[Any]:
    """Look for the dead letter of each bad value; gives the letters by origin and reason."""
    topic = settings.topics.events
    letters = Counter((letter.origin, letter.reason) for letter in read_letters(settings, Selection()))
    wanted = {((topic, reject.partition, reject.offset), reject.reason) for reject in expected.rejects}
    found.lost_events += len(wanted - set(letters))
    found.stale += len(set(letters) - wanted)
    found.say(f"no dead letter of {origin}: {reason}" for origin, reason in sorted(wanted - set(letters)))
    found.say(f"a dead letter that should not be: {one}" for one in set(letters) - wanted)
    return letters


def compare_changes(expected: OracleResult, settings: Settings, schemas: Schemas, found: Findings) -> Counter[str]:
    """Look for each segment change in its topic; gives the records by id."""
    from tests.oracle.compare import CHANGE

    ids: Counter[str] = Counter()
    there = set()
    for record in read(settings, settings.topics.segments):
        change = schemas.decode(record.value)
        ids[change["change_id"]] += 1
        there.add((change["user_id"], change["sequence"], *(change[name] for name in CHANGE[3:])))
    wanted = {
        (c.user_id, c.sequence, c.segment_from, c.segment_to, c.cause, c.focus_before, c.focus_after) for c in expected.changes
    }  # without their times, which fastavro gives as dates
    found.lost_changes += len(wanted - there)
    found.stale += len(there - wanted)
    found.say(f"no segment change {one}" for one in wanted - there)
    found.say(f"a segment change that should not be: {one}" for one in there - wanted)
    return ids


def recommendation_ids(settings: Settings, schemas: Schemas) -> Counter[str]:
    """Count the records of the topic of recommendations by id."""
    return Counter(schemas.decode(record.value)["recommendation_id"] for record in read(settings, settings.topics.recommendations))


def repeated(counts: Counter[Any]) -> int:
    """Count what was written again."""
    return sum(counts.values()) - len(counts)
