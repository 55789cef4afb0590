"""The simulated shop: what it promises in numbers, and the same twice."""

from __future__ import annotations

import csv
import itertools
import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import fastavro
import pytest

from training.simulator import Simulated, simulate
from training.simulator.poison import FIELDS, RAW
from training.simulator.shoppers import DAY
from training.simulator.simulate import START
from udfs.archive import ArchiveError, index, read_records
from udfs.errors import UsageError
from udfs.hashing import hash64

EVENTS, USERS, ITEMS = 20_000, 1_000, 500
VISIT_GAP = 1_800_000


def by(field: str, events: Iterable[dict[str, Any]]) -> dict[Any, list[dict[str, Any]]]:
    groups = defaultdict(list)
    for event in events:
        groups[event[field]].append(event)
    return groups


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Simulated:
    return simulate(tmp_path_factory.mktemp("simulated") / "archive", EVENTS, USERS, ITEMS, 7)


@pytest.fixture(scope="module")
def events(made: Simulated) -> list[dict[str, Any]]:
    """All events, in the order of time."""
    return sorted(read_records(made.archive), key=lambda event: (event["event_time"], event["event_id"]))


@pytest.fixture(scope="module")
def truth(made: Simulated) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (made.archive / "truth.jsonl").read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def catalogue(made: Simulated) -> dict[str, dict[str, str]]:
    with (made.archive / "catalog.csv").open(encoding="utf-8", newline="") as file:
        return {row["item_id"]: row for row in csv.DictReader(file)}


def test_as_many_as_asked_for(made: Simulated, events: list[dict[str, Any]]) -> None:
    assert made.events == len(events) == EVENTS
    assert len({event["event_id"] for event in events}) == EVENTS
    assert made.users == len({event["user_id"] for event in events}) == USERS
    assert made.visits == len({event["session_id"] for event in events})
    assert not list(made.archive.parent.glob(".*"))


def test_fastavro_reads_it(made: Simulated) -> None:
    count = 0
    for path in made.archive.glob("events-*.avro"):
        with path.open("rb") as file:
            count += sum(1 for _ in fastavro.reader(file))
    assert count == EVENTS


def test_a_shopper_is_in_one_partition_and_in_order(made: Simulated) -> None:
    for path in made.archive.glob("events-*.avro"):
        with path.open("rb") as file:
            records: list[Any] = list(fastavro.reader(file))
        assert {hash64(record["user_id"]) % 4 for record in records} == {int(path.name.split("-")[1])}
        times = [record["event_time"] for record in records]
        assert times == sorted(times)


def test_visits_are_apart(events: list[dict[str, Any]]) -> None:
    for mine in by("user_id", events).values():
        for one, other in itertools.pairwise(mine):
            gap = other["event_time"] - one["event_time"]
            assert (gap > VISIT_GAP) == (one["session_id"] != other["session_id"])


def test_swerves(events: list[dict[str, Any]], truth: list[dict[str, Any]], made: Simulated) -> None:
    assert len(truth) == made.swerves > 40
    visits, place = by("session_id", events), {event["event_id"]: event for event in events}
    seen_before = 0
    for swerve in truth:
        first = place[swerve["event_id"]]
        assert (first["user_id"], first["event_time"], first["item_category"]) == (swerve["user_id"], swerve["event_time"], swerve["to"])
        visit = visits[first["session_id"]]
        at = visit.index(first)
        assert at >= 5
        assert len(visit) - at >= 9
        assert swerve["from"] != swerve["to"]

        def share(part: list[dict[str, Any]], category: str) -> float:
            about = [event["item_category"] for event in part if event["item_category"]]
            return about.count(category) / max(1, len(about))

        assert share(visit[at:], swerve["to"]) >= 0.4
        seen_before += share(visit[:at], swerve["to"]) == 0
    # A swerve is one that can be told: before it she was somewhere else.
    assert seen_before > 0.7 * len(truth)


