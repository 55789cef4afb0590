"""The loss of a network on a batch of steps, and its gradient by hand."""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from training.sequence.network import Floats, Network, join


class Batch(NamedTuple):
    """B steps over U items.

    Attributes
    ----------
    sequence : i8[B, 12]
        Rows of the items among the U, -1: none.
    place : i8[B, 12]
        Which of the candidates each of them is, -1: none of them.
    candidates : i8[C]
        Rows of the items that each step could have led to, each once.
    following : i8[B]
        Which of the candidates it led to.
    offset : f4[C]
        Logarithm of the chance that the candidate is one.
    kept : f4[B, 12, D]
        What each entry of the sequence's vectors is multiplied with (dropout), 1: nothing is dropped.
    """

    sequence: NDArray[np.int64]
    place: NDArray[np.int64]
    candidates: NDArray[np.int64]
    following: NDArray[np.int64]
    offset: Floats
    kept: Floats


def loss_and_gradient(network: Network, batch: Batch) -> tuple[float, Network]:
    """Give the mean cross entropy of the softmax over the candidates, and its gradient.

    Scores are lowered by `offset`, so that a sample of candidates stands for all: "On Using Very Large Target Vocabulary for Neural Machine
    Translation" (Jean, Cho, Memisevic, Bengio, 2015).

    Parameters
    ----------
    network
        The network; its `items` are the U vectors, of unit length.
    batch
        The steps.

    Returns
    -------
    float, Network
        The loss, and its derivative by each number of the network; that by the items is taken along the unit sphere.
    """
    size, width = batch.sequence.shape[0], network.items.shape[1]
    rows = np.arange(size)
    present = batch.sequence >= 0
    factor = batch.kept * present[:, :, None]
    vectors = network.items[np.maximum(batch.sequence, 0)] * factor
    session = join(network, vectors, present)
    targets = network.items[batch.candidates]
    # One array of B x C, changed in place: there is none greater.
    scores = (network.scale * session.unit) @ targets.T
    scores -= batch.offset
    _add_seen(scores, batch.place, network.seen)
    scores -= scores.max(1, keepdims=True)
    right = scores[rows, batch.following]
    np.exp(scores, out=scores)
    total = scores.sum(1, keepdims=True)
    loss = float(np.mean(np.log(total[:, 0]) - right))
    scores /= total * size
    scores[rows, batch.following] -= 1.0 / size
    by_score = scores

    pulled = by_score @ targets
    by_unit = network.scale * pulled
    by_sums = (by_unit - session.unit * (session.unit * by_unit).sum(1, keepdims=True)) / session.length
    by_mean = by_sums @ network.whole.T
    by_weight = (vectors @ by_mean[:, :, None])[:, :, 0]
    by_place = session.weights * (by_weight - (session.weights * by_weight).sum(1, keepdims=True))
    by_vector = session.weights[:, :, None] * by_mean[:, None, :]
    by_vector[:, 0] += by_sums @ network.last.T
    by_vector *= factor

    by_item = np.zeros_like(network.items)
    _add_rows(by_item, batch.sequence.reshape(-1), by_vector.reshape(-1, width))
    by_item[batch.candidates] += by_score.T @ (network.scale * session.unit)
    by_item -= network.items * (network.items * by_item).sum(1, keepdims=True)
    return loss, Network(
        items=by_item,
        last=vectors[:, 0].T @ by_sums,
        whole=session.mean.T @ by_sums,
        places=by_place.sum(0),
        seen=_sum_seen(by_score, batch.place),
        scale=(session.unit * pulled).sum(keepdims=True)[0],
    )


@numba.njit(cache=True)
def _add_rows(total: Any, rows: Any, values: Any) -> None:
    for i in range(len(rows)):
        if rows[i] >= 0:
            for j in range(total.shape[1]):
                total[rows[i], j] += values[i, j]


@numba.njit(cache=True)
def _add_seen(scores: Any, place: Any, seen: Any) -> None:
    for i in range(place.shape[0]):
        for j in range(place.shape[1]):
            if place[i, j] >= 0:
                scores[i, place[i, j]] += seen[j]


@numba.njit(cache=True)
def _sum_seen(by_score: Any, place: Any) -> Any:
    total = np.zeros(place.shape[1], by_score.dtype)
    for i in range(place.shape[0]):
        for j in range(place.shape[1]):
            if place[i, j] >= 0:
                total[j] += by_score[i, place[i, j]]
    return total
