"""The sequence model in ONNX Runtime: the same numbers as in NumPy, whoever else is in the batch."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest

from training.rankers.onnx_file import Layer
from training.sequence.fit import new_network
from training.sequence.graph import export_sequence_ranker
from training.sequence.head import Choices, fit_sequence_ranker
from training.sequence.network import Network, sequence_scores
from udfs.profile import RING
from udfs.scorer import METADATA

ITEMS, FEATURES = 3000, 9
NAMES = [f"f{i}" for i in range(FEATURES)]


def network_of(items: int = ITEMS, seed: int = 0) -> Network:
    random = np.random.default_rng(seed)
    network = new_network(items, seed)
    network.items[7] = 0.0  # not in any session
    for matrix in (network.last, network.whole):
        matrix += random.standard_normal(matrix.shape, np.float32) / 10
    return network


def head_of(features: int = FEATURES) -> list[Layer]:
    random = np.random.default_rng(5)
    sizes = (features + 1, 32, 16, 1)
    return [(random.standard_normal((a, b)) / np.sqrt(a), random.standard_normal(b) / 4) for a, b in pairwise(sizes)]


def session_of(model: bytes) -> Any:
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def inputs_of(users: int, block: int, seed: int = 1) -> tuple[Any, Any, Any]:
    """Features f4[n, K, F], items i4[n, K], sequence i4[n, 12] with gaps of all kinds."""
    random = np.random.default_rng(seed)
    features = random.standard_normal((users, block, FEATURES), np.float32)
    items = random.integers(0, ITEMS, (users, block)).astype(np.int32)
    items[np.arange(block) >= random.integers(0, block + 1, (users, 1))] = -1
    sequence = random.integers(0, ITEMS, (users, RING)).astype(np.int32)
    sequence[np.arange(RING) >= random.integers(0, RING + 1, (users, 1))] = -1
    sequence[random.random(sequence.shape) < 0.1] = -1
    items[0], items[1] = 5, -1
    sequence[0], sequence[2] = 7, -1
    return features, items, sequence


def run(session: Any, features: Any, items: Any, sequence: Any) -> Any:
    values = {
        "features": features.reshape(-1, FEATURES),
        "items": items.reshape(-1).astype(np.int64),
        "sequence": sequence.astype(np.int64),
    }
    (scores,) = session.run(["score"], values)
    return scores


def test_numpy_and_onnx_runtime_agree() -> None:
    network, head = network_of(), head_of()
    features, items, sequence = inputs_of(100, 100)
    scores = run(session_of(export_sequence_ranker(network, head, NAMES)), features, items, sequence)
    values = np.concatenate([features, sequence_scores(network, sequence, items)[:, :, None]], 2).reshape(-1, FEATURES + 1)
    for weights, biases in head[:-1]:
        values = np.maximum(values @ weights.astype(np.float32) + biases.astype(np.float32), 0)
    expected = 1 / (1 + np.exp(-(values @ head[-1][0].astype(np.float32) + head[-1][1].astype(np.float32))))
    assert scores.shape == expected.shape == (10_000, 1)
    assert expected.std() > 0.05
    assert np.abs(scores - expected).max() <= 1e-5


@pytest.mark.parametrize("block", [4, 60, 100])
def test_a_user_s_scores_are_hers_alone(block: int) -> None:
    session = session_of(export_sequence_ranker(network_of(), head_of(), NAMES))
    features, items, sequence = inputs_of(37, block)
    together = run(session, features, items, sequence).reshape(37, block)
    for first, last in [(i, i + 1) for i in range(37)] + [(0, 36), (1, 37), (3, 8), (30, 32), (5, 22)]:
        part = slice(first, last)
        assert run(session, features[part], items[part], sequence[part]).tobytes() == together[part].tobytes()
    turned = run(session, features[::-1].copy(), items[::-1], sequence[::-1]).reshape(37, block)
    assert turned[::-1].tobytes() == together.tobytes()


def test_what_the_file_says_of_itself() -> None:
    session = session_of(export_sequence_ranker(network_of(20), head_of(), NAMES))
    assert {i.name: (i.type, i.shape) for i in session.get_inputs()} == {
        "features": ("tensor(float)", ["rows", FEATURES]),
        "items": ("tensor(int64)", ["rows"]),
        "sequence": ("tensor(int64)", ["users", RING]),
    }
    assert json.loads(session.get_modelmeta().custom_metadata_map[METADATA]) == NAMES
    with pytest.raises(ValueError, match="9 columns, not the 9 features"):
        export_sequence_ranker(network_of(20), head_of(FEATURES - 1), NAMES)


def test_a_head_fitted_beside_one_network_serves_beside_another() -> None:
    features, items, sequence = inputs_of(200, 12)
    chosen = np.zeros(items.shape, np.bool_)
    chosen[:, 0] = items[:, 0] >= 0
    earlier, later = network_of(seed=1), network_of(seed=2)
    data = fit_sequence_ranker(earlier, later, Choices(features, items, sequence, chosen), NAMES, 0)
    assert data == fit_sequence_ranker(earlier, later, Choices(features, items, sequence, chosen), NAMES, 0)
    scores = run(session_of(data), features, items, sequence)
    assert np.isfinite(scores).all()
    assert later.items.tobytes() in data
    assert earlier.items.tobytes() not in data
