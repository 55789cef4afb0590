"""Section "Ranking", features: the numbers that a ranker may ask for, by name."""

from __future__ import annotations

import math
from collections.abc import Callable

from tests.oracle.bundle import NONE, Bundle
from tests.oracle.candidates import SIMILAR, Candidate, Place, Similar
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

    return {
        "similar_score": similar.score.get(y, 0.0),
        "similar_last": similar.last.get(y, 0.0),
        "similar_rank": 1 / (1 + candidate.position) if candidate.source == SIMILAR else 0.0,
        "category_short": share("short"),
        "category_long": share("long"),
        "is_focus": float(profile.focus != 0 and profile.focus == category),
        "price_gap": log_price - math.log(1 + profile.price_sum / profile.price_n) if log_price != 0 and profile.price_n else 0.0,
        "brand_match": _match(places, y, tables["item_brand"].__getitem__),
        "subcategory_match": _match(places, y, tables["item_subcategory"].__getitem__),
        "seen_before": float(any(place.item == y for place in places)),
        **{name: tables[name][y] for name in ("popularity", "category_popularity", "trend", "conversion", "log_price", "is_new")},
        "log_events": math.log(1 + profile.n_events),
        "log_visit_events": math.log(1 + profile.visit_events),
        "cart_rate": _ratio(carts, views + carts),
        "purchase_rate": _ratio(purchases, views + carts + purchases),
        "focus_known": float(profile.focus != 0),
        "shifted": float(profile.shifts > 0 and profile.shift_time >= profile.visit_start),
        "mobile": float(profile.device == 2),
    }


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def _match(places: list[Place], y: int, of: Callable[[int], int]) -> float:
    """The share of the ring, newer places weighing more, that has the brand (or subcategory) of y."""
    if of(y) == NONE:
        return 0.0
    same = everything = 0.0
    for place in places:
        everything += 1 / (1 + place.j)
        if of(place.item) == of(y):
            same += 1 / (1 + place.j)
    return _ratio(same, everything)
