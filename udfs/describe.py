"""A profile in words and numbers, stage by stage: what it holds, its windows, the evidence for a shift, and its segment."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from udfs.events import DEVICES
from udfs.propensity import ESTIMATES
from udfs.segments import COLD_START, WARM_FROM, SegmentModel, profile_vectors
from udfs.shift import LEAD, SHIFT_AT, lead
from udfs.windows import long_count, short_count

COUNTS = (
    "other", "list_or_promotion", "view_item", "search", "add_to_wishlist", "add_to_cart", "remove_from_cart", "checkout", "purchase",
    "refund",
)  # fmt: skip
"""Names of the count groups."""
BEHAVIOUR = ("log_price", "cart_rate", "purchase_rate")
"""Names of what stands behind the categories in the vector of a segment."""
NATS = 256
NEAREST = 5

Name = Callable[[int], str]


def describe_profile(profiles: NDArray[np.void]) -> dict[str, Any]:
    """Say what a profile has counted.

    Parameters
    ----------
    profiles : PROFILE[1]
        The profile.

    Returns
    -------
    dict
        Ready for JSON, as the other descriptions are; times in ms, 0: never.
    """
    profile = profiles[0]
    price_n = int(profile["price_n"])
    return {
        "events": int(profile["n_events"]),
        **{name: int(profile[name]) for name in ("clock", "first_time", "last_time", "visits", "visit_start", "visit_events")},
        "counts": {name: count for name, count in zip(COUNTS, profile["counts"].tolist(), strict=True) if count},
        "engagement_ms": int(profile["engagement_ms"]),
        "mean_price": float(profile["price_sum"]) / price_n if price_n else None,
        "monetary": float(profile["monetary"]),
        "last_purchase_time": int(profile["last_purchase_time"]),
        "cart": {"items": int(profile["cart_items"]), "deadline": int(profile["cart_deadline"]), "abandoned": int(profile["abandoned"])},
        "device": DEVICES[int(profile["device"])],
        "country": _country(int(profile["country"])),
    }


def describe_estimates(profiles: NDArray[np.void], churn_days: int | None = None) -> dict[str, Any] | None:
    """Say what a bundle thinks that she will do.

    Parameters
    ----------
    profiles : PROFILE[1]
        The profile, as it was ranked.
    churn_days
        The days of absence that the bundle's churn model was asked for; none or 0: not known.

    Returns
    -------
    dict or None
        `click`, `purchase` and `churn` from 0 to 1, and the same in `words`; none if the bundle has no such models.
    """
    click, purchase, churn = (round(float(profiles[name][0]), 4) for name in ESTIMATES)
    if not (click or purchase or churn):
        return None
    away = f"within {churn_days} {'day' if churn_days == 1 else 'days'}" if churn_days else "soon"
    words = {"clicks next on what is shown": click, "about to buy": purchase, f"not back {away}": churn}
    return {"click": click, "purchase": purchase, "churn": churn, "words": [f"{what}: {value:.2f}" for what, value in words.items()]}


def describe_windows(profiles: NDArray[np.void], name: Name) -> list[dict[str, Any]]:
    """List what is counted in the windows, most of the short one first.

    Parameters
    ----------
    profiles : PROFILE[1]
        The profile.
    name
        Names a category by its hash.
    """
    profile = profiles[0]
    windows = [
        {
            "category": name(int(entry["category"])),
            "short": int(short_count(entry)),
            "long": int(long_count(entry)),
            "focus": bool(entry["category"] == profile["focus"]),
            "affinity": round(int(entry["affinity"]) / 255, 3),
        }
        for entry in profile["categories"]
        if entry["category"]
    ]
    return sorted(windows, key=lambda window: (-window["short"], -window["long"]))


def describe_shift(profiles: NDArray[np.void], name: Name) -> dict[str, Any]:
    """Weigh every category against the present focus.

    Parameters
    ----------
    profiles : PROFILE[1]
        The profile.
    name
        Names a category by its hash.

    Returns
    -------
    dict
        `focus`, `shifts`, `shift_time`, `threshold` and `lead`, and the `challengers`: each with its `evidence`, which is a shift when it
        reaches the threshold, if the `lead` of the others before it began is enough. All in nats.
    """
    record = profiles[0]
    focus = int(record["focus"])
    challengers = [
        {
            "category": name(int(entry["category"])),
            "evidence": int(entry["evidence"]) / NATS,
            "lead": int(lead(record, k)) / NATS,
            "own": int(entry["own"]) / NATS,
        }
        for k, entry in enumerate(record["categories"])
        if entry["category"] not in (0, focus)
    ]
    return {
        "focus": name(focus) if focus else None,
        "shifts": int(record["shifts"]),
        "shift_time": int(record["shift_time"]),
        "threshold": SHIFT_AT / NATS,
        "lead": LEAD / NATS,
        "challengers": sorted(challengers, key=lambda challenger: -challenger["evidence"]),
    }


def describe_segment(profiles: NDArray[np.void], model: SegmentModel, name: Name, segment_name: Name) -> dict[str, Any]:
    """Tell where a profile lies among the centroids.

    Parameters
    ----------
    profiles : PROFILE[1]
        The profile.
    model
        Centroids.
    name, segment_name
        Name a category by its hash, a segment by its id.

    Returns
    -------
    dict
        `id`, `name`, `why`, the `vector` without its zeros, and the `nearest` centroids with their distances.
    """
    segment, events = int(profiles["segment"][0]), int(profiles["n_events"][0])
    vector = profile_vectors(profiles, model.categories)[0]
    distances = np.sqrt(((model.centroids - vector) ** 2).sum(1))
    order = np.argsort(distances, kind="stable")[:NEAREST].tolist()
    if segment >= COLD_START:
        why = f"cold start: {events} of {WARM_FROM} events" if events < WARM_FROM else "the bundle had no segments"
    elif order and order[0] == segment:
        why = "the nearest centroid"
    else:
        why = "it was the nearest when her intent last changed, and stays until it changes again"
    parts = [*map(name, model.categories.tolist()), *BEHAVIOUR]
    return {
        "id": segment,
        "name": segment_name(segment),
        "why": why,
        "vector": {part: value for part, value in zip(parts, vector.tolist(), strict=True) if value},
        "nearest": [{"id": s, "name": segment_name(s), "distance": float(distances[s])} for s in order],
    }


def _country(code: int) -> str | None:
    return chr(code % 256) + chr(code // 256) if code else None
