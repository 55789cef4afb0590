"""The registry: a pointer that moves in one step, to what is good, and back again."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.approval import Terms, Trial, approve
from models.bundle import Bundle
from models.comparison import compare, quality
from models.manifest import Manifest
from models.pointer import CURRENT, HISTORY, Pointer, first_pointer
from models.registry import Model, find_model, is_model, models_in, open_filed, serving_folder
from tests.unit.bundles import make_bundle, make_ranker, make_tables
from tests.unit.registries import NAME, damage, file_bundle, make_model, point_by_hand, put_ranker, root_of_the_price_gap
from udfs.errors import UsageError
from udfs.features import FEATURES
from udfs.tables import BundleError

TERMS = Terms(max_us_per_user=1e9)


def good(path: Path) -> None:
    approve(path, TERMS)


def anything(path: Path) -> None: ...


@pytest.fixture
def model(tmp_path: Path) -> Model:
    return make_model(tmp_path, "1", "2", "10")


def test_versions_are_in_order_and_none_serves_at_first(model: Model) -> None:
    assert model.versions() == ["1", "2", "10"]
    assert model.pointer() is None
    assert [entry.problem for entry in model.entries()] == [None] * 3
    assert not any(entry.current for entry in model.entries())
    assert [found.name for found in models_in(model.folder.parent)] == [NAME]
    assert not is_model(model.folder)


def test_a_promotion_names_who_when_and_why(model: Model) -> None:
    model.promote("1", good)
    pointer = model.promote("10", good, "better on phones")
    assert pointer == Pointer.read(model.folder) == model.pointer()
    assert (pointer.version, pointer.previous, pointer.note) == ("10", ("1",), "better on phones")
    assert pointer.by
    assert pointer.at > 1_700_000_000_000
    assert [entry.version for entry in model.entries() if entry.current] == ["10"]
    assert is_model(model.folder)
    assert serving_folder(model.folder) == model.path_of("10")
    assert serving_folder(model.path_of("1")) == model.path_of("1")


def test_what_serves_already_is_not_its_own_predecessor(model: Model) -> None:
    model.promote("1", good)
    before = model.promote("2", good)
    assert model.promote("2", good) == before


@given(st.lists(st.sampled_from([*"abc", None]), max_size=12))
def test_rollbacks_go_back_one_version_at_a_time(steps: list[str | None]) -> None:
    served: list[str] = []
    pointer: Pointer | None = None
    for version in steps:
        if version is not None and (not served or served[-1] != version):
            served.append(version)
            pointer = pointer.moved_to(version, "ana", "") if pointer else first_pointer(version, "ana", "")
        elif version is None and pointer is not None:
            if len(served) == 1:
                with pytest.raises(BundleError, match="no version served before"):
                    pointer.moved_back("ana", "")
            else:
                served.pop()
                pointer = pointer.moved_back("ana", "")
        assert (pointer.version if pointer else None) == (served[-1] if served else None)
        assert (pointer.previous if pointer else ()) == tuple(reversed(served[:-1]))


def test_twice_back_is_further_back(model: Model) -> None:
    for version in ("1", "2", "10"):
        model.promote(version, good)
    assert model.roll_back(good).version == "2"
    assert model.roll_back(good).version == "1"
    with pytest.raises(BundleError, match="no version served before 1"):
        model.roll_back(good)
    assert serving_folder(model.folder) == model.path_of("1")


def test_the_history_does_not_grow_for_ever() -> None:
    pointer = first_pointer("0", "", "")
    for version in range(HISTORY + 5):
        pointer = pointer.moved_to(f"v{version}", "", "")
    assert len(pointer.previous) == HISTORY


def test_a_bad_version_does_not_serve_and_the_pointer_stays(model: Model) -> None:
    model.promote("1", good)
    before = (model.folder / CURRENT).read_bytes()
    damage(model.path_of("2"))
    with pytest.raises(BundleError, match=r"popularity\.npy is not the file"):
        model.promote("2", good)
    with pytest.raises(BundleError, match=f"no version 3 of {NAME}") as caught:
        model.promote("3", good)
    assert "1, 2, 10" in caught.value.hint
    assert (model.folder / CURRENT).read_bytes() == before
    assert [entry.version for entry in model.entries() if entry.problem] == ["2"]
    model.promote("10", good)
    damage(model.path_of("1"))
    with pytest.raises(BundleError, match="popularity"):
        model.roll_back(good)
    assert serving_folder(model.folder) == model.path_of("10")


@pytest.mark.parametrize("version", ["..", "a/b", "/etc", "", ".hidden", "current", "-x"])
def test_a_version_is_a_plain_name(model: Model, version: str) -> None:
    with pytest.raises(BundleError, match="is no version"):
        model.promote(version, anything)
    point_by_hand(model, version)
    with pytest.raises(BundleError, match="is no version"):
        serving_folder(model.folder)


@pytest.mark.parametrize("text", ["", "{", "[]", "7", "{}", '{"version": 7}', '{"version": "7", "previous": 3}'])
def test_a_pointer_that_is_none_is_refused_and_can_be_replaced(model: Model, text: str) -> None:
    (model.folder / CURRENT).write_text(text)
    with pytest.raises(BundleError) as caught:
        model.pointer()
    assert str(model.folder / CURRENT) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not any(entry.current for entry in model.entries())
    assert model.promote("2", good).version == "2"


def test_a_pointer_by_hand_needs_nothing_but_the_version(model: Model) -> None:
    point_by_hand(model, "2")
    assert model.pointer() == Pointer("2")


def test_the_pointer_is_never_seen_half_written(model: Model) -> None:
    model.promote("1", anything)
    done = threading.Event()
    seen: list[str] = []

    def watch() -> None:
        while not done.is_set():
            seen.append(Pointer.read(model.folder).version)

    watcher = threading.Thread(target=watch)
    watcher.start()
    for _ in range(100):
        model.promote("2", anything)
        model.promote("10", anything)
    done.set()
    watcher.join()
    assert set(seen) <= {"1", "2", "10"}
    assert sorted(path.name for path in model.folder.iterdir()) == ["1", "10", "2", CURRENT]


def test_two_who_promote_at_once_both_stand_in_the_history(model: Model) -> None:
    model.promote("1", anything)
    both = threading.Barrier(2)
    threads = [threading.Thread(target=lambda v=version: (both.wait(), model.promote(v, anything))) for version in ("2", "10")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    pointer = Pointer.read(model.folder)
    assert {pointer.version, *pointer.previous} == {"1", "2", "10"}


def test_a_bundle_takes_the_name_that_it_is_filed_under(tmp_path: Path) -> None:
    model = Model(tmp_path / "registry" / "shop")
    make_bundle(tmp_path / "anywhere")
    path = model.add(tmp_path / "anywhere", "2024-05")
    assert (open_filed(path).name, open_filed(path).version) == ("shop", "2024-05")
    with pytest.raises(BundleError, match="there already"):
        model.add(tmp_path / "anywhere", "2024-05")
    damage(tmp_path / "anywhere")
    with pytest.raises(BundleError, match="popularity"):
        model.add(tmp_path / "anywhere", "2024-06")
    assert [entry.name for entry in model.folder.iterdir()] == ["2024-05"]


def test_a_bundle_under_a_false_name_does_not_serve(model: Model) -> None:
    model.path_of("2").rename(model.path_of("3"))
    with pytest.raises(BundleError, match=f"calls itself {NAME} 2, and is filed as {NAME} 3"):
        model.promote("3", good)
    assert "calls itself" in str(model.entry("3").problem)


def _no_ranker(path: Path) -> None:
    put_ranker(path, b"garbage", FEATURES)


def _nan(path: Path) -> None:
    put_ranker(path, *root_of_the_price_gap())
    Bundle.open(path).check()  # so that it is the trial that finds it


def _stranger(path: Path) -> None:
    put_ranker(path, make_ranker(("trend",)), ("popularity",))


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (damage, "not the file that the manifest was written for"),
        (_no_ranker, "no model that ONNX Runtime can run"),
        (_nan, "of its scores for 64 made-up shoppers are not finite"),
        (_stranger, "not those of the manifest"),
    ],
)
def test_what_must_not_serve_is_refused_with_the_reason(model: Model, spoil: Callable[[Path], None], says: str) -> None:
    path = model.path_of("1")
    spoil(path)
    with pytest.raises(BundleError, match=says) as caught:
        approve(path, TERMS)
    assert str(path) in str(caught.value)


def test_a_bundle_that_is_too_slow_is_refused(model: Model) -> None:
    with pytest.raises(BundleError, match=r"model\.max_us_per_user"):
        approve(model.path_of("1"), Terms(max_us_per_user=1e-3))


def test_what_a_trial_forbids() -> None:
    assert Trial(64, 0, 10.0).refusal(10.0) is None
    assert "takes 11" in str(Trial(64, 0, 11.0).refusal(10.0))
    assert "1 of its scores" in str(Trial(64, 1, 1.0).refusal(10.0))


def test_a_bundle_without_segments_or_without_anything_to_buy_passes(tmp_path: Path) -> None:
    model = make_model(tmp_path, "1", segments=0)
    assert approve(model.path_of("1"), TERMS).trial.dropped == 0
    nothing_to_buy = make_tables(items=1, neighbours=1, in_stock=np.zeros(1, np.uint8))
    path = file_bundle(model, "2", tables=nothing_to_buy)
    assert approve(path, TERMS).trial.dropped == 0


def test_models_are_found_by_name_or_because_there_is_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no model in"):
        find_model(tmp_path / "nowhere", None)
    (tmp_path / "photos").mkdir()
    make_model(tmp_path, "1")
    assert find_model(tmp_path, None).name == NAME
    file_bundle(Model(tmp_path / "other"), "1")
    assert find_model(tmp_path, "other").folder == tmp_path / "other"
    with pytest.raises(UsageError, match="several models: other, shop"):
        find_model(tmp_path, None)
    with pytest.raises(UsageError, match="no model photos"):
        find_model(tmp_path, "photos")


def test_what_two_bundles_share(tmp_path: Path) -> None:
    model = make_model(tmp_path, "1")
    file_bundle(model, "2", segments=2, ranker=make_ranker(FEATURES[1:]), features=FEATURES[1:], tables=make_tables(items=40, segments=2))
    one, other = Bundle.open(model.path_of("1")), Bundle.open(model.path_of("2"))
    same = compare(one, one)
    assert same["fallbacks"] == {"everybody": 1.0, "segments": 1.0, "segments_compared": 3}
    assert same["items"] == {"first": 60, "second": 60, "common": 60}
    assert all(a == b for a, b in same["tables"].values())
    found = compare(one, other)
    assert [bundle["version"] for bundle in found["bundles"]] == ["1", "2"]
    assert found["features"] == {"common": len(FEATURES) - 1, "only_first": [FEATURES[0]], "only_second": [], "same_order": False}
    assert found["segments"] == {"common": 2, "only_first": ["segment 2"], "only_second": [], "same_order": False}
    assert found["tables"]["popularity"] == ["f4[60]", "f4[40]"]
    assert found["items"] == {"first": 60, "second": 40, "common": 40}
    popular = [{one_of.item_hash[i] for i in one_of.popular[:20]} for one_of in (one.tables, other.tables)]
    assert found["fallbacks"]["everybody"] == len(popular[0] & popular[1]) / 20
    assert 0 < found["fallbacks"]["segments"] < 1
    assert found["fallbacks"]["segments_compared"] == 2


@pytest.mark.parametrize(
    ("metrics", "expected"),
    [
        ({"swerve": {"hr@20": 0.5, "mrr@20": 0.25}, "popularity": {"hr@20": 0.1}, "cases": 9}, {"hr@20": 0.5, "mrr@20": 0.25}),
        ({"hr@20": 0.5, "cases": 9}, {"hr@20": 0.5}),
        ({}, {}),
    ],
)
def test_the_quality_of_a_bundle_is_that_of_its_own_ranker(metrics: dict[str, object], expected: dict[str, float]) -> None:
    assert quality(Manifest("shop", "1", 0, FEATURES, (), metrics=metrics)) == expected


def test_a_pointer_is_readable_json(model: Model) -> None:
    model.promote("1", anything, "für Ana")
    document = json.loads((model.folder / CURRENT).read_text(encoding="utf-8"))
    assert set(document) == {"version", "previous", "at", "by", "note"}
    assert "für Ana" in (model.folder / CURRENT).read_text(encoding="utf-8")
