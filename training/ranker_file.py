"""A multilayer perceptron as an ONNX file that keeps the bundle's contract."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from udfs.scorer import INPUT, METADATA

OPSET, IR_VERSION = 17, 10

Layer = tuple[NDArray[np.float64], NDArray[np.float64]]


def export_mlp(layers: Sequence[Layer], features: Sequence[str]) -> bytes:
    """Write a perceptron: ReLU between its layers, a sigmoid after the last.

    Parameters
    ----------
    layers
        Weights (f8[in, out]) and biases (f8[out]); the last has one output.
    features
        Names of the columns.

    Returns
    -------
    bytes
        The ONNX file: `features` float32 [rows, F] → `score` float32 [rows, 1].
    """
    nodes, constants, last = [], [], INPUT
    for i, (weights, biases) in enumerate(layers):
        constants += [
            numpy_helper.from_array(np.ascontiguousarray(weights, np.float32), f"weights_{i}"),
            numpy_helper.from_array(np.ascontiguousarray(biases, np.float32), f"biases_{i}"),
        ]
        nodes.append(helper.make_node("Gemm", [last, f"weights_{i}", f"biases_{i}"], [f"sums_{i}"]))
        final = i == len(layers) - 1
        last = "score" if final else f"layer_{i}"
        nodes.append(helper.make_node("Sigmoid" if final else "Relu", [f"sums_{i}"], [last]))
    graph = helper.make_graph(
        nodes,
        "ranker",
        [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["rows", len(features)])],
        [helper.make_tensor_value_info("score", TensorProto.FLOAT, ["rows", 1])],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION, producer_name="swerve")
    helper.set_model_props(model, {METADATA: json.dumps(list(features))})
    onnx.checker.check_model(model)
    data: bytes = model.SerializeToString()
    return data
