"""What a model of shoppers learns from: features at a time, and what was seen to follow by another."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from udfs.user_features import DAY_MS, USER_FEATURES, category_features, user_features


class Samples(NamedTuple):
    """Samples.

    Attributes
    ----------
    features : f4[n, F]
        Of the profile as it was.
    label : bool[n]
        Whether it came so.
    time, known : i8[n]
        When the sample was taken; when the label was known for certain, in ms.
    """

    features: NDArray[np.float32]
    label: NDArray[np.bool_]
    time: NDArray[np.int64]
    known: NDArray[np.int64]

    def only(self, which: NDArray[np.bool_]) -> Samples:
        """Give some of them."""
        return Samples(self.features[which], self.label[which], self.time[which], self.known[which])


class Parts(NamedTuple):
    """Times in ms: models are fitted before `fit`, calibrated until `learn`, tested until `end`."""

    fit: int
    learn: int
    end: int


def fold(samples: Samples, begin: int, end: int) -> Samples:
    """Give the samples of a stretch of time whose labels were known within it: no fold knows what the next one is asked.

    Parameters
    ----------
    samples
        Of any time.
    begin, end
        In ms.
    """
    return samples.only((samples.time >= begin) & (samples.known <= end))


def of_users(profiles: NDArray[np.void], label: NDArray[np.bool_], time: NDArray[np.int64], known: NDArray[np.int64]) -> Samples:
    """Make samples with the features of a user. Less than two days tell nothing of the hours of a day, so these are 0 there.

    Parameters
    ----------
    profiles : PROFILE[n]
        As they were.
    label, time, known
        See `Samples`.
    """
    features = user_features(profiles)[: len(profiles)]
    if len(time) and time.max() - time.min() < 2 * DAY_MS:
        features[:, [USER_FEATURES.index("hour_sin"), USER_FEATURES.index("hour_cos")]] = 0
    return Samples(features, label, time, known)


def of_categories(profiles: NDArray[np.void], following: NDArray[np.uint32], time: NDArray[np.int64], known: NDArray[np.int64]) -> Samples:
    """Make a sample of each category of each user.

    Parameters
    ----------
    profiles : PROFILE[n]
        As they were.
    following : u4[n]
        Category of the item that she clicked next.
    time, known
        See `Samples`.
    """
    rows, user, entry = category_features(profiles)
    label = profiles["categories"]["category"][user, entry] == following[user]
    return Samples(rows[: len(user)], label, time[user], known[user])
