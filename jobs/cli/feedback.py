"""`swerve feedback`: what became of recommendations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from jobs.cli.options import Config, Json, Set, settings_from
from jobs.cli.output import emit, progress
from jobs.cli.source import duration_ms, time_ms, topic_of

CLICK_HEAD = f"{'clicks':>7}  {'click-through %':<21}{'assisted':>9}{'carts':>7}{'bought':>8}  {'conversion %':<19}{'revenue':>11}"
ASSISTED_HEAD = f"{'assisted':>8}  {'of shown %':<21}{'bought after':>13}"
GROUPS = ("model", "segment", "reason", "position", "surface")


def command(
    recommendations: Annotated[
        str,
        typer.Argument(metavar="RECOMMENDATIONS", help="Folder of recommendations-*.avro, as replay --out writes them, or kafka:TOPIC."),
    ],
    events: Annotated[str, typer.Argument(metavar="EVENTS", help="Archive of events, or kafka:TOPIC.")],
    window: Annotated[
        str, typer.Option("--window", metavar="DURATION", help="A view without a recommendation's id is assisted so long after it.")
    ] = "30m",
    purchase_window: Annotated[
        str, typer.Option("--purchase-window", metavar="DURATION", help="A cart or purchase belongs to a click so long after it.")
    ] = "24h",
    since: Annotated[str | None, typer.Option("--since", metavar="TIME", help="First recommendation: ISO 8601 in UTC, ms, or -7d.")] = None,
    until: Annotated[str | None, typer.Option("--until", metavar="TIME", help="Only recommendations before it.")] = None,
    config: Config = None,
    overrides: Set = None,
    json: Json = False,
) -> None:
    """Join clicks and purchases to the recommendations that they came from.

    Prints click-through and conversion with 95 % intervals: in all, by model, segment, reason, position and surface.
    """
    from training.feedback.attribution import Windows
    from training.feedback.report import feedback

    windows = Windows(duration_ms(window), duration_ms(purchase_window))
    first, last = (time_ms(text) if text else None for text in (since, until))
    shown_topic, event_topic = topic_of(recommendations), topic_of(events)
    if shown_topic is None and event_topic is None:
        with progress("reading events") as advance:
            document = feedback(Path(recommendations), Path(events), windows, since=first, until=last, progress=advance)
    else:
        from jobs.kafka.topic_archive import RECOMMENDATIONS, folder_of

        settings = settings_from(config, overrides)
        with (
            progress("reading") as advance,
            folder_of(settings, recommendations, shown_topic, RECOMMENDATIONS, first, advance) as shown,
            folder_of(settings, events, event_topic, since=first, progress=advance) as happened,
        ):
            document = feedback(shown, happened, windows, since=first, until=last, progress=advance)
    emit(document, json, render)


def render(document: Mapping[str, Any]) -> str:
    """Lay the result out for people."""
    return "\n".join(_lines(document))


def _lines(document: Mapping[str, Any]) -> Iterator[str]:
    shown, events, total = document["shown"], document["events"], document["total"]
    count = f"{total['lists']:,} lists, {total['shown']:,} places"
    yield f"{shown['recommendations']:,} recommendations; those {shown['counted']} count: {count}"
    if shown["counted"] == "emitted":
        yield "  no view_item_list says which of them were seen: a click-through of all that the job made is low"
    named, assisted = f"{events['clicks']:,} clicks that name their recommendation", f"{events['assisted_views']:,} views that one assisted"
    yield f"{events['read']:,} events: {named}, {assisted}"
    for name in ("unknown_recommendation", "of_another_user", "not_in_the_list"):
        if events[name]:
            yield f"  ! {events[name]:,} of {name.replace('_', ' ')}"
    yield ""
    # Where no click names its recommendation, what it assisted is all there is.
    row = _row if total["clicks"] else _assisted_row
    yield f"{'':<28}{'shown':>10}  {CLICK_HEAD if total['clicks'] else ASSISTED_HEAD}"
    yield row("all", total)
    for group in GROUPS:
        yield group
        yield from (row(f"  {one[group]}", one) for one in document[f"by_{group}"])


def _row(name: str, row: Mapping[str, Any]) -> str:
    return (
        f"{_label(name)}{row['shown']:>10,}  {row['clicks']:>7,}  {_share(row['click_through']):<21}{row['assisted']:>9,}{row['carts']:>7,}"
        f"{row['purchases']:>8,}  {_share(row['conversion'], 1):<19}{row['revenue']:>11,.2f}"
    )


def _assisted_row(name: str, row: Mapping[str, Any]) -> str:
    return f"{_label(name)}{row['shown']:>10,}  {row['assisted']:>8,}  {_share(row['assisted_rate']):<21}{row['assisted_purchases']:>13,}"


def _label(name: str) -> str:
    return f"{name if len(name) < 28 else name[:26] + '…':<28}"


def _share(found: Mapping[str, float] | None, digits: int = 2) -> str:
    if found is None:
        return "-"
    return f"{100 * found['value']:.{digits}f} [{100 * found['low']:.{digits}f}, {100 * found['high']:.{digits}f}]"
