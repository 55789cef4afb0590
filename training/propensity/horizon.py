"""How long a shopper has to be away to count as gone: as long as shoppers of this shop are before they come back."""

from __future__ import annotations

import math

import numpy as np

from training.propensity.outcomes import VisitTimes
from training.propensity.samples import Parts
from udfs.user_features import DAY_MS

#: Of those who come back, so many have by then.
COME_BACK = 0.9
LEAST_RETURNS = 100
#: Labels need as long to become known: half of the cases of every part of the history shall have one.
SHARE = 2


def churn_days(visits: VisitTimes, parts: Parts) -> tuple[int, str]:
    """Choose the days of absence.

    Parameters
    ----------
    visits
        Of the history.
    parts
        How it is cut; visits after `learn` are not looked at.

    Returns
    -------
    int, str
        Whole days, 0: it cannot be learned here; and why so many.
    """
    follows = np.flatnonzero(visits.follows)
    away = (visits.first[follows + 1] - visits.last[follows])[visits.first[follows + 1] < parts.learn]
    most = min(parts.learn - parts.fit, parts.end - parts.learn) // SHARE // DAY_MS
    if most < 1:
        return 0, f"a part of the history that it would be tested on is shorter than {SHARE} days"
    if len(away) < LEAST_RETURNS:
        return 0, f"only {len(away)} visits of shoppers who came back; {LEAST_RETURNS} are needed"
    usual = max(1, math.ceil(float(np.quantile(away, COME_BACK)) / DAY_MS))
    if usual > most:
        return int(most), f"{COME_BACK:.0%} of those who come back do within {usual} days; the history is too short for more than {most}"
    return usual, f"{COME_BACK:.0%} of those who come back do within {usual} days"
