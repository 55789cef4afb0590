"""Click-through and conversion of what was shown: by model, segment, reason, position and surface."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

from training.feedback.attribution import WINDOWS, Attributed, Windows, attribute
from training.feedback.events import Progress, read_reactions
from training.feedback.shown import read_shown
from training.feedback.wilson import rate

GROUPS = ("model", "segment", "reason", "position", "surface")
#: A list has one of each of these.
OF_LISTS = ("model", "segment", "surface")


def feedback(
    recommendations: Path, events: Path, windows: Windows = WINDOWS, *, since: int | None = None, until: int | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Tell what became of recommendations.

    Parameters
    ----------
    recommendations
        Folder with ``recommendations-*.avro``.
    events
        Archive of events, of the same time and a day longer.
    windows
        How long after a recommendation an event may come.
    since, until
        Recommendations from the first on and before the second count, by event time in ms.
    progress
        Called with the work done and to do.

    Returns
    -------
    dict
        `shown`, `events`, `windows`, `total`, and a list for each of `GROUPS`.

    Raises
    ------
    SwerveError
        If one of the folders cannot be read.
    """
    shown, twice = read_shown(recommendations)
    if since is not None:
        shown = shown.filter(pl.col("event_time") >= since)
    if until is not None:
        shown = shown.filter(pl.col("event_time") < until)
    reactions = read_reactions(events, progress)
    found = attribute(shown, reactions, windows)
    return {
        "shown": {
            "counted": "exposed" if found.exposed else "emitted",
            "recommendations": len(shown),
            "delivered_again": twice,
            "without_consent": shown.filter(pl.col("user_id").is_in(list(reactions.denied))).height,
        },
        "events": {"read": reactions.read, "rejects": reactions.rejects, **found.counts},
        "windows": {"view_ms": windows.view, "purchase_ms": windows.purchase},
        **summary(found),
    }


def summary(found: Attributed) -> dict[str, Any]:
    """Count, in all and by each of `GROUPS`.

    Returns
    -------
    dict
        `total`, and by group name a list of rows with the group's value, most shown first, positions in order.
    """
    document: dict[str, Any] = {"total": _row(found.places, lists=True)}
    for name in GROUPS:
        parts = found.places.partition_by(name, as_dict=True, maintain_order=True)
        rows = [{name: key[0], **_row(part, lists=name in OF_LISTS)} for key, part in parts.items()]
        document[f"by_{name}"] = sorted(rows, key=lambda row: (row[name],) if name == "position" else (-row["shown"], str(row[name])))
    return document


def _row(places: pl.DataFrame, *, lists: bool) -> dict[str, Any]:
    sums = {name: int(places[name].sum()) for name in ("clicked", "assisted", "carted", "bought", "assisted_bought")}
    row: dict[str, Any] = {
        "shown": len(places),
        "clicks": sums["clicked"],
        "click_through": rate(sums["clicked"], len(places)),
        "assisted": sums["assisted"],
        "assisted_rate": rate(sums["assisted"], len(places)),
        "carts": sums["carted"],
        "purchases": sums["bought"],
        "conversion": rate(sums["bought"], sums["clicked"] + _without_click(places)),
        "assisted_purchases": sums["assisted_bought"],
        "revenue": round(float(places["revenue"].sum()), 2),
    }
    if lists:
        by_list = places.group_by("list").agg(pl.col("clicked").any())
        clicked = int(by_list["clicked"].sum())
        row |= {"lists": len(by_list), "lists_clicked": clicked, "list_click_through": rate(clicked, len(by_list))}
    return row


def _without_click(places: pl.DataFrame) -> int:
    """Purchases that name their recommendation, of places whose click nobody sent: they were clicked too."""
    return places.filter(pl.col("bought") & ~pl.col("clicked")).height
