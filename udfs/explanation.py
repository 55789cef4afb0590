"""Why a user gets what she gets: every step of a ranking, in words and numbers."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from udfs.candidates import REASONS
from udfs.errors import SwerveError
from udfs.events import KINDS
from udfs.profile import RING
from udfs.rank import Ranker
from udfs.similar import SIMILAR
from udfs.tables import find_item


def explain_ranking(ranker: Ranker, user: bytes, profile: NDArray[np.void]) -> dict[str, Any]:
    """Rank one user and tell why.

    Parameters
    ----------
    ranker
        The ranker.
    user
        Her id.
    profile : PROFILE[1]
        Her profile.

    Returns
    -------
    dict
        Ready for JSON: `segment`, `model`, `ring` (what she looked at, newest first), `candidates` in the order they were found (each with
        source, anchor, features, score, `place` in the list, and whether diversity left it out or held it back), `skipped`, `rules`, and
        `items` as they are shown.
    """
    found, rows, scores, chosen = ranker.stages(profile)
    tables, names = ranker.tables, ranker.bundle.scorer.features
    places = {position: place for place, position in enumerate(chosen.position[0].tolist()) if position >= 0}
    held_back = chosen.held_back[0].tolist()
    # Who stands before the last one that was chosen for its score, and has no place, had too many of its category before it.
    last = max(((-float(scores[k]), k) for k, place in places.items() if not held_back[place]), default=(-np.inf, -1))
    candidates = []
    for k in range(int(found.filled[0])):
        source, anchor, place = int(found.source[0, k]), int(found.anchor[0, k]), places.get(k)
        finite = bool(np.isfinite(scores[k]))
        candidates.append(
            {
                "item_id": tables.item_id(int(found.item[0, k])),
                "reason": f"similar:{tables.item_id(anchor)}" if source == SIMILAR else REASONS[source],
                "score": float(scores[k]) if finite else None,
                "place": place,
                "held_back": place is not None and held_back[place],
                "left_out": place is None and finite and (-float(scores[k]), k) < last,
                "features": dict(zip(names, rows[k].tolist(), strict=True)),
            }
        )
    record = profile[0]
    return {
        "user_id": user.decode(),
        "segment": {"id": int(record["segment"]), "name": ranker.bundle.segment_name(int(record["segment"]))},
        "model": {"name": ranker.bundle.name, "version": ranker.bundle.version},
        "ring": _ring(ranker, record),
        "skipped": _skipped(ranker, record, found.ring[0]),
        "rules": {"candidates": ranker.quotas.total, "top": ranker.top, "most_of_a_category": ranker.most_of_a_category},
        "dropped": int(chosen.dropped[0]),
        "candidates": candidates,
        "items": [candidates[position]["item_id"] for position in places],
    }


def compare_value(ranker: Ranker, user: bytes, profiles: NDArray[np.void], stored: bytes, surface: str) -> dict[str, Any]:
    """Rank a user again and hold the value against the one that is stored.

    Parameters
    ----------
    ranker
        For that surface among others.
    user
        Her id.
    profiles : PROFILE[1]
        Her profile.
    stored
        The JSON that is stored.
    surface
        What it is of.

    Returns
    -------
    dict
        `same`: byte for byte, `generated_at` apart; `differs`: the names of the parts that are not; `stored` and `computed`.

    Raises
    ------
    SwerveError
        What is stored is none of our values.
    """
    try:
        there = json.loads(stored)
        generated_at = int(there["generated_at"])
    except (ValueError, TypeError, KeyError):
        raise SwerveError("what Redis holds for her are no recommendations", "does another program write there?") from None
    ranked = ranker.rank([user], profiles, np.zeros(1, np.uint8), generated_at)
    computed = ranked.values[0][ranked.surfaces.index(surface)]
    here = json.loads(computed)
    differs = [name for name in {**here, **there} if here.get(name) != there.get(name)]
    return {"same": computed == stored, "differs": differs, "stored": there, "computed": here}


def _ring(ranker: Ranker, record: Any) -> list[dict[str, Any]]:
    entries, newest = [], int(record["items_n"])
    for j in range(min(newest, RING)):
        item, kind, visit = record["items"][(newest - 1 - j) % RING].tolist()
        number = int(find_item(ranker.slots, ranker.tables.item_hash, np.uint64(item)))
        entries.append(
            {
                "item_id": ranker.tables.item_id(number) if number >= 0 else None,
                "event": KINDS[kind],
                "present_visit": visit == int(record["visits"]) % 256,
            }
        )
    return entries


def _skipped(ranker: Ranker, record: Any, ring: NDArray[np.int32]) -> dict[str, list[str]]:
    """Tell what could have been a candidate by similarity, and why it is none."""
    tables = ranker.tables
    near = {int(item) for x in ring.tolist() if x >= 0 for item in tables.neighbours[x].tolist() if item >= 0}
    if tables.quotas[0] > 0:  # a shop where items come again
        return {"out_of_stock": [tables.item_id(item) for item in sorted(near) if not tables.in_stock[item]], "bought": [], "just_seen": []}
    bought = set(record["bought"][: int(record["bought_n"])].tolist())
    just_seen = {
        int(x) for j, x in enumerate(ring.tolist())
        if x >= 0 and int(record["items"][(int(record["items_n"]) - 1 - j) % RING]["visit"]) == int(record["visits"]) % 256
    }  # fmt: skip
    return {
        "out_of_stock": [tables.item_id(item) for item in sorted(near) if not tables.in_stock[item]],
        "bought": [tables.item_id(item) for item in sorted(near) if int(tables.item_hash[item]) >> 32 in bought],
        "just_seen": [tables.item_id(item) for item in sorted(near & just_seen)],
    }
