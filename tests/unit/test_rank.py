from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from models.bundle import Bundle
from tests.unit.bundles import make_bundle, make_profiles, make_propensity, make_ranker, make_tables
from training.rankers.onnx_file import export_mlp
from udfs.blocks import unpack_block
from udfs.candidates import Candidates
from udfs.rank import Ranker
from udfs.rules import choose, most_of_a_category

NOW = 1_720_000_000_000
THREE = ("log_price", "popularity", "is_focus")


def users_of(count: int) -> list[bytes]:
    return [f"u{i}".encode() for i in range(count)]


def rank(ranker: Ranker, profiles: Any, now: int = NOW) -> Any:
    return ranker.rank(users_of(len(profiles)), profiles, np.ones(len(profiles), np.uint8), now)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return make_bundle(
        Path(tmp_path_factory.mktemp("rank")) / "1",
        make_tables(items=300, neighbours=20),
        make_ranker(hidden=(32, 16)),
        propensity=make_propensity(),
    )


@pytest.mark.parametrize("candidates", [1, 7, 99, 100])
def test_no_value_depends_on_the_batch(bundle: Bundle, candidates: int) -> None:
    ranker = Ranker(bundle, candidates, min(20, candidates))
    profiles = make_profiles(600, items=300)
    together = rank(ranker, profiles)
    assert len(set(together.by_surface[0].json)) == 600
    for i in (0, 1, 255, 256, 599):
        alone = ranker.rank([f"u{i}".encode()], profiles[i : i + 1], np.ones(1, np.uint8), NOW)
        assert alone.values == [together.values[i]]
    first = rank(ranker, profiles[:200])
    assert first.values == together.values[:200]
    assert np.array_equal(first.lists.score.view(np.int32), together.lists.score[:200].view(np.int32))


def test_only_generated_at_knows_the_clock(bundle: Bundle) -> None:
    profiles = make_profiles(5, items=300)
    (early,), (late,) = rank(Ranker(bundle), profiles, 1).by_surface, rank(Ranker(bundle), profiles, 2).by_surface
    assert early.ids == late.ids
    assert [value.replace(b'"generated_at":1,', b'"generated_at":2,') for value in early.json] == late.json
    assert early.json != late.json


def test_surfaces_share_the_items_and_have_their_own_ids(bundle: Bundle) -> None:
    ranked = rank(Ranker(bundle, surfaces=("home", "cart")), make_profiles(3, items=300))
    for home, cart in ranked.values:
        one, two = json.loads(home), json.loads(cart)
        assert (one["surface"], two["surface"]) == ("home", "cart")
        assert one["recommendation_id"] != two["recommendation_id"]
        assert one["items"] == two["items"]
        assert len(one["items"]) == 20
    count, _ = unpack_block(ranked.block())
    assert count == 6


def test_an_empty_batch(bundle: Bundle) -> None:
    ranked = rank(Ranker(bundle), make_profiles(0, events=0))
    assert (ranked.values, ranked.dropped) == ([], 0)
    assert unpack_block(ranked.block()) == (0, b"")


def test_a_small_catalogue_gives_what_there_is(tmp_path: Path) -> None:
    ranked = rank(Ranker(make_bundle(tmp_path / "1", make_tables(items=5, neighbours=2))), make_profiles(10, items=50))
    assert 0 < max(ranked.lists.filled) <= 5


