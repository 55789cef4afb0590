"""Section "Ranking", features: the numbers that a ranker may ask for, by name."""

from __future__ import annotations

import math
from collections.abc import Callable

from tests.oracle.bundle import NONE, Bundle
from tests.oracle.candidates import Candidate, Place, Signals, Similar
from tests.oracle.profile import Profile


def features(profile: Profile, bundle: Bundle, places: list[Place], similar: Similar, candidate: Candidate) -> dict[str, float]:
    """All features of one candidate in float64."""
    y, tables = candidate.item, bundle.tables
    category = tables["item_category"][y]
    entry = profile.entry_of(category) if category else -1
    log_price = tables["log_price"][y]
    views, carts, purchases = profile.counts[2], profile.counts[5], profile.counts[8]

    def share(window: str) -> float:
        counts = [sum(getattr(each, window)) for each in profile.categories]
        return _ratio(counts[entry], sum(counts)) if entry >= 0 else 0.0

    of = similar.signals[y] if y in similar.signals else Signals()
    at = [place for place in places if place.item == y]
    cosines = [(place, _cosine(tables["item_vectors"][place.item], tables["item_vectors"][y])) for place in places]
    weight = sum(place.weight for place in places)
    return {
        "session_score": _ratio(of.session, similar.norm),
        "session_share": _ratio(of.session, similar.greatest["session"]),
        "session_next": _ratio(of.session_next, similar.norm),
        "session_count": float(of.session_count),
        "association": of.association,
        "association_last": of.association_last,
        "sequential": of.sequential,
        "sequential_last": of.sequential_last,
        "sequential_share": _ratio(of.sequential, similar.greatest["sequential"]),
        "content": of.content,
        "embedding_last": next((cosine for place, cosine in cosines if place.j == 0), 0.0),
        "embedding_mean": _ratio(sum(place.weight * cosine for place, cosine in cosines), weight),
        "embedding_best": max([0.0, *(cosine for place, cosine in cosines if place.item != y)]),
        "similar_rank": 1 / (1 + candidate.rank) if candidate.rank >= 0 else 0.0,
        "seen_place": 1 / (1 + at[0].j) if at else 0.0,
        "seen_count": float(len(at)),
        "is_last": float(bool(at) and at[0].j == 0),
        "category_short": share("short"),
        "category_long": share("long"),
        "is_focus": float(profile.focus != 0 and profile.focus == category),
        "price_gap": log_price - math.log(1 + profile.price_sum / profile.price_n) if log_price != 0 and profile.price_n else 0.0,
        "brand_match": _match(places, y, tables["item_brand"].__getitem__),
        "subcategory_match": _match(places, y, tables["item_subcategory"].__getitem__),
        **{name: tables[name][y] for name in ("popularity", "category_popularity", "trend", "conversion", "log_price", "is_new")},
        "log_events": math.log(1 + profile.n_events),
        "log_visit_events": math.log(1 + profile.visit_events),
        "cart_rate": _ratio(carts, views + carts),
        "purchase_rate": _ratio(purchases, views + carts + purchases),
        "focus_known": float(profile.focus != 0),
        "shifted": float(profile.shifts > 0 and profile.shift_time >= profile.visit_start),
        "mobile": float(profile.device == 2),
        "ring_size": len(places) / 12,
        "last_popularity": tables["popularity"][places[0].item] if places else 0.0,
        "session_best": _ratio(similar.greatest["session"], similar.norm),
        "sequential_best": similar.greatest["sequential"],
        **{name: getattr(profile, name) for name in ("click_propensity", "purchase_propensity", "churn_risk")},
        "category_affinity": profile.categories[entry].affinity / 255 if entry >= 0 else 0.0,
    }


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def _match(places: list[Place], y: int, of: Callable[[int], int]) -> float:
    """The share of the ring, by weight, that has the brand (or subcategory) of y."""
    if of(y) == NONE:
        return 0.0
    same = everything = 0.0
    for place in places:
        everything += place.weight
        if of(place.item) == of(y):
            same += place.weight
    return _ratio(same, everything)


def _cosine(x: list[int], y: list[int]) -> float:
    return sum(a * b for a, b in zip(x, y, strict=True)) / (127.0 * 127.0)
