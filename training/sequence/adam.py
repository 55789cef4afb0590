"""Steps down a gradient, of dense arrays and of single rows of the item vectors."""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from training.sequence.network import Network

FIRST, SECOND, TINY = 0.9, 0.999, 1e-8


class Rates(NamedTuple):
    """Rates of the arrays of a network."""

    items: float
    last: float
    whole: float
    places: float
    seen: float
    scale: float


class Adam:
    """The method of "Adam: A Method for Stochastic Optimization" (Kingma, Ba, 2015); rows of items that a batch does not hold rest.

    Parameters
    ----------
    network
        What is changed, in place.
    rates
        Usual length of a step of each number.
    """

    def __init__(self, network: Network, rates: Rates) -> None:
        self._network = network
        self._rates = rates
        self._first = Network(*(np.zeros_like(array) for array in network))
        self._second = Network(*(np.zeros_like(array) for array in network))
        self._steps = 0

    def step(self, gradient: Network, rows: NDArray[np.int64], part: float) -> None:
        """Take one step; the items end up at unit length.

        Parameters
        ----------
        gradient
            Its `items` are those of `rows`.
        rows : i8[U]
            Items of the batch, each once.
        part
            Of the rate.
        """
        self._steps += 1
        correct = 1.0 / (1.0 - FIRST**self._steps), 1.0 / (1.0 - SECOND**self._steps)
        for name in Network._fields:
            array, slope, first, second = (getattr(of, name) for of in (self._network, gradient, self._first, self._second))
            rate = np.float32(part * getattr(self._rates, name))
            if name == "items":
                _step_rows(array, slope, first, second, rows, rate, np.float32(correct[0]), np.float32(correct[1]))
            else:
                first += (1.0 - FIRST) * (slope - first)
                second += (1.0 - SECOND) * (slope * slope - second)
                array -= rate * (first * correct[0]) / (np.sqrt(second * correct[1]) + TINY)


@numba.njit(cache=True)
def _step_rows(array: Any, slope: Any, first: Any, second: Any, rows: Any, rate: Any, correct_first: Any, correct_second: Any) -> None:
    keep_first, keep_second, tiny, one = np.float32(FIRST), np.float32(SECOND), np.float32(TINY), np.float32(1.0)
    for i in range(len(rows)):
        row, length = rows[i], np.float32(0.0)
        for j in range(array.shape[1]):
            g = slope[i, j]
            first[row, j] = keep_first * first[row, j] + (one - keep_first) * g
            second[row, j] = keep_second * second[row, j] + (one - keep_second) * g * g
            array[row, j] -= rate * (first[row, j] * correct_first) / (np.sqrt(second[row, j] * correct_second) + tiny)
            length += array[row, j] * array[row, j]
        length = np.sqrt(length)
        for j in range(array.shape[1]):
            array[row, j] /= length
