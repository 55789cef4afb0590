"""How often the next item stands in the list, and how high, beside simple methods."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from udfs.profile import RING
from udfs.rank import Ranker
from udfs.similar import SIMILAR
from udfs.tables import find_item

USERS_A_STEP = 512


def evaluate(ranker: Ranker, profiles: NDArray[np.void], following: NDArray[np.uint64]) -> dict[str, Any]:
    """Measure a ranker on profiles and what came next.

    Parameters
    ----------
    ranker
        With a bundle that saw nothing of it.
    profiles : PROFILE[n]
        As they were.
    following : u8[n]
        Hash of the item that each user turned to next; one that the bundle does not know is a miss.

    Returns
    -------
    dict
        Number of cases; hit rate and mean reciprocal rank in the first 20 by method; how often it is among the candidates.
    """
    places: dict[str, list[NDArray[np.int64]]] = {"swerve": [], "item_to_item": [], "popularity": [], "candidates": []}
    tables, top = ranker.tables, ranker.top
    for start in range(0, len(profiles), USERS_A_STEP):
        some = profiles[start : start + USERS_A_STEP]
        right = np.array([find_item(ranker.slots, tables.item_hash, item) for item in following[start : start + USERS_A_STEP]], np.int64)
        found, _, _, chosen = ranker.stages(some)
        shown = np.where(chosen.position >= 0, np.take_along_axis(found.item, np.maximum(chosen.position, 0), 1), -1)
        places["swerve"].append(_place(shown, right))
        similar = np.where(found.source == SIMILAR, found.item, -1)[:, :top]
        places["item_to_item"].append(_place(similar, right))
        places["popularity"].append(_place(_popular(ranker, some, found.ring), right))
        places["candidates"].append(_place(found.item, right))
    metrics: dict[str, Any] = {"cases": len(profiles)}
    for method, parts in places.items():
        place = np.concatenate(parts) if parts else np.empty(0, np.int64)
        hit = place >= 0
        width = ranker.quotas.total if method == "candidates" else top
        metrics[method] = {f"hr@{width}": _mean(hit)}
        if method != "candidates":
            metrics[method][f"mrr@{width}"] = _mean(np.where(hit, 1.0 / (1.0 + np.maximum(place, 0)), 0.0))
    return metrics


def _popular(ranker: Ranker, profiles: NDArray[np.void], ring: NDArray[np.int32]) -> NDArray[np.int32]:
    """List the most popular items that she has not just seen."""
    first = ranker.tables.popular[: ranker.top + RING]
    lists = np.full((len(profiles), ranker.top), -1, np.int32)
    for r, (profile, known) in enumerate(zip(profiles, ring, strict=True)):
        n = int(profile["items_n"])
        visits = [profile["items"]["visit"][(n - 1 - j) % RING] for j in range(RING)]
        seen = [item for item, visit in zip(known.tolist(), visits, strict=True) if item >= 0 and visit == profile["visits"] % 256]
        kept = first[~np.isin(first, seen)][: ranker.top]
        lists[r, : len(kept)] = kept
    return lists


def _place(lists: NDArray[np.integer[Any]], right: NDArray[np.int64]) -> NDArray[np.int64]:
    same = (lists == right[:, None]) & (right[:, None] >= 0)
    return np.where(same.any(1), same.argmax(1), -1)


def _mean(values: NDArray[Any]) -> float:
    return round(float(values.mean()), 4) if len(values) else 0.0
