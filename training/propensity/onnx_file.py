"""Writes models of shoppers as one ONNX file that keeps the contract of docs/semantics.md, section "Estimates"."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from training.propensity.fitting import CONSTANT, Fitted
from training.rankers.onnx_file import IR_VERSION, OPSET
from udfs.propensity import AFFINITY, CATEGORIES, ESTIMATES, KNOWN, USERS


def export(models: Mapping[str, Fitted]) -> bytes:
    """Write models.

    Parameters
    ----------
    models
        By the name of the output: `udfs.propensity.ESTIMATES` and `AFFINITY`.

    Returns
    -------
    bytes
        The ONNX file.
    """
    nodes: list[Any] = []
    constants: list[Any] = []
    for name in (*ESTIMATES, AFFINITY):
        source = CATEGORIES if name == AFFINITY else USERS
        _add(models[name], name, source, nodes, constants)
    inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [f"rows_of_{name}", len(of)]) for name, of in KNOWN.items()]
    outputs = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [f"rows_of_{CATEGORIES if name == AFFINITY else USERS}", 1])
        for name in (*ESTIMATES, AFFINITY)
    ]
    graph = helper.make_graph(nodes, "propensity", inputs, outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION, producer_name="swerve")
    helper.set_model_props(model, {f"swerve.{name}": json.dumps(list(of)) for name, of in KNOWN.items()})
    onnx.checker.check_model(model)
    data: bytes = model.SerializeToString()
    return data


def _add(model: Fitted, name: str, source: str, nodes: list[Any], constants: list[Any]) -> None:
    """Add the nodes of one output; a constant is a layer whose weights are 0, without the sigmoid, so that it is exact."""
    layers = [(np.zeros((len(KNOWN[source]), 1)), np.array([model.rate]))] if model.kind == CONSTANT else model.layers()
    last = source
    for i, (weights, biases) in enumerate(layers):
        of = f"{name}_{i}"
        constants += [
            numpy_helper.from_array(np.ascontiguousarray(weights, np.float32), f"weights_{of}"),
            numpy_helper.from_array(np.ascontiguousarray(biases, np.float32), f"biases_{of}"),
        ]
        final = i == len(layers) - 1
        given = name if final and model.kind == CONSTANT else f"sums_{of}"
        nodes.append(helper.make_node("Gemm", [last, f"weights_{of}", f"biases_{of}"], [given]))
        if given != name:
            last = name if final else f"layer_{of}"
            nodes.append(helper.make_node("Sigmoid" if final else "Relu", [given], [last]))
