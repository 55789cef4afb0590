"""The sections of the page that tell of the segments themselves: sizes, cards, map, moves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from training.segmentation.report.charts import INTENTS, bar, intent_gauge, shopper_map
from training.segmentation.report.svg import Markup, colour, count, element, join, mark, percent, price, scrolling

MOVES, ONWARD = 12, 3
"""How many moves are listed, and of one segment."""
LEAST = 0.01
"""Share of the interest from which a category is told."""
Segment = Mapping[str, Any]
Document = Mapping[str, Any]


def who(document: Document) -> str:
    """Say what is counted: at training, a shopper may count at several moments."""
    return "shoppers" if document.get("archive") else "snapshots"


def section(title: str, identity: str, *children: str) -> Markup:
    """Make a section with a heading."""
    return element("section", element("h2", title, id=identity), *children, aria_labelledby=identity)


def sizes(document: Document) -> Markup:
    """List the segments by number, with a bar for how many shoppers each has."""
    segments = document["segments"]
    most = max((one["share"] for one in segments), default=0) or 1
    rows = [
        element(
            "tr",
            element("th", _named(one, link=True), scope="row"),
            element("td", bar(one["share"] / most, colour(one["id"])), class_="wide"),
            element("td", count(one["size"]), class_="right"),
            element("td", percent(one["share"]), class_="right"),
        )
        for one in segments
    ]
    head = element(
        "tr", *(element("th", text, scope="col", class_=class_) for text, class_ in
                (("Segment", None), ("", "wide"), (who(document).capitalize(), "right"), ("Share", "right")))
    )  # fmt: skip
    rest = document.get("without")
    note = f" {count(rest)} shoppers have done too little yet to be in one." if rest else ""
    caption = element("caption", f"Of all {count(document['profiles'])}.{note}")
    table = element("table", caption, element("thead", head), element("tbody", *rows), class_="sizes")
    return section("How many shoppers are in each", "sizes", element("div", scrolling("Sizes", table), class_="panel"))


def cards(document: Document) -> Markup:
    """Make a card for each segment."""
    legend = element("ul", *(
        element("li", element("i", class_=f"intent-{key}"), label) for key, label in INTENTS
    ), class_="legend")  # fmt: skip
    lead = element(
        "p",
        "Categories are those that a segment looks at more than the shop as a whole does. Of the bars of intent, the broad one is the "
        "segment and the narrow one below it the shop.",
        class_="soft",
    )
    made = [_card(one, document) for one in document["segments"]]
    return section("What marks each segment", "segments", lead, legend, element("div", *made, class_="cards"))


def place_on_map(document: Document) -> Markup:
    """Show the map, if there is one."""
    drawn = document.get("map")
    if not drawn:
        return Markup()
    lead = element(
        "p",
        "Each mark is a shopper; who behaves alike lies near to each other, and a number stands in the middle of its segment. A flat "
        f"picture cannot hold all that tells shoppers apart: this one holds {percent(drawn['explained'])} of it, so segments that overlap "
        "here may be well apart.",
    )
    names = element("ul", *(element("li", _named(one)) for one in document["segments"]), class_="legend")
    shown = scrolling("Map", shopper_map(drawn, document["segments"]))
    return section("A map of the shoppers", "map", lead, element("div", shown, names, class_="panel"))


def moves(document: Document) -> Markup:
    """Show how shoppers move between segments, if that was counted."""
    flows = document.get("flows")
    if not flows:
        hint = element(
            "p",
            "How shoppers move between segments is counted over a history: swerve segments report BUNDLE --archive ARCHIVE.",
            class_="soft",
        )
        return section("How shoppers move", "moves", hint)
    segments, matrix = document["segments"], flows["moves"]
    found = sorted(
        ((number, a, b) for a, row in enumerate(matrix) for b, number in enumerate(row) if number), key=lambda one: (-one[0], one[1:])
    )
    total = sum(number for number, _, _ in found)
    if not found:
        return section("How shoppers move", "moves", element("p", "Nobody moved from one segment to another.", class_="soft"))
    rows = [
        element(
            "tr",
            element("th", _named(segments[a]), scope="row"),
            element("td", element("span", "→", class_="arrow", aria_hidden="true")),
            element("td", _named(segments[b])),
            element("td", bar(number / found[0][0], colour(b)), class_="wide"),
            element("td", count(number), class_="right"),
        )
        for number, a, b in found[:MOVES]
    ]
    head = element("tr", *(element("th", text, scope="col", class_=class_) for text, class_ in
                           (("From", None), ("", None), ("To", None), ("", "wide"), ("Times", "right"))))  # fmt: skip
    table = element(
        "table",
        element("caption", f"The most frequent of {count(total)} moves."),
        element("thead", head),
        element("tbody", *rows),
        class_="sizes moves",
    )
    lead = element("p", "A shopper moves when her interest does: she came for one thing, and now looks at another.")
    whole = element("details", element("summary", "All moves as a table"), scrolling("All moves", _matrix(segments, matrix)))
    return section("How shoppers move", "moves", lead, element("div", scrolling("Most frequent moves", table), whole, class_="panel"))


def _card(one: Segment, document: Document) -> Markup:
    flows = document.get("flows")
    intent, shop = one["intent"], document["shop"]
    parts: list[str] = [
        element("header", mark(one["id"]), element("h3", one["name"]), element("span", f"no. {one['id']}", class_="number")),
        element("p", f"{count(one['size'])} {who(document)}, {percent(one['share'])}", class_="small"),
    ]
    leading = [category for category in one["categories"] if category["lift"] > 1 and category["share"] >= LEAST]
    if leading:
        parts += [element("h4", "Looks at"), _lifts(leading)]
    told = ", ".join(f"{percent(intent[key])} {label}" for key, label in INTENTS)
    parts += [element("h4", f"Intent: {intent['level']}"), intent_gauge(intent, shop["intent"]), element("span", told, class_="small")]
    parts.append(element("div", _price(one, shop), _buys(one, shop, flows), class_="facts"))
    if one.get("items"):
        titles = [item["title"] or " · ".join(filter(None, (item["id"], item["category"]))) for item in one["items"]]
        parts += [element("h4", "Typical items"), element("ul", *(element("li", title) for title in titles), class_="plain")]
    if flows:
        parts += _onward(one["id"], document["segments"], flows)
    if one.get("example"):
        parts += [element("h4", "A shopper in the middle of it"), element("span", _example(one["example"]), class_="small")]
    return element("article", *parts, class_="card", id=f"segment-{one['id']}")


def _lifts(categories: Sequence[Mapping[str, Any]]) -> Markup:
    rows: list[str] = []
    for one in categories:
        times = f", {one['lift']:.1f} × the shop" if one["lift"] < 10 else f", {one['lift']:.0f} × the shop"
        rows += [
            element("dt", one["name"]),
            element("dd", bar(one["share"], class_="bar thin")),
            element("dd", percent(one["share"]) + times),
        ]
    return element("dl", *rows, class_="lifts")


def _price(one: Segment, shop: Mapping[str, Any]) -> Markup:
    level, median = one["price"]["level"], one["price"]["median"]
    text = f"looks at {price(median)}; the shop at {price(shop['price']['median'])}" if median is not None else "the events have no prices"
    return element("div", element("h4", "Price level"), element("b", level or "not known"), element("span", text))


def _buys(one: Segment, shop: Mapping[str, Any], flows: Mapping[str, Any] | None) -> Markup:
    level = one["propensity"]["level"]
    text = f"{percent(one['propensity']['buyers'])} have bought; of the shop {percent(shop['buyers'])}"
    visits = flows["visits"][one["id"]] if flows else 0
    if flows and visits:
        text += f". {percent(flows['bought'][one['id']] / visits)} of its visits lead to a purchase"
    return element("div", element("h4", "Readiness to buy"), element("b", level or "not known"), element("span", text))


def _onward(segment: int, segments: Sequence[Segment], flows: Mapping[str, Any]) -> list[str]:
    row = flows["moves"][segment]
    order = sorted((other for other in range(len(row)) if row[other]), key=lambda other: (-row[other], other))[:ONWARD]
    if not order:
        return []
    lines = [
        element("li", mark(other), " ", segments[other]["name"], " ", element("span", count(row[other]), class_="small")) for other in order
    ]
    return [element("h4", "Goes on to"), element("ul", *lines, class_="plain")]


def _example(one: Mapping[str, Any]) -> str:
    looked = ", ".join(f"{name} {count(number)} times" for name, number in one["categories"].items())
    parts = [
        f"{_some(one['events'], 'event')} in {_some(one['visits'], 'visit')}",
        f"turned to {looked}" if looked else "",
        f"looked at {price(one['mean_price'])} on average" if one["mean_price"] is not None else "",
        f"put {_some(one['carts'], 'thing')} into the cart" if one["carts"] else "nothing in the cart yet",
        _some(one["purchases"], "purchase") if one["purchases"] else "no purchase",
    ]
    text = "; ".join(filter(None, parts))
    return f"{text[:1].upper()}{text[1:]}."


def _some(number: int, what: str) -> str:
    return f"{count(number)} {what}{'' if number == 1 else 's'}"


def _named(one: Segment, *, link: bool = False) -> Markup:
    name: str = element("a", one["name"], href=f"#segment-{one['id']}") if link else one["name"]
    return element("span", element("span", str(one["id"]), class_="id"), mark(one["id"]), element("span", name), class_="name")


def _matrix(segments: Sequence[Segment], matrix: Sequence[Sequence[int]]) -> Markup:
    most = max(max(row) for row in matrix) or 1
    head = element("tr", element("th", "from \\ to", scope="col"), *(
        element("th", str(one["id"]), scope="col", title=one["name"]) for one in segments
    ))  # fmt: skip
    rows = []
    for one, row in zip(segments, matrix, strict=True):
        cells = [_cell(number, number / most) for number in row]
        rows.append(element("tr", element("th", join(f"{one['id']} ", one["name"]), scope="row"), *cells))
    return element("table", element("thead", head), element("tbody", *rows), class_="matrix")


def _cell(number: int, share: float) -> Markup:
    if not number:
        return element("td", "·", class_="none")
    return element("td", count(number), style=f"background:color-mix(in srgb,var(--comparing) {70 * share:.0f}%,transparent)")