def test_any_onnx_file_that_keeps_the_contract(tmp_path: Path) -> None:
    """A linear model over three features, in an order of its own, with an output of one dimension."""
    weights = np.array([[0.5], [2.0], [1.0]], np.float32)
    nodes = [
        helper.make_node("MatMul", ["features", "w"], ["sum"]),
        helper.make_node("Squeeze", ["sum", "axes"], ["anything"]),
    ]
    constants = [onnx.numpy_helper.from_array(weights, "w"), onnx.numpy_helper.from_array(np.array([1]), "axes")]
    graph = helper.make_graph(
        nodes, "linear", [helper.make_tensor_value_info("features", TensorProto.FLOAT, [None, 3])],
        [helper.make_tensor_value_info("anything", TensorProto.FLOAT, [None])], constants,
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
    helper.set_model_props(model, {"swerve.features": json.dumps(THREE)})
    tables = make_tables()
    ranker = Ranker(make_bundle(tmp_path / "1", tables, model.SerializeToString(), THREE))
    profiles = make_profiles(20)
    ranked = rank(ranker, profiles)
    for r, profile in enumerate(profiles):
        for i in range(int(ranked.lists.filled[r])):
            item = int(ranked.lists.item[r, i])
            focus = profile["focus"] != 0 and tables.item_category[item] == profile["focus"]
            expected = 0.5 * tables.log_price[item] + 2.0 * tables.popularity[item] + float(focus)
            assert ranked.lists.score[r, i] == pytest.approx(expected, rel=1e-5)


def test_scores_that_are_not_finite_drop_their_candidate(tmp_path: Path) -> None:
    """Square root of (2 - log_price): defined where the contract is tried out, not for what is dear."""
    two = onnx.numpy_helper.from_array(np.array([2.0], np.float32), "two")
    graph = helper.make_graph(
        [helper.make_node("Sub", ["two", "features"], ["rest"]), helper.make_node("Sqrt", ["rest"], ["score"])],
        "root", [helper.make_tensor_value_info("features", TensorProto.FLOAT, [None, 1])],
        [helper.make_tensor_value_info("score", TensorProto.FLOAT, [None, 1])], [two],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
    helper.set_model_props(model, {"swerve.features": '["log_price"]'})
    tables = make_tables()
    ranker = Ranker(make_bundle(tmp_path / "1", tables, model.SerializeToString(), ("log_price",)))
    profiles = make_profiles(10)
    found = ranker.stages(profiles)[0]
    ranked = rank(ranker, profiles)
    dear = [item for r in range(10) for item in found.item[r, : found.filled[r]].tolist() if tables.log_price[item] > 2]
    assert ranked.dropped == len(dear) > 0
    assert not {item for r in range(10) for item in ranked.lists.item[r, : ranked.lists.filled[r]].tolist()} & set(dear)


@settings(deadline=None, max_examples=200)
@given(st.data())
def test_choosing(data: Any) -> None:
    count, top = data.draw(st.integers(0, 40)), data.draw(st.integers(1, 25))
    category = np.array(data.draw(st.lists(st.integers(0, 3), min_size=count, max_size=count)), np.uint32)
    values = st.one_of(st.sampled_from([0.0, -0.0, 1.0, -1.0, float("nan"), float("inf"), -float("inf")]), st.floats(-5, 5, width=32))
    scores = np.zeros(44, np.float32)
    scores[:count] = data.draw(st.lists(values, min_size=count, max_size=count))
    found = Candidates(*(None for _ in Candidates._fields))._replace(  # type: ignore[arg-type]
        filled=np.array([count], np.int32), item=np.arange(40, dtype=np.int32)[None, :]
    )
    full = np.zeros(40, np.uint32)
    full[:count] = category
    most = most_of_a_category(top, data.draw(st.sampled_from([100, 60, 1])))
    chosen = choose(full, found, scores, 44, top, most)

    order = sorted((k for k in range(count) if np.isfinite(scores[k])), key=lambda k: (-float(scores[k]), k))
    taken: list[int] = []
    for k in order:
        if len(taken) < top and sum(category[other] == category[k] for other in taken) < most:
            taken.append(k)
    rest = [k for k in order if k not in taken][: top - len(taken)]
    assert chosen.position[0, : chosen.filled[0]].tolist() == taken + rest
    assert chosen.held_back[0].sum() == len(rest)
    assert chosen.dropped[0] == count - len(order)


def test_fallbacks_are_never_empty(bundle: Bundle) -> None:
    found = Ranker(bundle, surfaces=("home", "cart")).fallbacks()
    segments = [0, 1, 2, 1000, 1001, 1002, 1003, 1004]
    assert set(found) == {f"rec:default:{middle}{surface}" for surface in ("home", "cart") for middle in ("", *(f"{s}:" for s in segments))}
    for key, value in found.items():
        document = json.loads(value)
        assert document["items"], key
        numbers = [int(item["item_id"][1:]) for item in document["items"]]
        assert bundle.tables.in_stock[numbers].all()
        assert [item["score"] for item in document["items"]] == pytest.approx(bundle.tables.popularity[numbers], abs=0.0000501)
    assert json.loads(found["rec:default:1002:home"])["segment"] == {"id": 1002, "name": "new:mobile"}
    assert json.loads(found["rec:default:home"])["segment"] == {"id": -1, "name": "everybody"}
    assert {item["reason"] for item in json.loads(found["rec:default:home"])["items"]} == {"popular"}
    assert found == Ranker(bundle, surfaces=("home", "cart")).fallbacks()


def test_an_explanation_is_what_was_ranked(bundle: Bundle) -> None:
    ranker, profiles = Ranker(bundle), make_profiles(8, items=300)
    for r, value in enumerate(rank(ranker, profiles).by_surface[0].json):
        why = ranker.explain(b"u", profiles[r : r + 1])
        shown = json.loads(value)
        assert json.loads(json.dumps(why, allow_nan=False)) == why
        assert why["items"] == [item["item_id"] for item in shown["items"]]
        by_place = sorted((c for c in why["candidates"] if c["place"] is not None), key=lambda c: c["place"])
        assert [(c["item_id"], c["reason"]) for c in by_place] == [(item["item_id"], item["reason"]) for item in shown["items"]]
        assert all(abs(c["score"] - item["score"]) <= 0.00005001 for c, item in zip(by_place, shown["items"], strict=True))
        assert why["segment"] == shown["segment"]
        assert not set(why["items"]) & {item for items in why["skipped"].values() for item in items}


def test_the_exported_perceptron_is_the_perceptron() -> None:
    random = np.random.default_rng(0)
    layers = [(random.normal(size=(3, 4)), random.normal(size=4)), (random.normal(size=(4, 1)), random.normal(size=1))]
    from udfs.scorer import Scorer

    rows = random.normal(size=(8, 3)).astype(np.float32)
    hidden = np.maximum(rows @ layers[0][0] + layers[0][1], 0)
    expected = 1 / (1 + np.exp(-(hidden @ layers[1][0] + layers[1][1])))
    assert np.allclose(Scorer(export_mlp(layers, THREE), THREE).score(rows), expected[:, 0], atol=1e-6)
