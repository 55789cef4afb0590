"""Product pictures, drawn: an article's subcategory says what, its title the colour, its brand the accent, its id the setting."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

from serving.shop.catalogue import Item, slug
from serving.shop.palette import ACCENTS, INK, METAL, WHITE, number, tones_of

FOLDER = Path(__file__).parent / "drawings"
_SYMBOL = re.compile(r'<symbol id="([^"]+)"([^>]*)>(.*?)</symbol>', re.DOTALL)
_FLOOR = re.compile(r'data-floor="(\d+) (\d+) (\d+)"')
_SPACE = re.compile(r">\s+<")
SHAPES = (
    '<circle cx="200" cy="206" r="150"/>',
    '<path d="M56 400V214a144 144 0 0 1 288 0v186z"/>',
    '<path d="M0 292c70-40 128-28 200-10s138 12 200-22v140H0z"/>',
    '<path d="M72 128c42-76 168-92 232-30s70 176-8 236-196 26-236-44-22-102 12-162z"/>',
    '<path d="M0 286h400v114H0z"/>',
)


class Drawing(NamedTuple):
    """What an article looks like, with ``{a}`` and so on for its colours, and the shadow it stands on; empty: it hangs."""

    marks: str
    shadow: str


@cache
def drawings() -> dict[str, dict[str, Drawing]]:
    """Read all drawings: by slug of the category, by subcategory."""
    return {
        path.stem: {
            name: Drawing(_SPACE.sub("><", marks.strip()), _shadow(attributes))
            for name, attributes, marks in _SYMBOL.findall(path.read_text(encoding="utf-8"))
        }
        for path in sorted(FOLDER.glob("*.svg"))
    }


def draw(item: Item) -> str:
    """Draw an article as SVG: the same one, the same picture."""
    of_category = drawings().get(slug(item.category)) or drawings()["other"]
    drawing = of_category.get(item.subcategory) or next(iter(of_category.values()))
    tones = tones_of(item.title, item.item_id)
    accents = [accent for accent in ACCENTS if accent != tones.main]
    colours = {
        "a": tones.main,
        "b": tones.shade,
        "c": tones.light,
        "d": accents[number(item.brand, "accent") % len(accents)],
        "k": INK,
        "m": METAL,
        "w": WHITE,
    }
    marks = re.sub(r"\{([abcdkmw])\}", lambda found: colours[found[1]], drawing.marks)
    shape = SHAPES[number(item.item_id, "shape") % len(SHAPES)]
    turned = ' transform="matrix(-1 0 0 1 400 0)"' if number(item.item_id, "turn") % 2 and "<text" not in marks else ""
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 400 400" width="400" height="400">'
        f'<path fill="{tones.ground}" d="M0 0h400v400H0z"/><g fill="{tones.shape}">{shape}</g>'
        f"<g{turned}>{drawing.shadow}{marks}</g></svg>"
    )


def _shadow(attributes: str) -> str:
    """Draw the shadow at the place where a drawing touches the ground."""
    floor = _FLOOR.search(attributes)
    if not floor:
        return ""
    x, y, width = floor.groups()
    return f'<ellipse cx="{x}" cy="{y}" rx="{width}" ry="10" fill="#1c2321" opacity=".13"/>'
