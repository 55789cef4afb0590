"""The readable form of `swerve evaluate`."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

WIDTH_OF_A_PIPE = 130
RANKED = ("hr@20", "mrr@20", "ndcg@20")
SLICES = {"first_click": "after one click", "rare_item": "rare items", "new_in_session": "new items"}


def render(document: Mapping[str, Any]) -> str:
    """Lay an evaluation out: a table with intervals, the best of each column marked, and what it comes to.

    Parameters
    ----------
    document
        As `swerve evaluate --json` prints it.
    """
    wanted = Console()
    console = Console(file=io.StringIO(), width=wanted.width if wanted.is_terminal else WIDTH_OF_A_PIPE, force_terminal=wanted.is_terminal)
    unknown = f", {document['unknown_next']:,} of them with a next item that training does not know" if document["unknown_next"] else ""
    console.print(
        f"{document['cases']:,} cases of {document['sessions']:,} sessions{unknown}; {document['items']:,} items ranked, 20 shown.",
        highlight=False,
    )
    console.print(_table(document["methods"]))
    console.print(Text("± half of a 95 % interval, from resampled sessions; ◀ the best. Parts of the cases: their HR."), style="dim")
    for name, settings in ((name, method.get("settings")) for name, method in document["methods"].items()):
        if settings:
            console.print(Text(f"  {name}: " + ", ".join(f"{key} {value}" for key, value in settings.items())), style="dim")
    console.print()
    console.print(Text(sentence(document)))
    if document.get("through_job"):
        console.print(Text(f"Through the job and Redis: the same lists in {document['agreement']:.0%} of the cases."))
    file = console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue().rstrip("\n")


def sentence(document: Mapping[str, Any]) -> str:
    """Say what came out, and whether it is more than chance."""
    own, hits = document["methods"]["swerve"], document["swerve_against_best"]["hr@20"]
    said = f"swerve shows the next item in {own['hr@20']:.1%} of the cases; {_compared(hits, 100, ' points')}."
    ranks = document["swerve_against_best"]["mrr@20"]
    return f"{said} Its mean reciprocal rank is {own['mrr@20']:.3f}; {_compared(ranks, 1, '')}."


def _compared(against: Mapping[str, Any], scale: float, unit: str) -> str:
    places = 1 if unit else 3
    low, high = (f"{scale * bound:+.{places}f}" for bound in against["interval"])
    difference = against["difference"]
    if against["interval"][0] <= 0 <= against["interval"][1]:
        return f"no difference from {against['other']}, the best of the others, that these sessions can tell ({low} to {high}{unit})"
    word = "more" if difference > 0 else "less"
    return f"{abs(scale * difference):.{places}f}{unit} {word} than {against['other']}, the best of the others ({low} to {high})"


def _table(methods: Mapping[str, Any]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("@20", no_wrap=True)
    for name in (*RANKED, "coverage@20", "popularity@20"):
        table.add_column(
            name.replace("hr", "HR").replace("mrr", "MRR").replace("ndcg", "NDCG").replace("@20", ""), justify="right", no_wrap=True
        )
    for name in SLICES.values():
        table.add_column(name, justify="right")
    best = {name: max(method[name] for method in methods.values()) for name in RANKED}
    parts = {part: max(method["slices"][part]["hr@20"] for method in methods.values()) for part in SLICES}
    for name, method in methods.items():
        cells = [_cell(method[column], method["intervals"][column], best[column]) for column in RANKED]
        cells += [Text(f"{method[column]:.2f}") for column in ("coverage@20", "popularity@20")]
        cells += [_cell(method["slices"][part]["hr@20"], None, parts[part]) for part in SLICES]
        table.add_row(Text(name, style="bold" if name == "swerve" else ""), *cells)
    return table


def _cell(value: float, interval: list[float] | None, best: float) -> Text:
    spread = f" ±{(interval[1] - interval[0]) / 2:.3f}" if interval else ""
    is_best = value == best
    return Text(f"{value:.3f}{spread}{' ◀' if is_best else '  '}", style="bold green" if is_best else "")
