"""How much of a target policy a log can tell of, and when it cannot."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from udfs.errors import SwerveError

LEAST_EFFECTIVE, LEAST_SHARE = 100.0, 0.01
LEAST_REWARDED = 10
MOST_OF_ONE = 0.05
ALMOST_SURE = 0.999
EXPLORE = "show a share of the pages by chance, and log with what probability each item stood there"


class NoOverlap(SwerveError):
    """The log tells nothing of the target policy."""


@dataclass
class Overlap:
    """How a log and a target policy overlap.

    Attributes
    ----------
    rows
        Of the log.
    effective
        Effective sample size, (sum of w)² / sum of w²: L. Kish, "Survey sampling", 1965. So many rows of the target's own log would tell as
        much.
    max_weight, mean_weight
        Of the weights. Their mean is 1 where the log has all that the target shows, and less by what it lacks.
    unseen
        Share of what the target shows that the log never shows at all; None: not known.
    warnings
        What makes the estimates doubtful.
    """

    rows: int
    effective: float
    max_weight: float
    mean_weight: float
    unseen: float | None = None
    warnings: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Give it as a JSON document."""
        return asdict(self)


def examine(weight: NDArray[np.float64], reward: NDArray[np.float64], unseen: float | None = None) -> Overlap:
    """Measure the overlap.

    Parameters
    ----------
    weight, reward : f8[n]
        See `training.off_policy.estimators.Sample`.
    unseen
        See `Overlap`.

    Raises
    ------
    NoOverlap
        If nothing that was shown would the target show.
    """
    total, squares = float(weight.sum()), float(np.square(weight).sum())
    if not total:
        raise NoOverlap("nothing in the log is what this policy would show", EXPLORE)
    rows = len(weight)
    found = Overlap(rows, total**2 / squares, float(weight.max()), total / rows, unseen)
    say = found.warnings.append
    rewarded = int(((weight > 0) & (reward != 0)).sum())
    if rewarded < LEAST_REWARDED:
        say(f"{rewarded} of the rows that count were clicked: too few to tell one policy from another")
    if found.effective < LEAST_EFFECTIVE or found.effective < LEAST_SHARE * rows:
        say(f"the log is worth {found.effective:,.0f} of its {rows:,} rows to this policy: its intervals may be too narrow, but for dm")
    if found.max_weight > MOST_OF_ONE * total:
        say(f"one row has {found.max_weight / total:.0%} of all the weight: look at clipped_ips and clipped_dr too")
    error = float(weight.std()) / np.sqrt(rows)
    if unseen and unseen > LEAST_SHARE:
        say(
            f"{unseen:.0%} of what this policy shows is never in the log: ips takes it as worth nothing, snips as worth the rest; {EXPLORE}"
        )
    elif abs(found.mean_weight - 1) > LEAST_SHARE + 4 * error:
        say(f"the mean weight is {found.mean_weight:.2f}, not 1: the log was made with other propensities, or lacks items")
    return found


def require_chance(propensity: NDArray[np.float64]) -> None:
    """Refuse a log that was made without chance.

    Raises
    ------
    NoOverlap
        If every propensity is 1.
    """
    if len(propensity) and float(propensity.min()) >= ALMOST_SURE:
        raise NoOverlap("every propensity in the log is 1: what else would have been shown was never tried", EXPLORE)
