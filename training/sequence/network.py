"""A network over the items of a session: what it consists of, and what it says of candidates."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from udfs.profile import RING

TINY = 1e-12  # keeps a session without items from dividing by 0
SPREAD = 1e-6  # the same for candidates that all have one score
USERS_A_STEP = 1024

#: Of float32; of float64 where gradients are checked.
Floats = NDArray[Any]


class Network(NamedTuple):
    """Item vectors of unit length, and what makes a session's vector of them.

    A session's vector is e_1 · last + (Σ_j w_j e_j) · whole over its items e_1 (the newest) to e_12, brought to unit length; the weights w
    are the softmax of `places` over the places that hold an item. The score of an item is `scale` times the cosine of its vector and the
    session's, and `seen` for each place that holds it: in one shop items are come back to, in another never.

    Normalised vectors, so that popular items do not drown the others: "NISER: Normalized Item and Session Representations to Handle
    Popularity Bias" (Gupta, Garg, Malhotra, Vig, Shroff, 2019). The last item and a weighted mean of all: "STAMP: Short-Term
    Attention/Memory Priority Model for Session-based Recommendation" (Liu, Zeng, Mokhosi, Zhang, 2018). Sessions and items in one space:
    "CORE: Simple and Effective Session-based Recommendation within Consistent Representation Space" (Hou, Hu, Zhang, Zhao, 2022). Weights
    that depend on the items too, as STAMP's do, were tried and rank no better.

    Attributes
    ----------
    items : f4[I, D]
        Of unit length; zeros for an item that no session holds.
    last, whole : f4[D, D]
    places, seen : f4[12]
        Of the newest item first.
    scale : f4[1]
    """

    items: Floats
    last: Floats
    whole: Floats
    places: Floats
    seen: Floats
    scale: Floats


def no_network(items: int, width: int = 1) -> Network:
    """Give a network that knows no item.

    Parameters
    ----------
    items
        I.
    width
        D.
    """
    square, places = np.zeros((width, width), np.float32), np.zeros(RING, np.float32)
    return Network(np.zeros((items, width), np.float32), square, square, places, places, np.ones(1, np.float32))


class Joined(NamedTuple):
    """A session's vector, and what it was made from.

    Attributes
    ----------
    weights : f4[n, 12]
    mean, unit : f4[n, D]
    length : f4[n, 1]
        Of the vector before it was brought to unit length.
    """

    weights: Floats
    mean: Floats
    length: Floats
    unit: Floats


def join(network: Network, vectors: Floats, present: NDArray[np.bool_]) -> Joined:
    """Make sessions' vectors from their items'.

    Parameters
    ----------
    network
        The network; its `items` are not used.
    vectors : f4[n, 12, D]
        Newest first, zeros where there is none.
    present : bool[n, 12]
        Where there is one.
    """
    weights = np.exp(network.places - network.places.max()) * present
    weights = weights / np.maximum(weights.sum(1, keepdims=True), TINY)
    mean = (weights[:, None, :] @ vectors)[:, 0]
    sums = vectors[:, 0] @ network.last + mean @ network.whole
    length = np.sqrt((sums * sums).sum(1, keepdims=True) + TINY)
    return Joined(weights, mean, length, sums / length)


def session_vectors(network: Network, sequence: NDArray[np.int32]) -> Floats:
    """Give the vectors of sessions.

    Parameters
    ----------
    network
        The network.
    sequence : i4[n, 12]
        Item numbers, newest first, -1: none.

    Returns
    -------
    f4[n, D]
        Of unit length; zeros for a session without items.
    """
    present = sequence >= 0
    return join(network, network.items[np.maximum(sequence, 0)] * present[:, :, None], present).unit


def score_all(network: Network, sequence: NDArray[np.int32]) -> Floats:
    """Score all items.

    Parameters
    ----------
    network
        The network.
    sequence : i4[n, 12]
        Item numbers, newest first, -1: none.

    Returns
    -------
    f4[n, I]
    """
    scores = (network.scale * session_vectors(network, sequence)) @ network.items.T
    for place, of in enumerate(network.seen):
        rows = np.flatnonzero(sequence[:, place] >= 0)
        scores[rows, sequence[rows, place]] += of
    return np.asarray(scores)


def sequence_scores(network: Network, sequence: NDArray[np.int32], items: NDArray[np.int32]) -> NDArray[np.float32]:
    """Score each user's candidates, as the exported graph does before its head.

    Parameters
    ----------
    network
        The network.
    sequence : i4[n, 12]
        Item numbers, newest first, -1: none.
    items : i4[n, K]
        Candidates, -1: none.

    Returns
    -------
    f4[n, K]
        Scores less their mean over the user's candidates, divided by their standard deviation; 0 where there is no candidate.
    """
    found = np.empty(items.shape, np.float32)
    for start in range(0, len(items), USERS_A_STEP):
        part, seen = items[start : start + USERS_A_STEP], sequence[start : start + USERS_A_STEP]
        there = part >= 0
        scores = (network.items[np.maximum(part, 0)] @ session_vectors(network, seen)[:, :, None])[:, :, 0] * network.scale
        scores = (scores + ((part[:, :, None] == seen[:, None, :]) * network.seen).sum(2)) * there
        count = np.maximum(there.sum(1, keepdims=True), 1).astype(np.float32)
        away = (scores - scores.sum(1, keepdims=True) / count) * there
        found[start : start + USERS_A_STEP] = away / np.sqrt((away * away).sum(1, keepdims=True) / count + SPREAD)
    return found
