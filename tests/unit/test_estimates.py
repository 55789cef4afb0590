"""Estimates: the core and the oracle agree bit for bit, no user's depend on another's, and only what is ranked has them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from onnx import TensorProto, helper

from models.bundle import Bundle, BundleError
from tests.oracle.estimates import Estimator, category_features, user_features
from tests.oracle.run import apply_events
from tests.oracle.segments import Segments
from tests.unit import test_oracle_page as page
from tests.unit.bundles import make_bundle, make_profiles, make_propensity
from tests.unit.kernel import KernelRun
from tests.unit.test_oracle_ranking import logs
from udfs import user_features as core
from udfs.profile import PROFILE, empty_profiles, pack_profiles
from udfs.propensity import ESTIMATES, Propensities, fill
from udfs.rank import Ranker

NO_SEGMENTS = Segments()


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return make_bundle(Path(tmp_path_factory.mktemp("estimates")) / "1", propensity=make_propensity())


def without_estimates(profiles: Any) -> bytes:
    cleared = profiles.copy()
    for name in ESTIMATES:
        cleared[name] = 0
    cleared["categories"]["affinity"] = 0
    data: bytes = cleared.tobytes()
    return data


@settings(deadline=None)
@given(log=logs())
def test_features_are_those_of_the_page(log: Any) -> None:
    kernel = KernelRun(NO_SEGMENTS)
    kernel.apply(log)
    users = apply_events(log, NO_SEGMENTS, "every_event", 8)
    for name, user in users.items():
        records = np.array([kernel.profile(name)])
        (row, *padding) = core.user_features(records)
        expected = user_features(user.profile)
        assert tuple(expected) == core.USER_FEATURES
        assert dict(zip(core.USER_FEATURES, row.tolist(), strict=True)) == {k: float(np.float32(v)) for k, v in expected.items()}
        assert not np.any(padding)
        rows = core.category_features(records)
        for feature_row, entry in zip(rows.features, rows.entry.tolist(), strict=False):
            of = category_features(user.profile, user.profile.categories[entry].category)
            assert tuple(of) == core.CATEGORY_FEATURES
            assert feature_row.tolist() == [float(np.float32(value)) for value in of.values()]
        assert len(rows.entry) == sum(entry.category != 0 for entry in user.profile.categories)


def test_every_feature_says_something() -> None:
    profiles = make_profiles(300, events=60, seed=2)
    profiles["counts"][::3, 1:] += 1
    profiles["counts"][::2, 3] += 2
    profiles["abandoned"][::2], profiles["engagement_ms"][::2] = 3, 9_000
    profiles["shifts"][::2], profiles["shift_time"][::3], profiles["focus"][::5] = 2, profiles["clock"][::3], 0
    profiles["categories"]["category"][::2, 1:], profiles["categories"]["short"][::2, 1:] = 0, 0
    profiles["items"]["visit"][:100] = profiles["visits"][:100, None] % 256
    profiles["items"]["item"][:100, ::3] = 7
    constant = [
        name
        for names, rows in (
            (core.USER_FEATURES, core.user_features(profiles)[:300]),
            (core.CATEGORY_FEATURES, core.category_features(profiles).features),
        )
        for name, column in zip(names, rows.T, strict=True)
        if column.min() == column.max()
    ]
    assert constant == []


def test_the_page_names_them() -> None:
    for header, names in (("| user feature |", core.USER_FEATURES), ("| category feature |", core.CATEGORY_FEATURES)):
        assert tuple(name for cell, _ in page.table(header) for name in cell.split(", ")) == names


def test_numbers_beyond_all_measure_stay_finite() -> None:
    profiles = np.zeros(5, PROFILE)
    profiles["price_sum"], profiles["price_n"], profiles["monetary"] = np.inf, 1, (np.inf, np.nan, -np.inf, 1e300, -5)
    assert np.isfinite(core.user_features(profiles)).all()
    assert np.isfinite(core.user_features(empty_profiles(3))).all()


def test_what_redis_gets_is_what_the_oracle_says(bundle: Bundle) -> None:
    profiles = make_profiles(300)
    before = profiles.copy()
    fill(profiles, bundle.propensity)
    assert without_estimates(profiles) == before.tobytes(), "nothing else is touched"
    for name in ("click_propensity", "purchase_propensity"):
        assert 0 < profiles[name].min() < profiles[name].max() < 1
    assert set(profiles["churn_risk"].tolist()) == {0.25}
    known = profiles["categories"]["category"] != 0
    assert profiles["categories"]["affinity"][known].max() > 0
    assert not profiles["categories"]["affinity"][~known].any()
    again = profiles.copy()
    fill(again, bundle.propensity)
    assert again.tobytes() == profiles.tobytes(), "they do not depend on those before"
    fill(again, None)
    assert again.tobytes() == before.tobytes(), "a bundle without them has none"


@pytest.mark.parametrize("users", [1, 2, 3, 5, 64, 257])
def test_no_estimate_depends_on_the_neighbours(bundle: Bundle, users: int) -> None:
    profiles = make_profiles(300, events=9, seed=4)
    together = profiles.copy()
    fill(together, bundle.propensity)
    for start in (0, 17, 43):
        some = profiles[start : start + users].copy()
        fill(some, bundle.propensity)
        assert some.tobytes() == together[start : start + users].tobytes()


def test_a_ranking_fills_what_it_ranks_and_keeps_nothing(bundle: Bundle) -> None:
    """The profile that is packed after a ranking has them; the one in the state is another, and stays as it was."""
    profiles = make_profiles(40)
    kept = pack_profiles(profiles)
    ranker = Ranker(bundle)
    asked = profiles.copy()
    ranked = ranker.rank([b"u"] * 40, asked, np.ones(40, np.uint8), 0)
    assert ranked.timings["estimates_ns"] > 0
    assert pack_profiles(profiles) == kept
    assert all(one != other and len(one) == len(other) for one, other in zip(pack_profiles(asked), kept, strict=True))
    other = profiles.copy()
    ranker.stages(other)
    assert other.tobytes() == asked.tobytes()


def test_the_oracle_fills_the_same(bundle: Bundle) -> None:
    estimator = Estimator(bundle.path)
    log = [event for n in range(40) for event in _events(n)]
    kernel = KernelRun(NO_SEGMENTS)
    kernel.apply(log)
    users = apply_events(log, NO_SEGMENTS, "every_event", 8)
    names = sorted(users)
    records = np.array([kernel.profile(name) for name in names])
    fill(records, bundle.propensity)
    for name, record in zip(names, records, strict=True):
        served = estimator.served(users[name].profile)
        assert [getattr(served, field) for field in ESTIMATES] == [float(record[field]) for field in ESTIMATES]
        assert [entry.affinity for entry in served.categories] == record["categories"]["affinity"].tolist()
        assert users[name].profile.purchase_propensity == 0.0


def _events(n: int) -> Any:
    from tests.unit.test_oracle_ranking import event

    return [event(100 * n + i, (7 * n + i * i) % 60, "view_item", 900_000 * n + 40_000 * i, n % 5, 10.0 + n) for i in range(n % 7 + 1)]


def model(
    outputs: Any = ESTIMATES,
    names: Any = ("log_events",),
    kind: str = "Sigmoid",
    given: str = "user_features",
    width: int = 1,
    rows: Any = None,
) -> bytes:
    graph = helper.make_graph(
        [helper.make_node(kind, [given], [name]) for name in outputs],
        "g",
        [helper.make_tensor_value_info(given, TensorProto.FLOAT, [rows, width])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
    if names is not None:
        helper.set_model_props(made, {f"swerve.{given}": names if isinstance(names, str) else json.dumps(names)})
    data: bytes = made.SerializeToString()
    return data


BREAKS: list[tuple[str, bytes]] = [
    ("no model that ONNX Runtime can run", b"garbage"),
    ("it should take user_features", model(given="features")),
    ("does not name the columns of user_features", model(names=None)),
    ("not a JSON list of distinct names", model(names="{")),
    ("not a JSON list of distinct names", model(names=["log_events", "log_events"])),
    ("that are not known: charm", model(names=["charm"])),
    ("should be float, ", model(width=2)),
    ("any number of rows", model(rows=4)),
    ("does not give churn_risk", model(outputs=ESTIMATES[:2])),
    ("that are no probabilities", model(kind="Log")),
    ("that are no probabilities", model(kind="Identity")),
    ("for 8 rows", model(names=["log_events", "log_visits"], width=2)),
]


@pytest.mark.parametrize(("message", "propensity"), BREAKS, ids=[f"{i} {message}" for i, (message, _) in enumerate(BREAKS)])
def test_a_file_that_does_not_keep_the_contract_is_refused(tmp_path: Path, message: str, propensity: bytes) -> None:
    with pytest.raises(BundleError, match=message) as caught:
        make_bundle(tmp_path / "1", propensity=propensity)
    assert "propensity.onnx" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "1").exists()


def test_any_file_that_keeps_it_is_taken(tmp_path: Path) -> None:
    """One column, outputs for users alone, and where its result is no number or above 1."""
    plain = make_bundle(tmp_path / "1", propensity=model(names=["log_price"]))
    assert plain.propensity is not None
    profiles = make_profiles(9)
    fill(profiles, plain.propensity)
    expected = 1 / (1 + np.exp(-core.user_features(profiles)[:9, core.USER_FEATURES.index("log_price")].astype(np.float64)))
    assert np.allclose(profiles["churn_risk"], expected, atol=1e-6)
    assert not profiles["categories"]["affinity"].any()
    # Right wherever it is tried out, but for who has 1 000 times as many events.
    odd = onnx.load_from_string(model())
    del odd.graph.node[:]
    limit = onnx.numpy_helper.from_array(np.array([6.0], np.float32), "limit")
    odd.graph.initializer.append(limit)
    odd.graph.node.extend([helper.make_node("Sub", ["limit", "user_features"], ["rest"]), helper.make_node("Sqrt", ["rest"], ["root"])])
    odd.graph.node.extend([helper.make_node("Div", ["root", "limit"], [name]) for name in ESTIMATES])
    profiles["n_events"] = 10_000
    fill(profiles, Propensities(odd.SerializeToString()))
    assert profiles["churn_risk"].tolist() == [0.0] * 9


def test_a_bundle_without_them(tmp_path: Path) -> None:
    assert make_bundle(tmp_path / "1").propensity is None
