"""The network and a head as one ONNX file: it looks up vectors, scores a user's candidates and weighs the score with the other features.

A user's scores must not depend on who else is in the batch, bit for bit. So each of her sums runs along a last axis of one fixed length,
or in a matrix product of her own; the head alone multiplies rows of all users at once, in whole groups of `udfs.scorer.BLOCK`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from training.rankers.onnx_file import THOUSANDTHS, Layer, logged, write_model
from training.sequence.network import SPREAD, TINY, Network
from udfs.profile import RING
from udfs.scorer import INPUT, ITEMS, SEQUENCE


def export_sequence_ranker(network: Network, layers: Sequence[Layer], features: Sequence[str]) -> bytes:
    """Write the network and its head.

    Parameters
    ----------
    network
        The network.
    layers
        Of the head: weights (f8[in, out]) and biases (f8[out]), ReLU between them, a sigmoid after the last, which has one output. The
        first takes the features as `training.rankers.onnx_file.scaled` gives them and, last, the network's score as `sequence_scores` does.
    features
        Names of the columns, F.

    Returns
    -------
    bytes
        The ONNX file: `features` float32 [rows, F], `items` int64 [rows] (candidates, -1: none), `sequence` int64 [users, 12] (newest
        first, -1: none) → `score` float32 [rows, 1]. Each user has the same number of rows, a multiple of 4.

    Raises
    ------
    ValueError
        The first layer does not take F + 1 columns.
    """
    if len(layers[0][0]) != len(features) + 1:
        raise ValueError(f"the head takes {len(layers[0][0])} columns, not the {len(features)} features and the score")
    graph = _Graph()
    session = _session(graph, network)
    score = _standardised(graph, network, session)
    last = graph.add("Concat", [_scaled(graph, features), score], axis=1)
    for i, (weights, biases) in enumerate(layers):
        sums = graph.add("Gemm", [last, graph.constant(weights), graph.constant(biases)])
        final = i == len(layers) - 1
        last = graph.add("Sigmoid" if final else "Relu", [sums], output="score" if final else None)
    inputs = [
        helper.make_tensor_value_info(ITEMS, TensorProto.INT64, ["rows"]),
        helper.make_tensor_value_info(SEQUENCE, TensorProto.INT64, ["users", RING]),
    ]
    return write_model(graph.nodes, graph.constants, features, inputs)


def _scaled(graph: _Graph, features: Sequence[str]) -> str:
    mask = logged(features)
    if not mask.any():
        return INPUT
    counted = graph.add("Mul", [graph.add("Relu", [INPUT]), graph.constant(np.float32(THOUSANDTHS) * mask)])
    logs = graph.add("Log", [graph.add("Add", [counted, graph.constant(1.0)])])
    return graph.add("Add", [graph.add("Mul", [INPUT, graph.constant(1 - mask)]), logs])


class _Graph:
    """Nodes and constants, named as they come."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def add(self, kind: str, inputs: Sequence[str], output: str | None = None, **attributes: Any) -> str:
        name = output or f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def constant(self, value: NDArray[np.float64] | NDArray[np.float32] | float) -> str:
        return self._keep(np.ascontiguousarray(value, np.float32))

    def whole(self, *values: int) -> str:
        return self._keep(np.array(values, np.int64))

    def present(self, numbers: str) -> tuple[str, str]:
        """Give 1 where there is an item and 0 where there is none, and numbers of items that can be looked up."""
        there = self.add("GreaterOrEqual", [numbers, self.whole(0)])
        return self.add("Cast", [there], to=TensorProto.FLOAT), self.add("Max", [numbers, self.whole(0)])

    def sum(self, values: str) -> str:
        """Sum along the last axis, which stays as one of length 1."""
        return self.add("ReduceSum", [values, self.whole(-1)], keepdims=1)

    def product(self, a: str, b: str) -> str:
        return self.add("Mul", [a, b])

    def _keep(self, value: NDArray[np.float32] | NDArray[np.int64]) -> str:
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(value, name))
        return name


VECTORS = "vectors"


def _session(graph: _Graph, network: Network) -> str:
    """[users, D]: the unit vector of each session."""
    width = network.items.shape[1]
    graph.constants.append(numpy_helper.from_array(np.ascontiguousarray(network.items, np.float32), VECTORS))
    present, numbers = graph.present(SEQUENCE)
    vectors = graph.add("Gather", [VECTORS, numbers])
    vectors = graph.product(vectors, graph.add("Unsqueeze", [present, graph.whole(2)]))
    weights = graph.product(graph.constant(np.exp(network.places - network.places.max())), present)
    weights = graph.add("Div", [weights, graph.add("Max", [graph.sum(weights), graph.constant(TINY)])])
    mean = graph.add("MatMul", [graph.add("Unsqueeze", [weights, graph.whole(1)]), vectors])
    newest = graph.add("Slice", [vectors, graph.whole(0), graph.whole(1), graph.whole(1)])
    # [users, 1, 2 D] x [2 D, D] as a sum along the last axis: a matrix product would take the users together.
    both = graph.add("Concat", [newest, mean], axis=2)
    sums = graph.sum(graph.product(both, graph.constant(np.concatenate([network.last, network.whole]).T)))
    sums = graph.add("Reshape", [sums, graph.whole(-1, width)])
    squares = graph.sum(graph.product(sums, sums))
    return graph.add("Div", [sums, graph.add("Sqrt", [graph.add("Add", [squares, graph.constant(TINY)])])])


def _standardised(graph: _Graph, network: Network, session: str) -> str:
    """[rows, 1]: the score of each candidate among its user's."""
    users = graph.add("Shape", [session], start=0, end=1)
    shape = graph.add("Concat", [users, graph.whole(-1)], axis=0)
    there, numbers = graph.present(graph.add("Reshape", [ITEMS, shape]))
    vectors = graph.add("Gather", [VECTORS, numbers])
    scores = graph.add("MatMul", [vectors, graph.add("Unsqueeze", [session, graph.whole(2)])])
    scores = graph.add("Squeeze", [scores, graph.whole(2)])
    scores = graph.product(scores, graph.constant(network.scale))
    same = graph.add("Equal", [graph.add("Unsqueeze", [numbers, graph.whole(2)]), graph.add("Unsqueeze", [SEQUENCE, graph.whole(1)])])
    seen = graph.sum(graph.product(graph.add("Cast", [same], to=TensorProto.FLOAT), graph.constant(network.seen)))
    scores = graph.product(graph.add("Add", [scores, graph.add("Squeeze", [seen, graph.whole(2)])]), there)
    count = graph.add("Max", [graph.sum(there), graph.constant(1.0)])
    away = graph.product(graph.add("Sub", [scores, graph.add("Div", [graph.sum(scores), count])]), there)
    variance = graph.add("Div", [graph.sum(graph.product(away, away)), count])
    spread = graph.add("Sqrt", [graph.add("Add", [variance, graph.constant(SPREAD)])])
    return graph.add("Reshape", [graph.add("Div", [away, spread]), graph.whole(-1, 1)])
