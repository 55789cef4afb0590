from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.bundle import Bundle, BundleError
from tests.unit.bundles import START, category_hash, make_segments
from training.history import read_history
from training.items import Items, collect_items
from training.profiles import follow
from training.rankers.choosing import KINDS
from training.sessions import item_sessions, number_sessions
from training.simulator import simulate
from training.tables import build_tables
from training.train import train
from udfs.archive import ArchiveError
from udfs.errors import SwerveError
from udfs.events import EVENT, KIND
from udfs.hashing import hash64
from udfs.profile import empty_profiles
from udfs.update import Updater

HOUR = 3_600_000


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = Path(tmp_path_factory.mktemp("shop")) / "archive"
    simulate(folder, events=12_000, users=600, items=400, seed=5, late_seconds=30, duplicates=0.05, poison=0.01)
    return folder


@pytest.fixture(scope="module")
def trained(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    out, told = Path(tmp_path_factory.mktemp("models")) / "shop" / "3", list[int]()
    report = train(archive, out, 1, lambda done, total: told.append(100 * done // total))
    assert told == sorted(told)
    assert told[-1] == 100
    return out, report.as_json()


def log(*events: tuple[int, str, int, str], start: int = START) -> np.ndarray[Any, Any]:
    """Events from (user, event name, minute, item)."""
    rows = np.zeros(len(events), EVENT)
    for i, (user, kind, minute, item) in enumerate(events):
        rows[i]["user"], rows[i]["kind"], rows[i]["event_time"], rows[i]["event_id"] = user, KIND[kind], start + 60_000 * minute, i + 1
        rows[i]["item"], rows[i]["category"], rows[i]["quantity"] = hash64(item), category_hash("c"), 1
    return rows


def items_of(*ids: str, **changes: Any) -> Items:
    n = len(ids)
    plain: dict[str, Any] = {
        "hash": np.array([hash64(i) for i in ids], np.uint64), "category": np.full(n, category_hash("c"), np.uint32),
        "subcategory": np.full(n, -1, np.int32), "brand": np.full(n, -1, np.int32), "price": np.ones(n), "in_stock": np.ones(n, np.bool_),
        "created_at": np.zeros(n, np.int64), "titles": [""] * n,
    }  # fmt: skip
    return Items(list(ids), **{**plain, **changes})


def tables_of(items: Items, events: Any, until: int = START + 100 * HOUR) -> Any:
    sessions = item_sessions(events, number_sessions(events, np.zeros(len(events), np.uint64)), items.hash)
    return build_tables(items, events, sessions, np.full(len(events), 1000, np.int32), 0, until, 0).tables


def test_a_bundle_that_keeps_the_contract_and_beats_the_simple_methods(archive: Path, trained: tuple[Path, dict[str, Any]]) -> None:
    path, report = trained
    bundle = Bundle.open(path)
    bundle.check()
    assert (bundle.name, bundle.version) == ("shop", "3")
    assert len(set(report["segments"])) == len(report["segments"]) == len(bundle.segments.centroids) > 1
    metrics = bundle.manifest.metrics
    assert metrics == report["metrics"]
    assert metrics["cases"] > 100
    hits = {method: metrics[method]["hr@20"] for method in ("swerve", "retrieval")}
    assert hits["swerve"] > hits["retrieval"] > 0.1
    assert metrics["candidates"]["hr@100"] >= hits["swerve"]
    training = bundle.manifest.training
    assert training["from"] < metrics["from"] < metrics["until"] == training["until"]
    assert training["ranker"] == report["ranker"]
    assert set(training["rankers"]) == set(KINDS)
    assert (report["rejects"], report["denied"]) == (120, report["denied"])
    assert report["denied"] > 0
    assert json.loads((path / "manifest.json").read_text())["features"] == list(bundle.scorer.features)
    assert json.loads((path / "retrieval.json").read_text())["chosen"] == training["retrieval"]


def test_the_same_seed_gives_the_same_bundle(archive: Path, trained: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    train(archive, tmp_path / "shop" / "3", 1)
    assert (tmp_path / "shop" / "3" / "manifest.json").read_bytes() == (trained[0] / "manifest.json").read_bytes()


def test_profiles_are_those_of_the_job(archive: Path) -> None:
    """Without duplicates and late-comers each event is applied once, so that rows and profiles can be told apart by number."""
    history = read_history(archive)
    assert history.events["event_time"].argsort(kind="stable").tolist() != list(range(len(history.events))), "the log has late events"
    wanted = np.arange(len(history.events)) % 7 == 0
    profiles, segment = follow(history.events, history.users, make_segments(), wanted)
    direct = empty_profiles(history.users)
    Updater(make_segments()).apply(direct, history.events, latest_only=True)
    assert direct["n_events"].sum() == len(history.events) == len(segment)
    assert profiles["n_events"].tolist() == _running_count(history.events["user"])[wanted].tolist()
    last = {int(user): row for row, user in enumerate(history.events["user"])}
    assert all(segment[row] == direct["segment"][user] for user, row in last.items())


def _running_count(users: Any) -> Any:
    order = np.argsort(users, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(users[order]) != 0])
    counts = np.empty(len(users), np.int64)
    counts[order] = np.arange(len(users)) - np.repeat(starts, np.diff(np.r_[starts, len(users)])) + 1
    return counts


def test_tables_do_not_see_the_future(archive: Path) -> None:
    history = read_history(archive)
    items, _ = collect_items(archive, history)
    until = int(np.quantile(history.events["event_time"], 0.6))
    changed = history.events.copy()
    later = changed["event_time"] >= until
    changed["item"][later] = np.random.default_rng(0).permutation(changed["item"][later])
    changed["kind"][later] = KIND["purchase"]
    otherwise = tables_of(items, changed, until)
    for name, one in tables_of(items, history.events, until)._asdict().items():
        assert np.array_equal(one, getattr(otherwise, name)), name


def test_neighbours() -> None:
    events = log((0, "view_item", 0, "a"), (0, "view_item", 1, "b"), (1, "view_item", 0, "a"), (1, "view_item", 1, "b"),
                 (1, "view_item", 2, "c"), (1, "view_item", 90, "d"))  # fmt: skip
    tables = tables_of(items_of("a", "b", "c", "d"), events)
    number = {tables.item_id(i): i for i in range(4)}
    near = {name: [tables.item_id(i) for i in tables.neighbours[number[name]] if i >= 0] for name in "abcd"}
    assert near == {"a": ["b", "c"], "b": ["c", "a"], "c": ["a", "b"], "d": []}
    assert np.all(tables.similarity[tables.neighbours < 0] == 0)
    # a was seen twice, each time with b right after it: 2 / (2 + 2).
    assert tables.similarity[number["a"], 0].tolist() == [0.5, 0.5, 0.0]


def test_items_are_numbered_by_how_much_they_are_looked_at() -> None:
    views = [(0, "view_item", minute, item) for minute, item in enumerate(("most", "a", "b", "unknown"))]
    tables = tables_of(items_of("never", "b", "a", "most"), log(*views, (0, "add_to_cart", 9, "most")))
    assert [tables.item_id(i) for i in range(4)] == ["most", "a", "b", "never"]
    assert tables.popular[:4].tolist() == [0, 1, 2, 3]
    assert tables.popularity[0] == 1.0
    assert tables.popularity[3] == 0.0
    assert tables.item_hash.tolist() == [hash64(name) for name in ("most", "a", "b", "never")]


def test_new_trending_and_out_of_stock() -> None:
    views = [(user, "view_item", 60 * user, "old") for user in range(90)]
    risen = [(100 + user, "view_item", 60 * 89, "hot") for user in range(30)]
    ids = ("old", "hot", "fresh", "gone", "ancient")
    items = items_of(
        *ids, created_at=np.array([0, 0, START + HOUR, START + 2 * HOUR, START - HOUR]), in_stock=np.array([True, True, True, False, True])
    )
    tables = tables_of(items, log(*views, *risen))
    names = [tables.item_id(i) for i in range(5)]
    assert [names[i] for i in tables.new if i >= 0] == ["fresh"]
    assert {names[i] for i in range(5) if tables.is_new[i]} == {"fresh", "gone"}
    assert [names[i] for i in tables.trending if i >= 0] == ["hot"]
    assert tables.trend[names.index("hot")] > 0.5 > tables.trend[names.index("old")]
    listed = {names[i] for lists in (tables.popular, *tables.segment_items, *tables.category_items) for i in lists if i >= 0}
    assert listed == {"old", "hot", "fresh", "ancient"}


def test_the_catalogue_wins_over_the_events(archive: Path) -> None:
    history = read_history(archive)
    items, names = collect_items(archive, history)
    assert set(np.unique(history.events["item"]).tolist()) - {0} <= set(items.hash.tolist())
    assert len(set(items.hash.tolist())) == len(items.ids)
    assert not items.in_stock.all()
    assert {category_hash(name) for name in names.values()} == set(names)
    assert set(items.category.tolist()) - {0} <= set(names)


def test_what_cannot_be_trained_on(archive: Path, tmp_path: Path) -> None:
    with pytest.raises(ArchiveError):
        train(tmp_path / "nothing", tmp_path / "model" / "1")
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "file").touch()
    with pytest.raises(BundleError, match="not a model bundle"):
        train(archive, tmp_path / "taken")
    bad = tmp_path / "bad"
    bad.mkdir()
    for file in archive.glob("events-*.avro"):
        (bad / file.name).write_bytes(file.read_bytes())
    (bad / "catalog.csv").write_text("sku,price\na,1\n")
    with pytest.raises(SwerveError, match="no column item_id"):
        train(bad, tmp_path / "model" / "1")
    assert not (tmp_path / "model").exists()
