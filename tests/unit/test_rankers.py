"""Rankers: what they learn, and that their ONNX files say what the fitted models say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xgboost
from sklearn.linear_model import LogisticRegression

from tests.unit.bundles import make_profiles, make_tables
from training.examples import Examples, make_examples, places, quality
from training.rankers import boosted
from training.rankers.choosing import FITS, MOVING, choose_ranker, score, useful
from training.rankers.onnx_file import export_mlp, scaled
from udfs.features import FEATURES, columns
from udfs.scorer import Scorer

ROWS, CLOSE = 10_000, 1e-5


def made_up(lists: int, seed: int) -> Examples:
    """Lists whose right item is the one that trends most."""
    random = np.random.default_rng(seed)
    features = random.random((lists, 40, len(FEATURES))).astype(np.float32)
    items = np.tile(np.arange(40, dtype=np.int32), (lists, 1))
    items[:, 30:] = np.where(random.random((lists, 1)) < 0.5, -1, items[:, 30:])
    features[items < 0] = 0
    right = np.where(items >= 0, features[:, :, FEATURES.index("trend")], -1).argmax(1).astype(np.int32)
    right[::7] = -1
    return Examples(features, items, np.full((lists, 12), -1, np.int32), right)


@pytest.mark.parametrize("kind", FITS)
def test_a_ranker_learns_what_was_chosen(kind: str) -> None:
    learn, check = (examples.only(examples.found) for examples in (made_up(900, 0), made_up(100, 1)))
    model = FITS[kind](learn, ("popularity", "trend", "session_score"), 1)
    assert quality(check, score(model, check)).mrr > 0.6
    assert FITS[kind](learn, ("popularity", "trend", "session_score"), 1) == model, "the same seed gives the same file"


def test_trees_in_onnx_are_the_trees() -> None:
    random = np.random.default_rng(0)
    rows = random.lognormal(0, 2, (ROWS, 6)).astype(np.float32)
    rows[random.random(rows.shape) < 0.2] = 0
    labels = (rows[:, 0] > rows[:, 1]) ^ (rows[:, 2] > 1)
    trees = xgboost.train({**boosted.PARAMETERS, "objective": "binary:logistic", "base_score": 0.5}, xgboost.DMatrix(rows, labels), 60)
    names = FEATURES[:6]
    scores = Scorer(boosted.export_trees(trees, names), FEATURES).score(rows)
    assert np.abs(scores - trees.predict(xgboost.DMatrix(rows))).max() <= CLOSE
    assert scores.std() > 0.2


def test_layers_in_onnx_are_the_layers() -> None:
    random = np.random.default_rng(0)
    rows = random.lognormal(-3, 2, (ROWS, len(FEATURES))).astype(np.float32)
    sees = scaled(rows, FEATURES)
    logged = columns(["session_score"])[0]
    assert sees[0, logged] == pytest.approx(np.log(1 + 1000 * rows[0, logged]), rel=1e-5)
    fitted = LogisticRegression().fit(sees, sees[:, logged] > 2)
    scores = Scorer(export_mlp([(fitted.coef_.T, fitted.intercept_)], FEATURES, scale=True), FEATURES).score(rows)
    assert np.abs(scores - fitted.predict_proba(sees)[:, 1]).max() <= CLOSE
    assert scores.std() > 0.2


def test_the_simplest_of_nearly_equal_rankers_is_taken() -> None:
    choice = choose_ranker(made_up(1500, 2), made_up(100, 3), ("trend", "popularity"), 1)
    assert choice.kind == "linear"
    assert set(choice.trials) == set(FITS)
    assert choice.features == ("trend",), "the other one says nothing of what is chosen"
    assert [(of["name"], of["kept"]) for of in choice.report] == [("trend", True), ("popularity", False)]
    assert choice.report[0]["mrr@20"] > 0.5


def test_too_few_examples_leave_a_ranker_that_prefers_the_similar() -> None:
    choice = choose_ranker(made_up(9, 0), made_up(9, 1), FEATURES, 1)
    assert choice.kind == "fixed"
    rows = np.zeros((4, len(FEATURES)), np.float32)
    rows[1, FEATURES.index("session_share")] = 1.0
    scores = Scorer(choice.model, FEATURES).score(rows)
    assert scores[1] > scores[0]


def test_examples_say_where_the_next_item_stands() -> None:
    tables, profiles = make_tables(), make_profiles(50)
    following = np.where(np.arange(50) % 2 == 0, tables.item_hash[np.arange(50)], np.uint64(12345))
    examples = make_examples(tables, profiles, following)
    assert 0 < examples.found.sum() <= 25
    at = np.flatnonzero(examples.found)
    assert np.array_equal(tables.item_hash[examples.items[at, examples.right[at]]], following[at])
    assert not np.any(examples.found[1::2])


def test_places_count_what_comes_before() -> None:
    items = np.array([[4, 5, 6, -1], [4, 5, 6, 7]], np.int32)
    examples = Examples(np.zeros((2, 4, 1), np.float32), items, np.zeros((2, 12), np.int32), np.array([1, 3], np.int32))
    scores: Any = np.array([[0.5, 0.5, 0.1, 9.0], [0.1, 0.1, 0.1, 0.2]], np.float32)
    assert places(examples, scores).tolist() == [1, 0]
    assert places(examples, -scores).tolist() == [2, 3]


def test_features_that_never_vary_and_levels_that_move_are_left_out() -> None:
    examples = made_up(20, 0)
    examples.features[:, :, FEATURES.index("mobile")] = 0.5
    examples.features[examples.items < 0] = 0
    assert useful(examples) == tuple(name for name in FEATURES if name not in ("mobile", *MOVING))
