"""The baselines once more, slowly: plain Python from their definitions, giving the score of every item."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from typing import Any

Session = Sequence[int]
Scores = dict[int, float]
DAY_MS = 86_400_000

DECAY: dict[str, Callable[[int], float]] = {
    "same": lambda step: 1.0,
    "div": lambda step: 1 / step,
    "linear": lambda step: max(0.0, 1 - 0.1 * step),
    "quadratic": lambda step: 1 / step**2,
    "log": lambda step: 1 / math.log10(step + 1.7),
}
PLACE: dict[str, Callable[[int, int], float]] = {
    "same": lambda place, length: 1.0,
    "div": lambda place, length: place / length,
    "linear": lambda place, length: max(0.0, 1 - 0.1 * (length - place)),
    "quadratic": lambda place, length: (place / length) ** 2,
    "log": lambda place, length: 1 / math.log10(length - place + 1.7),
}


class Unclear(Exception):
    """Two neighbours at the cut are as similar as rounding: either may be taken."""


def ar(training: Sequence[tuple[Session, int]], prefix: Session, time: int, **settings: Any) -> Scores:
    scores: Scores = defaultdict(float)
    for session, _ in training:
        for i, one in enumerate(session):
            for j, other in enumerate(session):
                if i != j and prefix and one == prefix[-1]:
                    scores[other] += 1
    return scores


def sr(training: Sequence[tuple[Session, int]], prefix: Session, time: int, **settings: Any) -> Scores:
    scores: Scores = defaultdict(float)
    for session, _ in training:
        for i, one in enumerate(session):
            for step, other in enumerate(session[i + 1 : i + 1 + settings["steps"]], 1):
                if prefix and one == prefix[-1]:
                    scores[other] += DECAY[settings["weighting"]](step)
    return scores


def sknn(training: Sequence[tuple[Session, int]], prefix: Session, time: int, **settings: Any) -> Scores:
    mine = set(prefix)

    def similarity(session: Session, _: int) -> float:
        shared, size = len(mine & set(session)), len(set(session))
        return shared / (len(mine) + size - shared) if settings["similarity"] == "jaccard" else shared / math.sqrt(len(mine) * size)

    scores: Scores = defaultdict(float)
    for session, alike in _neighbours(training, prefix, similarity, settings):
        for item in set(session):
            scores[item] += alike
    return scores


def vsknn(training: Sequence[tuple[Session, int]], prefix: Session, time: int, **settings: Any) -> Scores:
    weights = {item: PLACE[settings["weighting"]](place, len(prefix)) for place, item in enumerate(prefix, 1)}
    clicks = Counter(item for session, _ in training for item in session)

    def similarity(session: Session, _: int) -> float:
        return sum(weight for item, weight in weights.items() if item in session) / len(weights)

    scores: Scores = defaultdict(float)
    for session, alike in _neighbours(training, prefix, similarity, settings):
        back = next(step for step, item in enumerate(reversed(prefix), 1) if item in session)
        for item in set(session):
            rare = max(0.0, 1 + settings["idf_weighting"] * math.log(len(training) / clicks[item]))
            scores[item] += alike * DECAY[settings["weighting_score"]](back) * rare
    return scores


def stan(training: Sequence[tuple[Session, int]], prefix: Session, time: int, **settings: Any) -> Scores:
    weights = {item: math.exp((place - len(prefix)) / settings["lambda_spw"]) for place, item in enumerate(prefix, 1)}
    square = sum(weight**2 for weight in weights.values())

    def similarity(session: Session, ended: int) -> float:
        shared = sum(weight for item, weight in weights.items() if item in session)
        return shared / math.sqrt(square * len(set(session))) * math.exp(-(time - ended) / (settings["lambda_snh"] * DAY_MS))

    scores: Scores = defaultdict(float)
    for session, alike in _neighbours(training, prefix, similarity, settings):
        last = {item: place for place, item in enumerate(session, 1)}
        star = max(last[item] for item in last if item in weights)
        for item, place in last.items():
            scores[item] += alike * math.exp(-abs(place - star) / settings["lambda_inh"])
    return scores


def _neighbours(
    training: Sequence[tuple[Session, int]], prefix: Session, similarity: Callable[[Session, int], float], settings: dict[str, Any]
) -> list[tuple[Session, float]]:
    """The k most similar of the latest that share an item; of equal ones the latest."""
    sharing = [(session, ended) for session, ended in training if set(session) & set(prefix)]
    latest = sorted(sharing, key=lambda one: one[1])[::-1][: settings["sample_size"]]
    alike = sorted(((session, similarity(session, ended)) for session, ended in latest), key=lambda one: -one[1])
    k = settings["k"]
    # What is equal by definition may differ by rounding, and the other way round, where exponentials are multiplied.
    closest = -1.0 if "lambda_spw" in settings else 0.0
    if len(alike) > k and closest < abs(alike[k - 1][1] - alike[k][1]) < 1e-9:
        raise Unclear
    return alike[:k]
