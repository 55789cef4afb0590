"""The same checks for every stage of the core: nothing, one event, a duplicate, a late event, and a batch cut in two.

Events go the way of the job, from their bytes to the recommendation, with profiles that are stored between the batches; each check looks at
what every stage gave.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import fastavro
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.bundles import make_bundle, make_tables
from tests.unit.kernel import fired
from tests.unit.wire import NOW, datum, framed
from udfs.blocks import unpack_block
from udfs.collapse import Collapse, Limits
from udfs.dead_letters import pack_dead_letters
from udfs.events import unpack_payload
from udfs.profile import empty_profiles, pack_profiles, unpack_profiles
from udfs.rank import Ranker
from udfs.requests import latest_of_each_user, pack_requests, unpack_requests
from udfs.schemas import LocalSchemas, load, plain
from udfs.segment_changes import pack_changes
from udfs.segments import profile_vectors
from udfs.update import Applied, Updater
from udfs.windows import LONG_PANE_MS

STAGES = ("events", "dead_letters", "profiles", "changes", "requests", "vectors", "recommendations")
AFTER_PROFILES = STAGES[2:]
Value = tuple[int, bytes]


@dataclass
class Outcome:
    """What every stage gave, by user and in her order; dead letters by reason."""

    events: dict[Any, list[Any]] = field(default_factory=dict)
    dead_letters: dict[Any, list[Any]] = field(default_factory=dict)
    profiles: dict[Any, bytes] = field(default_factory=dict)
    changes: dict[Any, list[Any]] = field(default_factory=dict)
    requests: dict[Any, list[Any]] = field(default_factory=dict)
    vectors: dict[Any, list[float]] = field(default_factory=dict)
    recommendations: dict[Any, Any] = field(default_factory=dict)


def records(name: str, block: bytes) -> list[dict[str, Any]]:
    count, body = unpack_block(block)
    source, schema = io.BytesIO(body), fastavro.parse_schema(plain(load(name)))
    return [dict(fastavro.schemaless_reader(source, schema, None)) for _ in range(count)]  # type: ignore[arg-type]


class Way:
    """The stages behind each other."""

    def __init__(self, ranker: Ranker) -> None:
        self._collapse = Collapse(Limits(buckets=2), LocalSchemas())
        self._ranker = ranker
        self._updater = Updater(ranker.bundle.segments)
        self._done: dict[tuple[tuple[Value, ...], ...], Outcome] = {}

    def run(self, *batches: list[Value]) -> Outcome:
        """Send values in batches, then fire the deadlines that the last event has passed; once for all checks of the stages."""
        key = tuple(map(tuple, batches))
        if key not in self._done:
            self._done[key] = self._run(batches)
        return self._done[key]

    def _run(self, batches: Iterable[list[Value]]) -> Outcome:
        outcome = Outcome()
        for batch in batches:
            n = len(batch)
            offsets, values = [offset for offset, _ in batch], [value for _, value in batch]
            collapsed = self._collapse.values(values, [None] * n, [{}] * n, [NOW] * n, [0] * n, offsets, "shop.events.v1", NOW)
            for letter in records("dead_letter", pack_dead_letters(collapsed.dead_letters, NOW)):
                outcome.dead_letters.setdefault(letter["reason"], []).append((letter["offset"], letter["value"]))
            applied = []
            for payload in map(unpack_payload, collapsed.payloads):
                for event in payload.events:
                    outcome.events.setdefault(payload.users[event["user"]], []).append(event.tolist()[1:-1])
                profiles = empty_profiles(len(payload.users))
                known = [i for i, user in enumerate(payload.users) if user in outcome.profiles]
                profiles[known] = unpack_profiles([outcome.profiles[payload.users[i]] for i in known])
                applied.append((payload.users, self._updater.apply(profiles, payload.events, latest_only=False)))
                outcome.profiles.update(zip(payload.users, pack_profiles(profiles), strict=True))
            self._follow(outcome, applied)
        users = sorted(outcome.profiles)
        profiles = unpack_profiles([outcome.profiles[user] for user in users])
        end = max((event[3] for events in outcome.events.values() for event in events), default=0)
        at_the_end = fired(profiles, end - 1)
        outcome.profiles.update(zip(users, pack_profiles(profiles), strict=True))
        self._follow(outcome, [(users, at_the_end)])
        vectors = profile_vectors(profiles, self._ranker.bundle.segments.categories).tolist()
        outcome.vectors.update(zip(users, vectors, strict=True))
        return outcome

    def _follow(self, outcome: Outcome, applied: Iterable[tuple[list[bytes], Applied]]) -> None:
        """Changes and requests leave as bytes, and of the requests of a batch the last of each user is ranked."""
        blocks = []
        for users, result in applied:
            for change in records("segment_change", pack_changes(users, result.changes, "1")):
                outcome.changes.setdefault(change["user_id"].encode(), []).append(change)
            asking = [users[i] for i in result.requests_user.tolist()]
            blocks.append(pack_requests(asking, result.requests_reason, result.requests_profile))
        asked = unpack_requests(blocks)
        for user, reason, packed in zip(asked[0], asked[1].tolist(), pack_profiles(asked[2]), strict=True):
            outcome.requests.setdefault(user, []).append((reason, packed))
        users, reasons, profiles = latest_of_each_user(*asked)
        outcome.recommendations.update(zip(users, self._ranker.rank(users, profiles, reasons, NOW).values, strict=True))


def value(n: int, user: str = "u1", **fields: Any) -> Value:
    """The n-th event of the log, a minute after the one before."""
    item = n * 7 % 60
    record = {
        "event_id": f"e{n}",
        "user_id": user,
        "event_name": ("view_item", "select_item", "view_item", "add_to_cart", "page_view", "view_item", "purchase")[n % 7],
        "event_time": NOW - 10_000_000 + 60_000 * n,
        "item_id": f"i{item}",
        "item_category": f"c{n // 16 % 4}",
        "price": 9.5 + n,
        "device": "mobile",
        "personalization_storage": "GRANTED",
    }
    return n, framed(datum({**record, **fields}))


LOG = [
    *[value(n, ("u1", "u1", "ü2", "u3")[n % 4]) for n in range(60)],
    value(60, "u4", personalization_storage="DENIED"),
    (61, b"{}"),
    value(62, "u1", price=-1.0),
    value(63, "u5", event_name="add_to_cart"),
    value(90, "u1"),
]
LATE = {
    "by a minute": value(100, event_time=NOW - 10_000_000 + 60_000 * 89),
    "by an hour": value(100, event_time=NOW - 10_000_000),
    "by a week": value(100, event_time=NOW - 10_000_000 - LONG_PANE_MS),
    "too late": value(100, event_time=NOW - 10_000_000 - 5 * LONG_PANE_MS),
}


@pytest.fixture(scope="module")
def way(tmp_path_factory: pytest.TempPathFactory) -> Way:
    return Way(Ranker(make_bundle(Path(tmp_path_factory.mktemp("generic")) / "1", make_tables()), 20, 5))


@pytest.fixture(scope="module")
def whole(way: Way) -> Outcome:
    return way.run(LOG)


def test_the_log_has_everything(whole: Outcome) -> None:
    assert set(whole.dead_letters) == {"bad_framing", "bad_price"}
    assert set(whole.profiles) == set(whole.recommendations) == {b"u1", "ü2".encode(), b"u3", b"u5"}
    causes = {change["cause"] for changes in whole.changes.values() for change in changes}
    assert causes >= {"first", "warm", "shift"}
    assert whole.requests[b"u5"][-1][0] == 32, "the cart of u5 was abandoned"


@pytest.mark.parametrize("stage", STAGES)
def test_nothing_gives_nothing(way: Way, whole: Outcome, stage: str) -> None:
    assert getattr(way.run(), stage) == getattr(way.run([], []), stage) == {}
    assert getattr(way.run([], LOG, []), stage) == getattr(whole, stage)


@pytest.mark.parametrize("stage", STAGES)
def test_a_batch_of_one(way: Way, stage: str) -> None:
    found = getattr(way.run([value(0)]), stage)
    assert set(found) == (set() if stage == "dead_letters" else {b"u1"})
    if stage in ("events", "changes", "requests"):
        assert len(found[b"u1"]) == 1


@pytest.mark.parametrize("stage", STAGES)
def test_batches_of_one_are_the_whole(way: Way, whole: Outcome, stage: str) -> None:
    assert getattr(way.run(*[[one] for one in LOG]), stage) == getattr(whole, stage)


@pytest.mark.parametrize("stage", AFTER_PROFILES)
@pytest.mark.parametrize("n", [0, 17, 59, 63, 64])
def test_a_duplicate_changes_nothing(way: Way, whole: Outcome, stage: str, n: int) -> None:
    assert getattr(way.run(LOG, [LOG[n]]), stage) == getattr(whole, stage)
    assert getattr(way.run([*LOG[: n + 1], *LOG[n:]]), stage) == getattr(whole, stage)


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("how", LATE)
def test_a_late_event(way: Way, whole: Outcome, stage: str, how: str) -> None:
    with_it, after_it = getattr(way.run([*LOG, LATE[how]]), stage), getattr(way.run(LOG, [LATE[how]]), stage)
    assert with_it == after_it
    without = getattr(whole, stage)
    assert {user: got for user, got in with_it.items() if user != b"u1"} == {user: got for user, got in without.items() if user != b"u1"}
    # Too late, it is remembered by its id, and that is all.
    changes = stage in ("events", "profiles") or (stage in ("requests", "recommendations") and how != "too late")
    if stage not in ("changes", "vectors"):
        assert (with_it.get(b"u1") != without.get(b"u1")) == changes
    elif how == "too late":
        assert with_it == without


@settings(max_examples=40)
@given(cuts=st.lists(st.integers(0, len(LOG)), min_size=1, max_size=4).map(sorted))
def test_a_batch_cut_in_two_or_more(way: Way, whole: Outcome, cuts: list[int]) -> None:
    batches = [LOG[start:end] for start, end in zip([0, *cuts], [*cuts, len(LOG)], strict=True)]
    assert way.run(*batches) == whole


@pytest.mark.parametrize("stage", STAGES)
def test_users_do_not_touch_each_other(way: Way, whole: Outcome, stage: str) -> None:
    """A log without one of them gives the others the same."""
    found = getattr(way.run([one for n, one in enumerate(LOG) if n not in range(2, 60, 4)]), stage)
    assert found == {user: got for user, got in getattr(whole, stage).items() if user != "ü2".encode()}


def test_the_bytes_of_nobody() -> None:
    """What packs and unpacks takes no users too."""
    empty = empty_profiles(0)
    assert pack_requests([], np.zeros(0, np.uint8), empty) == b""
    for blocks in ([], [b""], [b"", b""]):
        users, reasons, profiles = latest_of_each_user(*unpack_requests(blocks))
        assert (users, reasons.tolist(), profiles.tobytes()) == ([], [], b"")
