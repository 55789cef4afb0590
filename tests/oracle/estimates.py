"""Section "Estimates": what a bundle thinks of a shopper, and the profile as it is ranked."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from tests.oracle.constants import KINDS, SHORT_PANE, SHORT_PANES
from tests.oracle.profile import Profile

DAY = 86_400_000
ESTIMATES = ("click_propensity", "purchase_propensity", "churn_risk")
GROUP_NAMES = ("lists", "views", "searches", "wishes", "carts", "removals", "checkouts", "purchases", "refunds")


class Estimator:
    """The models of a bundle's folder; without the file, everything is 0."""

    def __init__(self, folder: Path) -> None:
        path = folder / "propensity.onnx"
        self.session: Any = None
        if path.exists():
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = options.inter_op_num_threads = 1
            self.session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def served(self, profile: Profile) -> Profile:
        """A copy of a profile with the estimates in it."""
        profile = profile.copy()
        used = [entry for entry in profile.categories if entry.category]
        for entry in profile.categories:
            entry.affinity = 0
        for name in ESTIMATES:
            setattr(profile, name, 0.0)
        if self.session is None:
            return profile
        feed = {"user_features": self._rows("user_features", [user_features(profile)])}
        takes_categories = "category_features" in [one.name for one in self.session.get_inputs()]
        if takes_categories:
            feed["category_features"] = self._rows("category_features", [category_features(profile, entry.category) for entry in used])
        for name, values in zip(ESTIMATES, self.session.run(list(ESTIMATES), feed), strict=True):
            setattr(profile, name, _probability(values.reshape(-1)[0]))
        if takes_categories:
            for entry, value in zip(used, self.session.run(["affinity"], feed)[0].reshape(-1), strict=False):
                entry.affinity = math.floor(255 * _probability(value) + 0.5)
        return profile

    def _rows(self, name: str, rows: list[dict[str, float]]) -> Any:
        names = json.loads(self.session.get_modelmeta().custom_metadata_map[f"swerve.{name}"])
        block = np.zeros((4 * max(1, math.ceil(len(rows) / 4)), len(names)), np.float32)
        for i, row in enumerate(rows):
            block[i] = [row[column] for column in names]
        return block


def user_features(profile: Profile) -> dict[str, float]:
    """The features of a user, by name."""
    t = profile.last_time
    seconds, days = (t - profile.visit_start) / 1000, (t - profile.first_time) / DAY
    views, carts, purchases = profile.counts[2], profile.counts[5], profile.counts[8]
    shorts = {entry.category: sum(entry.short) for entry in profile.categories if entry.category}
    newest_first = [profile.items[(profile.items_n - 1 - j) % 12] for j in range(min(profile.items_n, 12))]
    last = newest_first[0] if newest_first else (0, -1, -1)
    visit = [item for item, _, visit in newest_first if visit == profile.visits % 256]
    bought = profile.last_purchase_time > 0
    hour = t // 3_600_000 % 24
    of_last_visit = last[2] == profile.visits % 256
    return {
        "log_events": math.log(1 + profile.n_events),
        "log_visits": math.log(1 + profile.visits),
        "log_visit_events": math.log(1 + profile.visit_events),
        "log_visit_seconds": math.log(1 + seconds),
        "log_pace": math.log(1 + _ratio(seconds, profile.visit_events)),
        "log_days": math.log(1 + days),
        "log_days_a_visit": math.log(1 + _ratio(days, profile.visits)),
        **{f"log_{name}": math.log(1 + profile.counts[group]) for group, name in enumerate(GROUP_NAMES, 1)},
        "cart_rate": _ratio(carts, views + carts),
        "purchase_rate": _ratio(purchases, views + carts + purchases),
        "log_cart_items": math.log(1 + profile.cart_items),
        "cart_waits": float(profile.cart_deadline > 0),
        "log_abandoned": math.log(1 + profile.abandoned),
        "bought_in_visit": float(bought and profile.last_purchase_time >= profile.visit_start),
        "log_days_since_purchase": math.log(1 + (t - profile.last_purchase_time) / DAY) if bought else 0.0,
        "log_spent": min(100.0, math.log(1 + profile.monetary)) if profile.monetary > 0 else 0.0,
        "log_price": min(100.0, math.log(1 + profile.price_sum / profile.price_n)) if profile.price_n else 0.0,
        "log_engagement": math.log(1 + profile.engagement_ms / 1000),
        "focus_known": float(profile.focus != 0),
        "focus_share": _ratio(shorts.get(profile.focus, 0), sum(shorts.values())),
        "interests": sum(count > 0 for count in shorts.values()) / 10,
        "shifted": float(profile.shifts > 0 and profile.shift_time >= profile.visit_start),
        "log_shifts": math.log(1 + profile.shifts),
        "visit_items": len(visit) / 12,
        "visit_repeats": (len(visit) - len(set(visit))) / 12,
        "last_is_cart": float(of_last_visit and last[1] == KINDS["add_to_cart"][0]),
        "last_is_purchase": float(of_last_visit and last[1] == KINDS["purchase"][0]),
        "desktop": float(profile.device == 1),
        "mobile": float(profile.device == 2),
        "tablet": float(profile.device == 3),
        "hour_sin": math.sin(hour * (math.pi / 12)),
        "hour_cos": math.cos(hour * (math.pi / 12)),
    }


def category_features(profile: Profile, category: int) -> dict[str, float]:
    """The features of one of a user's categories, by name."""
    entry = profile.categories[profile.entry_of(category)]
    others = [other for other in profile.categories if other.category not in (0, category)]
    newest = profile.last_time // SHORT_PANE
    short, long = sum(entry.short), sum(entry.long)
    shorts, longs = (sum(sum(getattr(one, window)) for one in profile.categories) for window in ("short", "long"))
    panes = sum(one.short[newest % SHORT_PANES] for one in profile.categories)
    ages = [age for age in range(SHORT_PANES) if entry.short[(newest - age) % SHORT_PANES] > 0]
    of_user = user_features(profile)
    return {
        "short_share": _ratio(short, shorts),
        "long_share": _ratio(long, longs),
        "log_short": math.log(1 + short),
        "log_long": math.log(1 + long),
        "is_focus": float(category == profile.focus),
        "lead": (entry.own - max([0, *(other.own for other in others)])) / 2048,
        "evidence": entry.evidence / 2048,
        "pane_share": _ratio(entry.short[newest % SHORT_PANES], panes),
        "recency": 1 / (1 + ages[0]) if ages else 0.0,
        "rival_share": _ratio(max([0, *(sum(other.short) for other in others)]), shorts),
        "place": 1 / (1 + sum(sum(other.short) > short for other in others)),
        "interests": (len(others) + 1) / 10,
        **{name: of_user[name] for name in ("log_events", "log_visit_events", "shifted", "bought_in_visit", "log_price")},
    }


def _probability(value: Any) -> float:
    return min(1.0, float(value)) if value >= 0 else 0.0


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 0.0
