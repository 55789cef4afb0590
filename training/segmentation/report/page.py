"""A segments document → one HTML page that needs nothing from anywhere else."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from html import escape
from pathlib import Path
from string import Template
from typing import Any

from training.segmentation.report.quality import choice
from training.segmentation.report.sections import cards, moves, place_on_map, sizes, who
from training.segmentation.report.svg import Markup, count, element, join, percent

TEMPLATE = Path(__file__).with_name("page.html")


def render_page(document: Mapping[str, Any]) -> str:
    """Make the page.

    Parameters
    ----------
    document
        As `segments_document` gives it.

    Returns
    -------
    str
        HTML. Every text of the document is escaped.
    """
    bundle, segments = document["bundle"], document["segments"]
    made = datetime.fromtimestamp(bundle["created_at"] / 1000, timezone.utc).strftime("%Y-%m-%d")
    if segments:
        parts = [sizes(document), cards(document), place_on_map(document), moves(document), choice(document)]
    else:
        parts = [choice(document) or element("p", "This bundle has no segments: there is one group for each kind of device.")]
    model = f"{bundle['name']}, version {bundle['version']}"
    return Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
        title=escape(f"Segments of {model}"),
        heading=escape(f"Segments of {bundle['name']}"),
        lead=escape(_lead(document)),
        tiles=_tiles(document),
        sections=join(*parts),
        foot=escape(f"Model {model}, trained on a history that ends on {made}. Written by swerve segments report."),
    )


def _lead(document: Mapping[str, Any]) -> str:
    number = count(document["profiles"])
    how = (
        f"{number} shoppers of the archive {document['archive']}, each as she was after her last event. The segments have the names that "
        "training gave them; what they are like now may differ."
        if document.get("archive")
        else f"{number} snapshots: shoppers as they were at random moments of the history that the model was trained on."
    )
    return f"Groups of shoppers who look at the same things, at similar prices, with similar intent. Counted from {how}"


def _tiles(document: Mapping[str, Any]) -> Markup:
    segments, shop = document["segments"], document["shop"]
    tiles = [(count(document["profiles"]), who(document)), (count(len(segments)), "segments")]
    if segments:
        largest = max(segments, key=lambda one: one["size"])
        tiles.append((percent(largest["share"]), f"in the largest: {largest['name']}"))
    tiles += [(percent(shop["intent"]["about_to_buy"]), "are about to buy"), (percent(shop["buyers"]), "have bought")]
    return element("ul", *(element("li", element("b", number), element("span", text)) for number, text in tiles), class_="tiles")
