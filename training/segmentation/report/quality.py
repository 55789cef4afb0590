"""The section that tells how the segments were chosen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from training.segmentation.report.charts import quality_chart
from training.segmentation.report.sections import section
from training.segmentation.report.svg import Markup, count, element, percent, scrolling

WORDS = {
    "silhouette": "How much nearer shoppers are to their own group than to the next one: 1 is as clear as can be, 0 is a blur.",
    "stability": "How alike the groups are when other samples of shoppers are grouped: 1 is always the same, 0 is chance. That takes "
    "long to measure, and is left out where it cannot decide.",
    "agreement": "A live shop puts a shopper into the group whose middle is nearest. So much of what was found stays then: 1 is all.",
    "smallest, largest": "Groups with less than 1 % of the shoppers are given up; none may hold more than 60 %, if there is another way.",
    "score": "The first three, multiplied: the best is chosen, and of those that are nearly alike the one with the fewest groups.",
}
COLUMNS = ("Method", "Groups", "Silhouette", "Stability", "Agreement", "Smallest", "Largest", "Score")


def choice(document: Mapping[str, Any]) -> Markup:
    """Tell what was tried and why one way was taken, if training wrote it down."""
    candidates, chosen = document.get("candidates"), document.get("chosen")
    if not document.get("why"):
        return Markup()
    parts: list[str] = [element("p", document["why"])]
    if candidates:
        if any(one["silhouette"] is not None for one in candidates):
            parts.append(element("div", scrolling("Chart of all ways", quality_chart(candidates, chosen)), class_="panel"))
        parts.append(element("div", scrolling("Table of all ways", _table(candidates, chosen)), class_="panel"))
    words = [part for word, meaning in WORDS.items() for part in (element("dt", word), element("dd", meaning))]
    return section("How the segments were chosen", "choice", *parts, element("dl", *words, class_="words"))


def _table(candidates: list[Mapping[str, Any]], chosen: int | None) -> Markup:
    rows = [_row(one, place == chosen) for place, one in enumerate(candidates)]
    head = element("tr", *(element("th", name, scope="col", class_="right" if number else None) for number, name in enumerate(COLUMNS)))
    return element(
        "table", element("caption", "All ways that were tried; the marked one was chosen."), element("thead", head), element("tbody", *rows)
    )


def _row(one: Mapping[str, Any], won: bool) -> Markup:
    sizes, total = one["sizes"], sum(one["sizes"]) or 1
    asked = ", ".join(f"{name.replace('_', ' ')} {value:g}" for name, value in one["parameters"].items())
    cells = [
        count(one["segments"]), _number(one["silhouette"]), _number(one["stability"]), _number(one["agreement"]),
        percent(min(sizes) / total) if sizes else "–", percent(max(sizes) / total) if sizes else "–",
        _number(one["score"]) if one["refused"] is None or won else "refused",
    ]  # fmt: skip
    title = element("span", f"{one['method']}, {asked}", title=one["refused"])
    label = element("th", title, *([" (chosen)"] if won else []), scope="row")
    return element("tr", label, *(element("td", cell, class_="right") for cell in cells), class_="won" if won else None)


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"
