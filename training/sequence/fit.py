"""Fitting a network to sessions."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from training.sequence.adam import Adam, Rates
from training.sequence.candidates import Candidates
from training.sequence.gradients import Batch, loss_and_gradient
from training.sequence.network import Network
from training.sequence.steps import Steps, join_steps, make_steps, reverse
from udfs.profile import RING

WIDTH = 64
SCALE = 10.0
FADE = 0.3  # by which a place's first weight lies below that of the next newer one
BATCH = 512
RATES, LEAST_PART = Rates(items=5e-3, last=1e-3, whole=1e-3, places=1e-3, seen=3e-2, scale=1e-3), 0.02
DROP = 0.3
# So many batches or more, in no more passes than these and no fewer.
BATCHES, LEAST_EPOCHS, MOST_EPOCHS = 1000, 3, 30
MOST_CLICKS = 2_000_000

Progress = Callable[[int, int], None]


def new_network(items: int, seed: int, width: int = WIDTH) -> Network:
    """Give a network that has learnt nothing.

    Parameters
    ----------
    items
        I.
    seed
        Of the items' vectors.
    width
        D, numbers in a vector.
    """
    vectors = np.random.default_rng(seed).standard_normal((items, width), np.float32)
    vectors /= np.sqrt((vectors * vectors).sum(1, keepdims=True))
    same = np.eye(width, dtype=np.float32)
    place = np.arange(RING, dtype=np.float32)
    return Network(vectors, same, same.copy(), -np.float32(FADE) * place, 0 * place, np.array([SCALE], np.float32))


def fit_network(
    items: NDArray[np.int32],
    ends: NDArray[np.int64],
    count: int,
    seed: int = 0,
    progress: Progress | None = None,
    epochs: int | None = None,
) -> Network:
    """Fit a network to what came next in sessions, and in the same sessions turned round.

    The same sessions and seed give the same network, bit for bit, on one machine.

    Parameters
    ----------
    items : i4[m]
        Item of each click, -1 for one without a number. Of more than two millions, the last are learnt from.
    ends : i8[S]
        Where each session ends; the latest is last: of all sessions it tells most about tomorrow, so none is kept apart here.
    count
        I, numbered items.
    seed
        Of everything random.
    progress
        Told how many of how many batches are done.
    epochs
        Passes over the sessions; None: as many as are planned for so many of them.

    Returns
    -------
    Network
        Items of which no session tells what comes before or after have zeros.
    """
    steps = _both_ways(*_latest(items, ends))
    fit = _Fit(steps, count, seed, progress)
    with threadpool_limits(1):
        for _ in range(_planned(steps) if epochs is None else min(epochs, _planned(steps))):
            fit.epoch()
    return fit.network


def _latest(items: NDArray[np.int32], ends: NDArray[np.int64]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    first = int(np.searchsorted(ends, len(items) - MOST_CLICKS, "right")) if len(items) > MOST_CLICKS else 0
    cut = int(ends[first - 1]) if first else 0
    return items[cut:], ends[first:] - cut


def _both_ways(items: NDArray[np.int32], ends: NDArray[np.int64]) -> Steps:
    return join_steps(make_steps(items, ends), make_steps(reverse(items, ends), ends))


def _batches(steps: Steps) -> int:
    return -(-len(steps.following) // BATCH)


def _planned(steps: Steps) -> int:
    return int(np.clip(-(-BATCHES // max(1, _batches(steps))), LEAST_EPOCHS, MOST_EPOCHS))


class _Fit:
    """A network that learns, pass by pass, at a rate that falls to nearly nothing over the planned passes."""

    def __init__(self, steps: Steps, count: int, seed: int, progress: Progress | None) -> None:
        self.network = new_network(count, seed)
        known = np.zeros(count, np.bool_)
        known[steps.sequence[steps.sequence >= 0]] = True
        known[steps.following] = True
        self.network.items[~known] = 0.0
        self._steps, self._progress = steps, progress
        self._candidates, self._adam = Candidates(steps.following), Adam(self.network, RATES)
        self._random = np.random.default_rng([seed, 1])
        self._done, self._total = 0, _planned(steps) * _batches(steps)

    def epoch(self) -> None:
        """Learn from every step once."""
        order = self._random.permutation(len(self._steps.following))
        for start in range(0, len(order), BATCH):
            rows = order[start : start + BATCH]
            self._batch(Steps(self._steps.sequence[rows], self._steps.following[rows]))
            self._done += 1
            if self._progress:
                self._progress(self._done, self._total)

    def _batch(self, steps: Steps) -> None:
        possible, offset = self._candidates.draw(steps.following, self._random)
        there = steps.sequence >= 0
        items, number = np.unique(np.concatenate([steps.sequence[there], possible]), return_inverse=True)
        split = len(number) - len(possible)
        sequence = np.full(there.shape, -1, np.int64)
        sequence[there] = number[:split]
        kept = self._random.random((*there.shape, self.network.items.shape[1]), np.float32) >= DROP
        place = np.searchsorted(possible, steps.sequence)
        place[(place == len(possible)) | (possible[np.minimum(place, len(possible) - 1)] != steps.sequence)] = -1
        following = np.searchsorted(possible, steps.following)
        batch = Batch(sequence, place, number[split:], following, offset, kept * np.float32(1.0 / (1.0 - DROP)))
        _, gradient = loss_and_gradient(self.network._replace(items=self.network.items[items]), batch)
        self._adam.step(gradient, items, max(1.0 - self._done / self._total, LEAST_PART))
