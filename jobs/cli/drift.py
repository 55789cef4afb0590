"""`swerve drift`: whether the shop is still the one that a bundle was trained for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from jobs.cli.options import Config, Json, Set, settings_from
from jobs.cli.output import emit, progress
from jobs.cli.source import time_ms, topic_of

BARS = " ▁▂▃▄▅▆▇█"
SIGNS = {"none": " ", "some": "▲", "much": "▲▲"}


def command(
    bundle: Annotated[Path, typer.Argument(metavar="BUNDLE", help="Folder of the bundle, or of a model: its current version.")],
    archive: Annotated[str, typer.Argument(metavar="ARCHIVE", help="Events of now, and before them; or kafka:TOPIC.")],
    reference: Annotated[
        Path | None, typer.Option("--reference", metavar="ARCHIVE", help="Compare with this, not with the bundle's reference.json.")
    ] = None,
    since: Annotated[
        str | None, typer.Option("--since", metavar="TIME", help="Look at profiles after it. Default: the last fifth of the events.")
    ] = None,
    fail_above: Annotated[
        float | None, typer.Option("--fail-above", min=0.0, metavar="PSI", help="Exit code 1 if anything moved by more than this.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the sample of profiles.")] = 0,
    config: Config = None,
    overrides: Set = None,
    json: Json = False,
) -> None:
    """Compare features and scores of now with those that the bundle was made with: population stability index, what moved, and how."""
    from models.registry import serving_folder
    from training.feedback.watch import drift

    folder, first, topic = serving_folder(bundle), time_ms(since) if since else None, topic_of(archive)
    with progress("reading events") as advance:
        if topic is None:
            document = drift(folder, Path(archive), earlier=reference, since=first, seed=seed, progress=advance)
        else:
            from jobs.kafka.topic_archive import folder_of

            with folder_of(settings_from(config, overrides), archive, topic, progress=advance) as written:
                document = drift(folder, written, earlier=reference, since=first, seed=seed, progress=advance)
    emit(document, json, render)
    if fail_above is not None and document["greatest"] > fail_above:
        raise typer.Exit(1)


def render(document: Mapping[str, Any]) -> str:
    """Lay the result out for people."""
    return "\n".join(_lines(document))


def _lines(document: Mapping[str, Any]) -> Iterator[str]:
    model, scores = document["model"], document["scores"]
    yield f"{model['name']} {model['version']}: {document['users_now']:,} rankings now, {document['users_before']:,} when it was made"
    yield f"{'':<22}{'psi':>8}{'chance':>8}     {'before':<11}{'now':<11}{'mean before':>12}{'now':>12}"
    yield _line("score", scores)
    yield from (_line(one["name"], one) for one in document["features"])
    if scores["dropped_now"]:
        yield f"! {scores['dropped_now']:.1%} of the scores are not finite, {scores['dropped_before']:.1%} when it was made"
    for name, what in (("only_before", "no longer there"), ("only_now", "not in the reference")):
        if document[name]:
            yield f"! {what}: {', '.join(document[name])}"
    yield f"moved: {', '.join(document['moved']) or 'nothing'}  (▲ above 0.1, ▲▲ above 0.25, and more than chance alone would)"


def _line(name: str, one: Mapping[str, Any]) -> str:
    shares = f"{_bars(one['before']):<11}{_bars(one['now']):<11}"
    means = f"{one['mean_before']:>12.3f}{one['mean_now']:>12.3f}"
    return f"{name:<22}{one['psi']:>8.3f}{one['chance']:>8.3f} {SIGNS[one['change']]:<3} {shares}{means}"


def _bars(shares: Sequence[float]) -> str:
    most = max(*shares, 1e-9) if shares else 1.0
    return "".join(BARS[round(share / most * (len(BARS) - 1))] for share in shares)
