"""The colours of product pictures: four tones of the article, and a calm ground for it to stand on."""

from __future__ import annotations

from typing import NamedTuple

from udfs.hashing import hash_many


class Tones(NamedTuple):
    """An article's colour in light and shade, and the two tones of its ground."""

    main: str
    shade: str
    light: str
    ground: str
    shape: str


TONES = {
    "black": Tones("#34393d", "#212529", "#535b60", "#e9e4dc", "#dbd2c6"),
    "white": Tones("#f5f2ea", "#d8d3c8", "#ffffff", "#cddbd7", "#b9ccc7"),
    "grey": Tones("#8d969b", "#6c757a", "#b1b9bd", "#ece6df", "#ddd3c8"),
    "navy": Tones("#2f4a70", "#1f3350", "#516f9b", "#e3e8ee", "#cdd7e2"),
    "forest green": Tones("#42705a", "#2f5142", "#64957b", "#e7ebdf", "#d2dcc8"),
    "sand": Tones("#d5be98", "#b79d74", "#e8d9bd", "#dfe7e6", "#c8d6d4"),
    "terracotta": Tones("#c76e4e", "#a35338", "#e0977c", "#f3e7dc", "#e8d2c1"),
    "rosé": Tones("#d99b98", "#bb7875", "#ebc4c1", "#f4eae6", "#e8d4d0"),
    "silver": Tones("#b9c2c8", "#939ea5", "#dbe1e5", "#e0e5ee", "#cad3e1"),
    "sky blue": Tones("#78aed1", "#548cb1", "#a8cee5", "#e9f0f1", "#cfe0e6"),
    "walnut": Tones("#80583a", "#5e3f29", "#a3795a", "#f0e7da", "#dfceb6"),
    "cream": Tones("#ecdfc2", "#cfbd95", "#f8f1e0", "#d8e0d2", "#c3cfbc"),
}
ACCENTS = ("#dd9f4f", "#4a8a86", "#b8593f", "#6a80b3", "#8a6a9c", "#849c58")
INK, METAL, WHITE = "#2b3236", "#aab3b8", "#fbfaf6"


def tones_of(title: str, item_id: str) -> Tones:
    """Give the colour that a title ends with; another article has one by its id.

    Examples
    --------
    >>> tones_of("Umbria Vintage Table Lamp 890, walnut", "i000001").main
    '#80583a'
    """
    named = TONES.get(title.rpartition(", ")[2].lower())
    return named or list(TONES.values())[number(item_id, "tones") % len(TONES)]


def number(*parts: str) -> int:
    """Give a number that depends on nothing but the text."""
    return int(hash_many(["\x1f".join(parts)])[0])
