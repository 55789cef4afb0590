"""Everything that `swerve explain` and the API tell of a shopper, worked out again from her stored profile."""

from __future__ import annotations

from typing import Any

from models.bundle import Bundle
from udfs.describe import describe_estimates, describe_profile, describe_segment, describe_shift, describe_windows
from udfs.explanation import compare_value, explain_ranking
from udfs.profile import unpack_profiles
from udfs.propensity import fill
from udfs.rank import Ranker
from udfs.segments import choose_anew


def explain_shopper(bundle: Bundle, ranker: Ranker, user: str, surface: str, packed: bytes, stored: bytes | None) -> dict[str, Any]:
    """Explain a shopper's recommendations.

    Parameters
    ----------
    bundle
        What ranks.
    ranker
        With that bundle, for this surface among others.
    user, surface
        Her id, and the place in the shop.
    packed
        Her profile as it is stored.
    stored
        Her recommendations as they are stored; none: there are none.

    Returns
    -------
    dict
        user_id, surface, and what each stage found: profile, estimates (none without such models), windows, shift, segment, ranking;
        `value` compares it with what is stored, and is none where nothing is.

    Raises
    ------
    udfs.profile.ProfileError
        The profile is damaged, or another release wrote it.
    udfs.errors.SwerveError
        What is stored is none of our values.
    """
    profiles = unpack_profiles([packed])
    choose_anew(profiles, bundle.segments)
    fill(profiles, bundle.propensity)
    return {
        "user_id": user,
        "surface": surface,
        "profile": {**describe_profile(profiles), "bytes": len(packed)},
        "estimates": describe_estimates(profiles, bundle.manifest.training.get("churn_days")),
        "windows": describe_windows(profiles, bundle.category_name),
        "shift": describe_shift(profiles, bundle.category_name),
        "segment": describe_segment(profiles, bundle.segments, bundle.category_name, bundle.segment_name),
        "ranking": explain_ranking(ranker, user.encode(), profiles),
        "value": compare_value(ranker, user.encode(), profiles, stored, surface) if stored is not None else None,
    }
