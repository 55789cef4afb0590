"""Parts of HTML and SVG, escaped, and the marks that tell segments apart without colour as well."""

from __future__ import annotations

from html import escape
from typing import Any

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
"""Of M. Okabe and K. Ito, "Color Universal Design", 2008: told apart by people who do not see all colours, on light and dark."""
SHAPES = (
    "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0z",
    "M-3.6-3.6h7.2v7.2h-7.2z",
    "M0-5l4.6 8.4h-9.2z",
    "M0-5.2l4.4 5.2-4.4 5.2-4.4-5.2z",
)
"""Circle, square, triangle, diamond: with the colours enough for two dozen segments."""


class Markup(str):
    """Text that is markup already."""

    __slots__ = ()


def element(name: str, /, *children: str, **attributes: Any) -> Markup:
    """Make an element; children that are no `Markup` are escaped, attributes always.

    Parameters
    ----------
    name
        Its name.
    *children
        What is in it.
    **attributes
        `class_` is `class`, and `_` stands for `-`; None leaves one out.
    """
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(str(value))}"' for key, value in attributes.items() if value is not None
    )
    return Markup(f"<{name}{given}>{join(*children)}</{name}>")


def join(*parts: str) -> Markup:
    """Put parts behind each other, escaped where they are no markup."""
    return Markup("".join(part if isinstance(part, Markup) else escape(part) for part in parts))


def picture(width: float, height: float, title: str, text: str, *children: str, class_: str = "chart") -> Markup:
    """Make an SVG that says what it shows.

    Parameters
    ----------
    width, height
        Of its coordinates; it scales with the page.
    title, text
        Name, and what one would say of it to somebody who does not see it.
    *children
        What is drawn.
    """
    return element(
        "svg", element("title", title), element("desc", text), *children, viewBox=f"0 0 {width:g} {height:g}", role="img", class_=class_
    )


def scrolling(label: str, *children: str) -> Markup:
    """Let what is wider than a narrow screen be moved inside its frame, by keyboard as well.

    Parameters
    ----------
    label
        What it is, for those who do not see it.
    *children
        What is in it.
    """
    return element("div", *children, class_="scroll", role="group", aria_label=label, tabindex=0)


def colour(segment: int) -> str:
    """Give the colour of a segment."""
    return COLOURS[segment % len(COLOURS)]


def shape(segment: int) -> str:
    """Give the path of a segment's mark, around 0, some 8 wide."""
    return SHAPES[segment // len(COLOURS) % len(SHAPES)]


def mark(segment: int) -> Markup:
    """Draw a segment's mark for use in text; its number stands beside it."""
    path = element("path", d=shape(segment), fill=colour(segment))
    return element("svg", path, viewBox="-6 -6 12 12", class_="mark", aria_hidden="true", focusable="false")


def percent(share: float | None) -> str:
    """Write a share of 1 in hundredths."""
    if share is None:
        return "–"
    hundredths = 100 * share
    return f"{hundredths:.0f} %" if hundredths >= 10 or hundredths == 0 else f"{hundredths:.1f} %"


def count(number: float | None) -> str:
    """Write a number with its thousands apart."""
    return "–" if number is None else f"{number:,.0f}".replace(",", "\u202f")


def price(amount: float | None) -> str:
    """Write a price; in which currency, events of several shops do not agree."""
    if amount is None:
        return "–"
    return count(amount) if amount >= 100 else f"{amount:.2f}"