def test_what_shoppers_do_is_believable(events: list[dict[str, Any]]) -> None:
    kinds = Counter(event["event_name"] for event in events)
    assert len(kinds) >= 13
    assert kinds["view_item"] > 0.4 * EVENTS
    assert kinds["view_item"] > kinds["select_item"] > kinds["add_to_cart"] > kinds["begin_checkout"] > kinds["purchase"] > 0
    hours = Counter(event["event_time"] // 3_600_000 % 24 for event in events)
    assert hours[20] > 5 * hours[3]
    engaged = [event["engagement_ms"] for event in events if event["event_name"] == "view_item"]
    assert all(0 <= ms <= 180_000 for ms in engaged)
    visits = [Counter(event["item_category"] for event in visit if event["item_category"]) for visit in by("session_id", events).values()]
    main = [counts.most_common(1)[0][1] / counts.total() for counts in visits if counts.total() >= 5]
    assert 0.75 < sum(main) / len(main) < 0.95
    views = Counter(event["item_id"] for event in events if event["item_id"])
    assert sum(count for _, count in views.most_common(ITEMS // 10)) > 0.25 * views.total()


def test_a_purchase_is_an_event_for_each_item(events: list[dict[str, Any]]) -> None:
    orders = by("transaction_id", (event for event in events if event["event_name"] == "purchase"))
    assert None not in orders
    assert any(len(order) > 1 for order in orders.values())
    for order in orders.values():
        assert len({(event["user_id"], event["session_id"], event["event_time"]) for event in order}) == 1
        assert all(event["item_id"] and event["price"] > 0 and event["quantity"] for event in order)


def test_there_is_something_to_learn(events: list[dict[str, Any]]) -> None:
    """Items of one visit go together, and a shopper has brands that she prefers."""
    views = [event for event in events if event["event_name"] == "view_item"]
    pairs = [
        (one["item_category2"] == other["item_category2"])
        for visit in by("session_id", views).values()
        for one, other in itertools.pairwise(visit)
        if one["item_category"] == other["item_category"]
    ]
    assert sum(pairs) / len(pairs) > 0.6
    top = total = 0
    for mine in by("user_id", views).values():
        for in_category in by("item_category", mine).values():
            brands = Counter(event["item_brand"] for event in in_category)
            if brands.total() >= 8:
                top += sum(count for _, count in brands.most_common(2))
                total += brands.total()
    assert top / total > 0.45


def test_catalogue(catalogue: dict[str, dict[str, str]], events: list[dict[str, Any]], made: Simulated) -> None:
    seen = {event["item_id"]: event for event in events if event["item_id"]}
    assert 0 < len(set(seen) - set(catalogue)) < 10
    assert set(catalogue) - set(seen)
    assert 0 < sum(row["in_stock"] == "false" for row in catalogue.values()) < 0.06 * ITEMS
    start, end = events[0]["event_time"], events[-1]["event_time"]
    new = [row for row in catalogue.values() if int(row["created_at"]) > start]
    assert 0.01 * ITEMS < len(new) < 0.05 * ITEMS
    first = {item: min(event["event_time"] for event in group) for item, group in by("item_id", events).items()}
    assert all(first.get(row["item_id"], end) >= int(row["created_at"]) for row in new)
    assert any(row["item_id"] not in seen for row in new)
    for item, row in catalogue.items():
        assert row["title"]
        assert row["description"]
        assert float(row["price"]) > 0
        if item in seen:
            event = seen[item]
            assert (event["item_name"], event["item_category"], event["item_brand"]) == (
                row["title"],
                row["item_category"],
                row["item_brand"],
            )
            assert event["price"] == float(row["price"])


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_same_seed_gives_the_same_files(tmp_path: Path) -> None:
    options: dict[str, Any] = {"late_seconds": 20, "duplicates": 0.1, "poison": 0.05, "activity": "power"}
    one, other, third = (tmp_path / name for name in "abc")
    simulate(one, 3000, 200, 100, 5, **options)
    simulate(other, 3000, 200, 100, 5, **options)
    simulate(third, 3000, 200, 100, 6, **options)
    assert contents(one) == contents(other)
    assert contents(one)["truth.jsonl"] != contents(third)["truth.jsonl"]


def test_the_same_shop_in_another_season(tmp_path: Path) -> None:
    simulate(tmp_path / "a", 500, 50, 100, 5)
    simulate(tmp_path / "b", 500, 50, 100, 6, shop_seed=5)
    one, other = contents(tmp_path / "a"), contents(tmp_path / "b")
    assert one["catalog.csv"] == other["catalog.csv"]
    assert one["events-0-000000.avro"] != other["events-0-000000.avro"]


def test_late_and_repeated_events(tmp_path: Path) -> None:
    made = simulate(tmp_path / "a", 5000, 200, 100, 3, late_seconds=30, duplicates=0.1)
    assert made.duplicates == 500
    most, copies, late = 0, Counter[str](), 0
    for path in sorted((tmp_path / "a").glob("events-*.avro")):
        newest, seen = 0, set[str]()
        with path.open("rb") as file:
            records: list[Any] = list(fastavro.reader(file))
        for record in records:
            copies[record["event_id"]] += 1
            time = record["event_time"].timestamp() * 1000
            if record["event_id"] not in seen:
                late += time < newest
                most = max(most, newest - time)
            seen.add(record["event_id"])
            newest = max(newest, time)
    assert copies.total() == 5500
    assert Counter(copies.values()) == {1: 4500, 2: 500}
    assert late > 20
    assert 0 < most <= 30_000


def test_poison_is_raw_records_of_every_kind(tmp_path: Path) -> None:
    made = simulate(tmp_path / "a", 5000, 200, 100, 3, poison=0.05, partitions=2)
    assert made.poison == sum(made.poison_kinds.values()) == 250
    assert set(made.poison_kinds) == {*RAW, *FIELDS}
    assert made.poison_kinds["too_large"] <= 2
    records = list(read_records(tmp_path / "a"))
    assert len(records) == 5250
    for partition, mine in by("partition", records).items():
        assert [record["offset"] for record in mine] == list(range(len(mine))), partition
    assert sum(record["value"] is not None and len(record["value"]) > 4_000_000 for record in records) == made.poison_kinds["too_large"]
    # What lies about its time must not move the end of the log.
    assert index(tmp_path / "a", 1000).max_time < 1_730_000_000_000
    assert max(record["timestamp"] for record in records) > 4_000_000_000_000


def test_a_power_law(tmp_path: Path) -> None:
    simulate(tmp_path / "a", 10_000, 500, 100, 3, activity="power")
    counts = sorted((len(mine) for mine in by("user_id", read_records(tmp_path / "a")).values()), reverse=True)
    assert sum(counts[:50]) > 0.4 * 10_000
    assert counts[0] > 20 * counts[len(counts) // 2]


@pytest.mark.parametrize("size", [(1, 1, 10), (3, 50, 10), (200, 1, 12)])
def test_small_shops(tmp_path: Path, size: tuple[int, int, int]) -> None:
    made = simulate(tmp_path / "a", *size, 1, partitions=1)
    assert len(list(read_records(tmp_path / "a"))) == made.events == size[0]


def test_progress_ends_at_its_end(tmp_path: Path) -> None:
    calls: list[tuple[int, int]] = []
    simulate(tmp_path / "a", 5000, 100, 50, 1, duplicates=0.1, progress=lambda done, total: calls.append((done, total)))
    assert calls[-1] == (5500, 5500)
    assert [done for done, _ in calls] == sorted(done for done, _ in calls)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"events": 0}, "events is 0"),
        ({"users": 0}, "users is 0"),
        ({"items": 3}, "items is 3"),
        ({"seed": -1}, "seed is -1"),
        ({"duplicates": 1.5}, "duplicates is 1.5"),
        ({"poison": -0.1}, "poison is -0.1"),
        ({"late_seconds": -1}, "late_seconds is -1"),
        ({"activity": "odd"}, "no activity odd"),
        ({"partitions": 0}, "partitions is 0"),
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path: Path, wrong: dict[str, Any], says: str) -> None:
    arguments: dict[str, Any] = {"out": tmp_path / "a", "events": 10, "users": 5, "items": 10, "seed": 1} | wrong
    with pytest.raises(UsageError, match=says):
        simulate(**arguments)
    assert not any(tmp_path.iterdir())


def test_nothing_is_written_over(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "mine.txt").write_text("")
    with pytest.raises(ArchiveError, match="is there already"):
        simulate(tmp_path / "a", 10, 5, 10, 1)
    (tmp_path / "a" / "mine.txt").unlink()
    simulate(tmp_path / "a", 10, 5, 10, 1)


def test_the_same_shop_at_another_time_is_the_same_but_for_the_time(made: Simulated, tmp_path: Path) -> None:
    end = 1_800_000_000_000
    later = simulate(tmp_path / "later", EVENTS, USERS, ITEMS, 7, end=end)
    before, after = (next(iter(read_records(one.archive))) for one in (made, later))
    shift = after.pop("event_time") - before.pop("event_time")
    assert before == after
    assert shift == end - (START + made.days * DAY)
