"""Section "Ranking", candidates: which items are scored for a profile, and from which source each came."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from tests.oracle.bundle import Bundle, up_to_none
from tests.oracle.constants import BOUGHT, ITEMS, KINDS
from tests.oracle.profile import Category, Profile

KIND_WEIGHT = {KINDS["add_to_cart"][0]: 2.0, KINDS["add_to_wishlist"][0]: 1.5, KINDS["select_item"][0]: 0.5}
SIMILAR, INTEREST, SEGMENT, TRENDING, NEW, INTEREST_REST, SEGMENT_REST, POPULAR, AGAIN = range(9)
NEAREST_SESSIONS = 100


@dataclass(frozen=True)
class Place:
    """A place of the item ring whose item the bundle knows; j = 0 is the newest."""

    j: int
    item: int
    weight: float
    present: bool
    distinct: bool
    """No newer place has the item."""


@dataclass
class Signals:
    """What speaks for an item."""

    session: float = 0.0
    session_next: float = 0.0
    session_count: int = 0
    association: float = 0.0
    sequential: float = 0.0
    content: float = 0.0
    association_last: float = 0.0
    sequential_last: float = 0.0


@dataclass
class Similar:
    """What is known of the items met, by item number."""

    signals: dict[int, Signals] = field(default_factory=lambda: defaultdict(Signals))
    score: dict[int, float] = field(default_factory=dict)
    anchor: dict[int, int] = field(default_factory=dict)
    best: dict[int, float] = field(default_factory=dict)
    greatest: dict[str, float] = field(default_factory=dict)
    norm: float = 0.0


@dataclass(frozen=True)
class Candidate:
    item: int
    source: int
    position: int
    """Among all candidates, from 0."""
    rank: int
    """Among the similar ones, from 0; -1: none of them."""


def ring(profile: Profile, bundle: Bundle) -> list[Place]:
    places: list[Place] = []
    for j in range(min(profile.items_n, ITEMS)):
        item_hash, kind, visit = profile.items[(profile.items_n - 1 - j) % ITEMS]
        if item_hash in bundle.number_of:
            item, present = bundle.number_of[item_hash], visit == profile.visits % 256
            elsewhere = profile.focus != 0 and profile.focus != bundle.tables["item_category"][item]
            weight = (
                KIND_WEIGHT.get(kind, 1.0) * bundle.tables["place_weights"][j] * (1.0 if present else 0.5) * (0.25 if elsewhere else 1.0)
            )
            places.append(Place(j, item, weight, present, all(place.item != item for place in places)))
    return places


def repeats(bundle: Bundle) -> bool:
    return bool(bundle.tables["quotas"][0])


def skipped(profile: Profile, places: list[Place], bundle: Bundle, item: int) -> bool:
    """Out of stock; where items do not come again also bought, or seen in the present visit."""
    if not bundle.tables["in_stock"][item]:
        return True
    bought = bundle.tables["item_hash"][item] >> 32 in profile.bought[: min(profile.bought_n, BOUGHT)]
    return not repeats(bundle) and (bought or any(place.present and place.item == item for place in places))


def similar_items(places: list[Place], bundle: Bundle) -> Similar:
    similar = Similar()
    distinct = [place for place in places if place.distinct]
    similar.norm = math.sqrt(sum(place.weight * place.weight for place in distinct))
    for place in distinct:
        _ = similar.signals[place.item] if place.present else None
    _ask_sessions(distinct, bundle, similar)
    _ask_neighbours(distinct, bundle, similar)
    for name, weight in zip(("session", "association", "sequential", "content"), bundle.tables["blend"], strict=True):
        greatest = max((getattr(of, name) for of in similar.signals.values()), default=0.0)
        similar.greatest[name] = greatest
        if greatest > 0:
            for y, of in similar.signals.items():
                similar.score[y] = similar.score.get(y, 0.0) + weight * (getattr(of, name) / greatest)
    return similar


def _ask_sessions(distinct: list[Place], bundle: Bundle, similar: Similar) -> None:
    value: dict[int, float] = {}
    newest: dict[int, int] = {}
    for place in distinct:
        if place.weight > 0:
            for session in bundle.part("item_sessions", "item_session_ends", place.item):
                value[session] = value.get(session, 0.0) + place.weight
                newest.setdefault(session, place.item)
    for session in value:
        value[session] *= bundle.tables["session_weight"][session]
    weights = bundle.tables["distance_weights"]
    for session in sorted(value, key=lambda t: (-value[t], -t))[:NEAREST_SESSIONS]:
        items = bundle.part("session_items", "session_ends", session)
        meets = max((i for i, item in enumerate(items) if item == newest[session]), default=0)
        for i, y in enumerate(items):
            of = similar.signals[y]
            of.session += value[session] * weights[min(abs(i - meets), len(weights) - 1)]
            of.session_count += 1
            if i == meets + 1:
                of.session_next += value[session]
            similar.anchor.setdefault(y, newest[session])


def _ask_neighbours(distinct: list[Place], bundle: Bundle, similar: Similar) -> None:
    for place in distinct:
        neighbours = up_to_none(bundle.tables["neighbours"][place.item])
        for y, row in zip(neighbours, bundle.tables["similarity"][place.item], strict=False):
            of = similar.signals[y]
            of.association += place.weight * row[0]
            of.sequential += place.weight * row[1]
            of.content += place.weight * row[2]
            if place.j == 0:
                of.association_last, of.sequential_last = row[0], row[1]
            c = 0.0
            for blend, similarity in zip(bundle.tables["blend"][1:], row, strict=True):
                c += blend * similarity
            c *= place.weight
            if c > similar.best.get(y, 0.0):
                similar.anchor[y], similar.best[y] = place.item, c


def her_categories(profile: Profile) -> list[int]:
    def order(indexed: tuple[int, Category]) -> tuple[bool, int, int, int]:
        index, entry = indexed
        return entry.category != profile.focus, -sum(entry.short), -sum(entry.long), index

    entries = [(i, entry) for i, entry in enumerate(profile.categories) if entry.category and sum(entry.short) + sum(entry.long) > 0]
    return [entry.category for _, entry in sorted(entries, key=order)]


def candidates(profile: Profile, bundle: Bundle, places: list[Place], similar: Similar, k: int) -> list[Candidate]:
    """The candidates in the order of their sources, at most k."""
    taken: dict[int, Candidate] = {}
    seen = {place.item for place in places if place.present} if repeats(bundle) else set()
    for source, items, quota in _sources(profile, bundle, places, similar, k):
        left = quota
        for item in items:
            if left == 0 or len(taken) == k:
                break
            if item not in taken and not skipped(profile, places, bundle, item):
                again = source == SIMILAR and item in seen
                taken[item] = Candidate(item, AGAIN if again else source, len(taken), len(taken) if source == SIMILAR else -1)
                left -= 1
    return list(taken.values())


def _sources(profile: Profile, bundle: Bundle, places: list[Place], similar: Similar, k: int) -> Iterator[tuple[int, Iterable[int], int]]:
    """Source, its list, its quota (-1: none)."""
    tables = bundle.tables
    categories = her_categories(profile)
    quotas = [k * percent // 100 for percent in tables["quotas"][1:]]

    def best_of(n: int) -> list[int]:
        if n >= len(categories) or categories[n] not in tables["categories"]:
            return []
        return up_to_none(tables["category_items"][tables["categories"].index(categories[n])])

    segment = up_to_none(tables["segment_items"][bundle.segment_row(profile.segment)])
    yield SIMILAR, sorted((y for y in similar.score if similar.score[y] > 0), key=lambda y: (-similar.score[y], y)), quotas[0]
    if repeats(bundle):
        yield AGAIN, [place.item for place in places if place.present and place.distinct], -1
    yield INTEREST, best_of(0), quotas[1]
    yield INTEREST, best_of(1), quotas[2]
    yield INTEREST, best_of(2), quotas[3]
    yield SEGMENT, segment, quotas[4]
    yield TRENDING, up_to_none(tables["trending"]), quotas[5]
    yield NEW, up_to_none(tables["new"]), quotas[6]
    yield INTEREST_REST, best_of(0), -1
    yield SEGMENT_REST, segment, -1
    yield POPULAR, up_to_none(tables["popular"]), -1
