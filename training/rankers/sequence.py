"""The ranker with a network over the session: what the network says of a candidate, weighed with the other features."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from training.examples import Examples
from training.sequence.head import Choices, fit_sequence_ranker
from training.sequence.network import Network
from udfs.features import columns


class Networks(NamedTuple):
    """The network of the sessions before the examples, and that of all sessions, for the bundle's own item numbers."""

    earlier: Network
    final: Network


def fit_sequence(earlier: Network, network: Network, examples: Examples, features: Sequence[str], seed: int) -> bytes:
    """Fit the head, and write it with a network.

    Parameters
    ----------
    earlier
        Has seen nothing of the examples; its item numbers are theirs.
    network
        Is written.
    examples
        Lists that hold what came next.
    features
        Names of the columns that the head takes beside the network's score.
    seed
        Of everything random.

    Returns
    -------
    bytes
        The ONNX file; it takes `items` and `sequence` as well.
    """
    places = np.arange(examples.items.shape[1])
    chosen = places[None, :] == examples.right[:, None]
    choices = Choices(examples.features[:, :, columns(features)], examples.items, examples.sequence, chosen)
    return fit_sequence_ranker(earlier, network, choices, features, seed)
