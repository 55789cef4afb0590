"""`swerve retrain`: a new version from history, which serves only if it is better."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer

from jobs.cli.options import Config, Json, Set, settings_from
from jobs.cli.output import emit, progress
from jobs.cli.source import time_ms, topic_of
from udfs.errors import UsageError


class Measure(str, Enum):
    """What decides."""

    mrr = "mrr"
    hr = "hr"
    ndcg = "ndcg"


def command(
    source: Annotated[
        str, typer.Option("--source", metavar="ARCHIVE|kafka:TOPIC", help="The history: a folder of events-*.avro, or a topic.")
    ],
    models: Annotated[Path, typer.Option("--models", metavar="DIR/NAME", help="The model in a registry; made if it is not there.")],
    margin: Annotated[float, typer.Option("--margin", help="The lower end of the difference's 95 % interval has to be above this.")] = 0.0,
    measure: Annotated[
        Measure, typer.Option("--measure", help="What decides: mean reciprocal rank, hit rate, or discounted gain.")
    ] = Measure.mrr,
    hold_out: Annotated[
        float, typer.Option("--hold-out", min=0.01, max=0.5, metavar="SHARE", help="Of the events, the last ones, to compare on.")
    ] = 0.1,
    since: Annotated[str | None, typer.Option("--since", metavar="TIME", help="Of a topic: first record. ISO 8601, ms, or -90d.")] = None,
    catalog: Annotated[Path | None, typer.Option("--catalog", metavar="FILE", help="Of a topic: catalog.csv.")] = None,
    keep: Annotated[
        int | None, typer.Option("--keep", min=1, metavar="N", help="Delete older versions that this command made. Default: keep all.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="The same history and seed, the same bundle.")] = 1,
    config: Config = None,
    overrides: Set = None,
    json: Json = False,
) -> None:
    """Train on all but the last part of the history, compare with the version that serves on the last part, promote if it is better.

    For cron: two runs never meet, the verdict is one JSON document (also a line of DIR/NAME/retrain.jsonl), and the exit code is 0
    whether the new version serves or not. A live job that follows the model takes a new version within seconds.
    """
    from jobs.kafka.topic_archive import folder_of
    from jobs.serving import terms_of
    from models.approval import approve
    from training.feedback.retraining import Plan, retrain

    topic = topic_of(source)
    if topic is None and (since or catalog):
        raise UsageError("--since and --catalog go with a topic", "--source kafka:TOPIC; an archive has a catalog.csv of its own")
    settings = settings_from(config, overrides)
    plan = Plan(f"{measure.value}@20", margin, hold_out, keep, settings.rank.candidates, seed)

    def check(path: Path) -> None:
        approve(path, terms_of(settings))

    first = time_ms(since) if since else None
    with progress("retraining") as advance, folder_of(settings, source, topic, since=first, progress=advance) as archive:
        if catalog is not None:
            _copy(catalog, archive / "catalog.csv")
        document = retrain(archive, models, check, plan, advance)
    emit(document, json, _render)


def _copy(catalog: Path, to: Path) -> None:
    try:
        shutil.copyfile(catalog, to)
    except OSError as error:
        raise UsageError(f"{catalog} cannot be read: {error.strerror}") from None


def _render(document: Mapping[str, Any]) -> str:
    if document["verdict"] == "busy":
        return f"{document['name']}: another run is retraining it, nothing was done"
    said = {
        "first": "serves: it is the first",
        "promoted": f"serves now instead of {document['current']}",
        "kept": f"does not serve: {document['current']} goes on",
    }[document["verdict"]]
    lines = [f"{document['name']}/{document['version']} {said}", f"  {document['why']}", f"  on {document['cases']:,} cases"]
    lines += [f"  ! {warning}" for warning in document["warnings"]]
    if document["deleted"]:
        lines.append(f"  deleted: {', '.join(document['deleted'])}")
    return "\n".join(lines)
