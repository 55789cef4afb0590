"""What is told of the segments: size, what marks each, intent, propensity, an example."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.segmentation.levels import (
    INTENTS,
    buyers,
    intent_level,
    intents,
    price_bounds,
    price_level,
    prices,
    propensity,
)
from training.segmentation.naming import Marks, mark_of
from udfs.segments import SegmentModel, profile_vectors

TOLD = 5
"""Categories that are told of a segment."""
DAY_MS = 86_400_000
Floats = NDArray[np.float64]


def describe(
    profiles: NDArray[np.void], labels: NDArray[np.int64], model: SegmentModel, names: Mapping[int, str]
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Describe a shop and its segments.

    Parameters
    ----------
    profiles : PROFILE[n]
        Shoppers.
    labels : i8[n]
        Segment of each; below 0: none, but part of the shop.
    model
        Centroids.
    names
        Names of categories by hash; one without a name is called by its hash.

    Returns
    -------
    dict, list of dict
        The shop, and each segment: `size`, `share`, `categories` (those that mark it most: `name`, `share`, `shop`, `lift`), `price`
        (`level`, `median`), `intent` (`level`, and the share of each), `propensity` (`level`, `buyers`, `lift`), `example`.
    """
    vectors = profile_vectors(profiles, model.categories)
    interest = vectors[:, : len(model.categories)]
    of_profiles = intents(profiles)
    price, bought = prices(profiles), buyers(profiles)
    bounds = price_bounds(price)
    shop_interest, shop_intents = _mean(interest), _shares(of_profiles)
    shop_bought = float(bought.mean()) if len(bought) else 0.0
    shop = {
        "size": len(profiles),
        "price": {"median": _median(price), "budget_up_to": bounds[0] if bounds else None, "premium_from": bounds[1] if bounds else None},
        "intent": _named(shop_intents),
        "buyers": round(shop_bought, 4),
    }
    segments = []
    for number in range(len(model.centroids)):
        mine = labels == number
        counts: list[int] = np.bincount(of_profiles[mine], minlength=len(INTENTS)).tolist()
        level, lift = propensity(int(bought[mine].sum()), int(mine.sum()), shop_bought)
        segments.append(
            {
                "size": int(mine.sum()),
                "share": round(float(mine.mean()), 4) if len(mine) else 0.0,
                "categories": _categories(_mean(interest[mine]), shop_interest, model.categories, names),
                "price": {"level": price_level(price[mine], bounds), "median": _median(price[mine])},
                "intent": {"level": intent_level(counts, shop_intents), **_named(_shares(of_profiles[mine]))},
                "propensity": {
                    "level": level,
                    "buyers": round(float(bought[mine].mean()), 4) if mine.any() else 0.0,
                    "lift": None if lift is None else round(lift, 3),
                },
                "example": _example(profiles[mine], vectors[mine], model.centroids[number], names),
            }
        )
    return shop, segments


def marks_of(segment: Mapping[str, Any]) -> Marks:
    """Take from a description what a name is made of."""
    return Marks(
        tuple((one["name"], one["share"], one["shop"]) for one in segment["categories"]),
        segment["price"]["level"],
        segment["intent"]["level"],
        segment["propensity"]["level"],
    )


def category_name(category: int, names: Mapping[int, str]) -> str:
    """Name a category, by its hash if need be."""
    return names.get(category) or f"{category:08x}"


def _categories(mine: Floats, shop: Floats, categories: NDArray[np.uint32], names: Mapping[int, str]) -> list[dict[str, Any]]:
    order = sorted(range(len(categories)), key=lambda k: (-mark_of(float(mine[k]), float(shop[k])), -mine[k], k))
    return [
        {
            "name": category_name(int(categories[k]), names),
            "share": round(float(mine[k]), 4),
            "shop": round(float(shop[k]), 4),
            "lift": round(float(mine[k] / shop[k]), 2),
        }
        for k in order[:TOLD]
        if mine[k] > 0
    ]


def _example(profiles: NDArray[np.void], vectors: Floats, centroid: Floats, names: Mapping[int, str]) -> dict[str, Any] | None:
    """Describe the shopper nearest to the middle of a segment; who she is does not matter, and is not told."""
    if not len(profiles):
        return None
    row = int(((vectors - centroid) ** 2).sum(1).argmin())
    profile = profiles[row]
    looked = profile["categories"]["long"].sum(1)
    most = [k for k in np.argsort(-looked.astype(np.int64), kind="stable").tolist() if looked[k] > 0]
    counts = profile["counts"].tolist()
    return {
        "events": int(profile["n_events"]),
        "visits": int(profile["visits"]),
        "days": round(float(profile["last_time"] - profile["first_time"]) / DAY_MS, 1),
        "categories": {category_name(int(profile["categories"]["category"][k]), names): int(looked[k]) for k in most[:3]},
        "mean_price": round(float(profile["price_sum"] / profile["price_n"]), 2) if profile["price_n"] else None,
        "views": counts[2],
        "searches": counts[3],
        "carts": counts[5],
        "purchases": counts[8],
    }


def _mean(vectors: Floats) -> Floats:
    return vectors.mean(0) if len(vectors) else np.zeros(vectors.shape[1])


def _median(values: Floats) -> float | None:
    known = values[np.isfinite(values)]
    return round(float(np.median(known)), 2) if len(known) else None


def _shares(of: NDArray[np.int64]) -> list[float]:
    counts: list[int] = np.bincount(of, minlength=len(INTENTS)).tolist()
    return [count / max(1, len(of)) for count in counts]


def _named(shares: list[float]) -> dict[str, float]:
    return {name.replace(" ", "_"): round(share, 4) for name, share in zip(INTENTS, shares, strict=True)}
