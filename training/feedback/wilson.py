"""How often something happens, with an interval."""

from __future__ import annotations

from typing import Any

import numpy as np

Z = 1.959963984540054
"""Of the normal distribution, 97.5 % lie below it."""


def rate(successes: int, trials: int) -> dict[str, Any] | None:
    """Give a share with its 95 % interval.

    E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22, 1927.

    Parameters
    ----------
    successes, trials
        Counts; without a trial there is no share.

    Examples
    --------
    >>> rate(1, 10)
    {'value': 0.1, 'low': 0.017876213095072896, 'high': 0.4041500267952885}
    """
    if not trials:
        return None
    share, square = successes / trials, Z * Z
    middle = (share + square / (2 * trials)) / (1 + square / trials)
    half = Z / (1 + square / trials) * float(np.sqrt(share * (1 - share) / trials + square / (4 * trials * trials)))
    return {"value": share, "low": min(share, max(0.0, middle - half)), "high": max(share, min(1.0, middle + half))}
