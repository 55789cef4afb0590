"""Writes rankers as ONNX files that keep the contract of docs/semantics.md, section "Score"."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from udfs.scorer import INPUT, METADATA

OPSET, ML_OPSET, IR_VERSION = 17, 3, 10
#: Features that span magnitudes: a perceptron takes the logarithm of what they are in thousandths.
LOGGED = (
    "session_score", "session_next", "session_count", "association", "association_last", "sequential", "sequential_last", "content",
    "similar_rank", "session_best", "sequential_best",
)  # fmt: skip
THOUSANDTHS = 1000.0

Layer = tuple[NDArray[np.float64], NDArray[np.float64]]


def logged(features: Sequence[str]) -> NDArray[np.float32]:
    """Tell which features `LOGGED` names.

    Returns
    -------
    f4[F]
        1 for them, else 0.
    """
    return np.array([name in LOGGED for name in features], np.float32)


def scaled(rows: NDArray[np.float32], features: Sequence[str]) -> NDArray[np.float32]:
    """Give rows as the first layer of `export_mlp` sees them.

    Parameters
    ----------
    rows : f4[n, F]
        Features.
    features
        Their names.

    Returns
    -------
    f4[n, F]
    """
    mask = logged(features)
    seen: NDArray[np.float32] = rows * (1 - mask) + np.log(1 + np.float32(THOUSANDTHS) * np.maximum(rows, 0) * mask)
    return seen


def export_mlp(layers: Sequence[Layer], features: Sequence[str], scale: bool = False) -> bytes:
    """Write a perceptron: ReLU between its layers, a sigmoid after the last.

    Parameters
    ----------
    layers
        Weights (f8[in, out]) and biases (f8[out]); the last has one output.
    features
        Names of the columns.
    scale
        Whether the first layer sees `scaled` rows.

    Returns
    -------
    bytes
        The ONNX file: `features` float32 [rows, F] → `score` float32 [rows, 1].
    """
    nodes, constants, last = [], [], INPUT
    if scale:
        mask = logged(features)
        constants += [
            numpy_helper.from_array(1 - mask, "plain"),
            numpy_helper.from_array(np.float32(THOUSANDTHS) * mask, "thousandths"),
            numpy_helper.from_array(np.ones(1, np.float32), "one"),
        ]
        nodes += [
            helper.make_node("Mul", [INPUT, "plain"], ["unscaled"]),
            helper.make_node("Relu", [INPUT], ["positive"]),
            helper.make_node("Mul", ["positive", "thousandths"], ["counted"]),
            helper.make_node("Add", ["counted", "one"], ["above"]),
            helper.make_node("Log", ["above"], ["logs"]),
            helper.make_node("Add", ["unscaled", "logs"], ["scaled"]),
        ]
        last = "scaled"
    for i, (weights, biases) in enumerate(layers):
        constants += [
            numpy_helper.from_array(np.ascontiguousarray(weights, np.float32), f"weights_{i}"),
            numpy_helper.from_array(np.ascontiguousarray(biases, np.float32), f"biases_{i}"),
        ]
        nodes.append(helper.make_node("Gemm", [last, f"weights_{i}", f"biases_{i}"], [f"sums_{i}"]))
        final = i == len(layers) - 1
        last = "score" if final else f"layer_{i}"
        nodes.append(helper.make_node("Sigmoid" if final else "Relu", [f"sums_{i}"], [last]))
    return write_model(nodes, constants, features)


def write_model(nodes: Sequence[Any], constants: Sequence[Any], features: Sequence[str], inputs: Sequence[Any] = ()) -> bytes:
    """Make an ONNX file of nodes that turn `features` into `score`, and check it.

    Parameters
    ----------
    nodes, constants
        Of the graph.
    features
        Names of the columns.
    inputs
        Of the graph beside `features`.
    """
    graph = helper.make_graph(
        list(nodes),
        "ranker",
        [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["rows", len(features)]), *inputs],
        [helper.make_tensor_value_info("score", TensorProto.FLOAT, ["rows", 1])],
        list(constants),
    )
    opsets = [helper.make_opsetid("", OPSET)]
    if any(node.domain == "ai.onnx.ml" for node in nodes):
        opsets.append(helper.make_opsetid("ai.onnx.ml", ML_OPSET))
    model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="swerve")
    helper.set_model_props(model, {METADATA: json.dumps(list(features))})
    onnx.checker.check_model(model)
    data: bytes = model.SerializeToString()
    return data
