"""Logs of one item at one position, and policies over them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

#: Clicks are rare: so many impressions of the mean click-through stand before an item's own.
PRIOR_IMPRESSIONS = 50.0


class BanditLog(NamedTuple):
    """What was shown, one row for each item on a page.

    Attributes
    ----------
    item : i4[n]
        Number of the item, below `items`.
    position : i4[n]
        Where it stood, below `positions`.
    reward : f8[n]
        1 for a click.
    propensity : f8[n]
        Probability of this item at this position, by the policy that made the log.
    time : i8[n]
        In ms since 1970.
    user : i4[n, U]
        Numbers of the shopper's categorical features.
    affinity : f4[n, items] or None
        Of the shopper to each item.
    items, positions
        How many there are.
    """

    item: NDArray[np.int32]
    position: NDArray[np.int32]
    reward: NDArray[np.float64]
    propensity: NDArray[np.float64]
    time: NDArray[np.int64]
    user: NDArray[np.int32]
    affinity: NDArray[np.float32] | None
    items: int
    positions: int

    def rows(self, chosen: NDArray[np.bool_]) -> BanditLog:
        """Give some of its rows."""
        return self._replace(
            item=self.item[chosen],
            position=self.position[chosen],
            reward=self.reward[chosen],
            propensity=self.propensity[chosen],
            time=self.time[chosen],
            user=self.user[chosen],
            affinity=None if self.affinity is None else self.affinity[chosen],
        )


Policy = NDArray[np.float64]
"""f8[positions, items]: with what probability each item stands at a position."""


def uniform(log: BanditLog) -> Policy:
    """Every item as often as the others."""
    return np.full((log.positions, log.items), 1.0 / log.items)


def shares(log: BanditLog) -> Policy:
    """As the policy of a log was on average over its time: how often each item stood at each position."""
    counts = np.zeros((log.positions, log.items))
    np.add.at(counts, (log.position, log.item), 1.0)
    total = counts.sum(1, keepdims=True)
    return np.divide(counts, total, out=np.full_like(counts, 1.0 / log.items), where=total > 0)


def click_through(log: BanditLog) -> NDArray[np.float64]:
    """Estimate the click-through of each item, drawn towards the mean where there is little to tell from.

    The mean of a beta distribution after the log, where before it the item has `PRIOR_IMPRESSIONS` impressions of the mean click-through.
    Rows count by the inverse of their propensity, so that an item's positions and the hours of its impressions count alike.

    Returns
    -------
    f8[items]
    """
    weight = 1.0 / log.propensity
    weight *= len(weight) / weight.sum()
    shown, clicked = (np.bincount(log.item, column, log.items) for column in (weight, weight * log.reward))
    mean = clicked.sum() / max(shown.sum(), 1.0)
    rate: NDArray[np.float64] = (clicked + PRIOR_IMPRESSIONS * mean) / (shown + PRIOR_IMPRESSIONS)
    return rate


def popular(log: BanditLog) -> Policy:
    """Items in proportion to their estimated click-through."""
    rate = click_through(log)
    total = rate.sum()
    return np.tile(rate / total if total else np.full(log.items, 1.0 / log.items), (log.positions, 1))


def greedy(log: BanditLog) -> Policy:
    """The items of the greatest estimated click-through, best first, one for each position; the lowest number among equals."""
    best = np.argsort(-click_through(log), kind="stable")[: log.positions]
    policy = np.zeros((log.positions, log.items))
    policy[np.arange(len(best)), best] = 1.0
    return policy


def weights(log: BanditLog, policy: Policy) -> NDArray[np.float64]:
    """Give each row's probability under the policy over its propensity, as f8[n]."""
    weight: NDArray[np.float64] = policy[log.position, log.item] / log.propensity
    return weight


def unseen(log: BanditLog, policy: Policy) -> float:
    """Tell what share of what a policy shows is never in the log, at that position."""
    seen = np.zeros(policy.shape, np.bool_)
    seen[log.position, log.item] = True
    of_position = np.bincount(log.position, minlength=log.positions) / max(1, len(log.position))
    return float((of_position * np.where(seen, 0.0, policy).sum(1)).sum())
