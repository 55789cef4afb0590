"""Bandits whose truth is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.off_policy.bandit import BanditLog, Policy


@dataclass(frozen=True)
class World:
    """Shoppers of some kinds, items, and positions that are looked at more or less.

    Attributes
    ----------
    attraction : f8[kinds, items]
        Probability that an item that is looked at is clicked.
    examined : f8[positions]
        Probability that a position is looked at.
    """

    attraction: NDArray[np.float64]
    examined: NDArray[np.float64]

    @classmethod
    def make(cls, seed: int = 0, kinds: int = 3, items: int = 8, positions: int = 3) -> World:
        random = np.random.default_rng(seed)
        return cls(random.uniform(0.05, 0.6, (kinds, items)), 1.0 / (1.0 + 0.5 * np.arange(positions)))

    def value(self, policy: Policy) -> float:
        return float(np.einsum("ka,k,a->", policy, self.examined, self.attraction.mean(0)) / len(self.examined))

    def policy(self, seed: int, sharpness: float = 1.0) -> Policy:
        score = np.random.default_rng(seed).normal(size=(len(self.examined), self.attraction.shape[1])) * sharpness
        chance = np.exp(score)
        return np.asarray(chance / chance.sum(1, keepdims=True), np.float64)

    def log(self, policy: Policy, rows: int, seed: int) -> BanditLog:
        random = np.random.default_rng(seed)
        kinds, items = self.attraction.shape
        position = random.integers(0, len(self.examined), rows)
        item = (policy[position].cumsum(1) > random.random(rows)[:, None]).argmax(1)
        kind = random.integers(0, kinds, rows)
        reward = random.random(rows) < self.examined[position] * self.attraction[kind, item]
        return BanditLog(
            item.astype(np.int32), position.astype(np.int32), reward.astype(np.float64), policy[position, item],
            np.arange(rows, dtype=np.int64), kind[:, None].astype(np.int32), None, items, len(self.examined),
        )  # fmt: skip

    def expected(self, log: BanditLog) -> NDArray[np.float64]:
        """The truth that a perfect reward model would know: f8[n, items]."""
        return np.asarray(self.examined[log.position][:, None] * self.attraction[log.user[:, 0]], np.float64)
