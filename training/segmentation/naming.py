"""Names of segments, made of what marks them: categories, price level, intent. "Headphones & Speakers · premium · comparing"."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import log2
from typing import NamedTuple

SEPARATOR = " · "
LEAST_SHARE, SECOND = 0.15, 0.5
"""Share of her interest that a category needs to give its name; what the second needs of the mark that the first one makes."""
MIXED = "Many categories"
ALL = "Everything"


class Marks(NamedTuple):
    """What marks a segment.

    Attributes
    ----------
    categories
        Name, share of the segment's interest, share of the shop's; the segment's greatest share first. Empty: the shop has none.
    price
        Price level, if known.
    intent
        Level of intent.
    propensity
        How readily it buys, if known.
    """

    categories: tuple[tuple[str, float, float], ...]
    price: str | None
    intent: str
    propensity: str | None


def name_segments(marks: Iterable[Marks | str]) -> tuple[str, ...]:
    """Name segments, no two alike.

    Parameters
    ----------
    marks
        What marks each; a text is a name that stays.
    """
    wanted = list(marks)
    taken = {mark for mark in wanted if isinstance(mark, str)}
    names = []
    for mark in wanted:
        if isinstance(mark, str):
            names.append(mark)
            continue
        name = next(name for name in _ever(mark) if name not in taken)
        taken.add(name)
        names.append(name)
    return tuple(names)


def mark_of(share: float, shop: float) -> float:
    """Give how much a category marks a segment: its part of the Kullback-Leibler divergence from the shop, in bits."""
    return share * log2(share / shop) if share > 0 and shop > 0 else 0.0


def _ever(marks: Marks) -> Iterator[str]:
    """Give names, the shortest first, and then numbered ones."""
    best = ""
    for parts in _variants(marks):
        name = SEPARATOR.join(filter(None, parts))
        best = name = name[:1].upper() + name[1:]
        yield name
    number = 2
    while True:
        yield f"{best} {number}"
        number += 1


def _variants(marks: Marks) -> Iterator[tuple[str | None, ...]]:
    leading = _leading(marks.categories)
    wide = " & ".join(leading)
    marked = marks.price if marks.price != "mid-range" else None
    buys = {"high": "buys often", "low": "seldom buys"}.get(marks.propensity or "")
    yield (wide, marked, marks.intent)
    yield (wide, marks.price, marks.intent)
    yield (wide, marks.price, marks.intent, buys)
    known = [name for name, share, _ in marks.categories if share > 0 and name not in leading]
    if known:
        yield (f"{wide} with {known[0]}", marked, marks.intent)


def _leading(categories: tuple[tuple[str, float, float], ...]) -> list[str]:
    """Choose the one or two categories that give the name."""
    if not categories:
        return []
    scored = sorted(((mark_of(share, shop), name) for name, share, shop in categories if share >= LEAST_SHARE), key=lambda one: -one[0])
    scored = [(mark, name) for mark, name in scored if mark > 0]
    if not scored:
        return [MIXED if any(share > 0 for _, share, _ in categories) else ALL]
    return [name for mark, name in scored[:2] if mark >= SECOND * scored[0][0]]
