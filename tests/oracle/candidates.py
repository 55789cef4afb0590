"""Section "Ranking", candidates: which items are scored for a profile, and from which source each came."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from tests.oracle.bundle import Bundle, up_to_none
from tests.oracle.constants import BOUGHT, ITEMS, KINDS
from tests.oracle.profile import Category, Profile

KIND_WEIGHT = {KINDS["add_to_cart"][0]: 2.0, KINDS["add_to_wishlist"][0]: 1.5, KINDS["select_item"][0]: 0.5}
SIMILAR, INTEREST, SEGMENT, TRENDING, NEW, INTEREST_REST, SEGMENT_REST, POPULAR = range(8)


@dataclass(frozen=True)
class Place:
    """A place of the item ring whose item the bundle knows; j = 0 is the newest."""

    j: int
    item: int
    kind: int
    present: bool


@dataclass
class Similar:
    """What the ring says of the items like those in it, by item number."""

    score: dict[int, float] = field(default_factory=dict)
    anchor: dict[int, int] = field(default_factory=dict)
    best: dict[int, float] = field(default_factory=dict)
    last: dict[int, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Candidate:
    item: int
    source: int
    position: int
    """Among all candidates, from 0."""


def ring(profile: Profile, bundle: Bundle) -> list[Place]:
    places = []
    for j in range(min(profile.items_n, ITEMS)):
        item_hash, kind, visit = profile.items[(profile.items_n - 1 - j) % ITEMS]
        if item_hash in bundle.number_of:
            places.append(Place(j, bundle.number_of[item_hash], kind, visit == profile.visits % 256))
    return places


def skipped(profile: Profile, places: list[Place], bundle: Bundle, item: int) -> bool:
    """Out of stock, bought, or seen in the present visit."""
    return (
        not bundle.tables["in_stock"][item]
        or bundle.tables["item_hash"][item] >> 32 in profile.bought[: min(profile.bought_n, BOUGHT)]
        or any(place.present and place.item == item for place in places)
    )


def similar_items(profile: Profile, places: list[Place], bundle: Bundle) -> Similar:
    similar = Similar()
    for place in places:
        visit = 1.0 if place.present else 0.5
        elsewhere = profile.focus != 0 and profile.focus != bundle.tables["item_category"][place.item]
        w = KIND_WEIGHT.get(place.kind, 1.0) * visit * (0.25 if elsewhere else 1.0) / (1 + place.j)
        neighbours = up_to_none(bundle.tables["neighbours"][place.item])
        for y, similarity in zip(neighbours, bundle.tables["similarity"][place.item], strict=False):
            c = w * similarity
            similar.score[y] = similar.score.get(y, 0.0) + c
            if y not in similar.anchor or c > similar.best[y]:
                similar.anchor[y], similar.best[y] = place.item, c
            if place.j == 0:
                similar.last[y] = similarity
    return similar


def her_categories(profile: Profile) -> list[int]:
    def order(indexed: tuple[int, Category]) -> tuple[bool, int, int, int]:
        index, entry = indexed
        return entry.category != profile.focus, -sum(entry.short), -sum(entry.long), index

    entries = [(i, entry) for i, entry in enumerate(profile.categories) if entry.category and sum(entry.short) + sum(entry.long) > 0]
    return [entry.category for _, entry in sorted(entries, key=order)]


def candidates(profile: Profile, bundle: Bundle, places: list[Place], similar: Similar, k: int) -> list[Candidate]:
    """The candidates in the order of their sources, at most k."""
    taken: dict[int, Candidate] = {}
    for source, items, quota in _sources(profile, bundle, similar, k):
        left = quota
        for item in items:
            if left == 0 or len(taken) == k:
                break
            if item not in taken and not skipped(profile, places, bundle, item):
                taken[item] = Candidate(item, source, len(taken))
                left -= 1
    return list(taken.values())


def _sources(profile: Profile, bundle: Bundle, similar: Similar, k: int) -> Iterator[tuple[int, Iterable[int], int]]:
    """Source, its list, its quota (-1: none)."""
    tables = bundle.tables
    categories = her_categories(profile)

    def best_of(n: int) -> list[int]:
        if n >= len(categories) or categories[n] not in tables["categories"]:
            return []
        return up_to_none(tables["category_items"][tables["categories"].index(categories[n])])

    def quota(p: int) -> int:
        return k * p // 100

    segment = up_to_none(tables["segment_items"][bundle.segment_row(profile.segment)])
    yield SIMILAR, sorted((y for y in similar.score if similar.score[y] > 0), key=lambda y: (-similar.score[y], y)), quota(40)
    yield INTEREST, best_of(0), quota(20)
    yield INTEREST, best_of(1), quota(8)
    yield INTEREST, best_of(2), quota(4)
    yield SEGMENT, segment, quota(14)
    yield TRENDING, up_to_none(tables["trending"]), quota(7)
    yield NEW, up_to_none(tables["new"]), quota(7)
    yield INTEREST_REST, best_of(0), -1
    yield SEGMENT_REST, segment, -1
    yield POPULAR, up_to_none(tables["popular"]), -1
