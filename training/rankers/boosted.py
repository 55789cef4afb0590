"""Boosted trees."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import xgboost
from onnx import helper

from training.examples import Examples, rows_of
from training.rankers.onnx_file import write_model
from udfs.scorer import INPUT

TREES, DEPTH, RATE = 60, 5, 0.2
OTHERS = 40
PARAMETERS = {
    "objective": "rank:pairwise",
    "eta": RATE,
    "max_depth": DEPTH,
    "min_child_weight": 5,
    "subsample": 0.8,
    "colsample_bytree": 0.7,
    "tree_method": "hist",
    "nthread": 1,  # sums in one order, whatever the machine
    "base_score": 0.0,
    "verbosity": 0,
}


def fit_boosted(examples: Examples, features: Sequence[str], seed: int) -> bytes:
    """Fit boosted trees to order each list: LambdaMART's pairwise loss.

    C. Burges, "From RankNet to LambdaRank to LambdaMART", Microsoft Research MSR-TR-2010-82; T. Chen, C. Guestrin, "XGBoost: a scalable
    tree boosting system", KDD 2016.

    Parameters
    ----------
    examples
        Lists that hold what came next.
    features
        Names of the columns that they take.
    seed
        Of what each tree sees.

    Returns
    -------
    bytes
        The ONNX file; its score is the sigmoid of the trees' sum.
    """
    rows = rows_of(examples, features, OTHERS, seed)
    data = xgboost.DMatrix(rows.features, rows.chosen.astype(np.float32))
    data.set_group(rows.sizes)
    return export_trees(xgboost.train({**PARAMETERS, "seed": seed}, data, TREES), features)


def export_trees(trees: xgboost.Booster, features: Sequence[str]) -> bytes:
    """Write boosted trees as ONNX.

    Parameters
    ----------
    trees
        With numeric features and one output.
    features
        Names of the columns.
    """
    nodes: dict[str, list[Any]] = {
        name: []
        for name in ("treeids", "nodeids", "featureids", "modes", "values", "truenodeids", "falsenodeids", "missing_value_tracks_true")
    }
    leaves: dict[str, list[Any]] = {name: [] for name in ("treeids", "nodeids", "ids", "weights")}
    for number, text in enumerate(trees.get_dump(dump_format="json")):
        for node in _walk(json.loads(text)):
            leaf = "leaf" in node
            nodes["treeids"].append(number)
            nodes["nodeids"].append(node["nodeid"])
            nodes["featureids"].append(0 if leaf else int(node["split"].removeprefix("f")))
            nodes["modes"].append("LEAF" if leaf else "BRANCH_LT")
            nodes["values"].append(0.0 if leaf else float(node["split_condition"]))
            nodes["truenodeids"].append(0 if leaf else node["yes"])
            nodes["falsenodeids"].append(0 if leaf else node["no"])
            nodes["missing_value_tracks_true"].append(0 if leaf else int(node["missing"] == node["yes"]))
            if leaf:
                for name, value in zip(leaves, (number, node["nodeid"], 0, float(node["leaf"])), strict=True):
                    leaves[name].append(value)
    attributes: dict[str, Any] = {f"nodes_{name}": values for name, values in nodes.items()}
    attributes |= {f"target_{name}": values for name, values in leaves.items()}
    trees_node = helper.make_node("TreeEnsembleRegressor", [INPUT], ["sum"], domain="ai.onnx.ml", n_targets=1, **attributes)
    return write_model([trees_node, helper.make_node("Sigmoid", ["sum"], ["score"])], [], features)


def _walk(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node.get("children", ()):
        yield from _walk(child)
