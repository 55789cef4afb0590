"""`swerve train`: a model bundle from an archive."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from jobs.cli.options import Json
from jobs.cli.output import emit, progress
from udfs.errors import UsageError

KINDS = ("linear", "perceptron", "boosted", "sequence")
REPEAT = {"auto": None, "always": True, "never": False}


def command(
    archive: Annotated[Path, typer.Argument(metavar="ARCHIVE", help="Folder of events-*.avro and catalog.csv.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder of the bundle.")],
    ranker: Annotated[
        str, typer.Option(metavar="KIND", help=f"auto: the best of {', '.join(KINDS)} on a validation split; or one of them.")
    ] = "auto",
    repeat: Annotated[
        str, typer.Option(metavar="auto|always|never", help="Whether what she has just seen or bought may be shown again; auto: measured.")
    ] = "auto",
    previous: Annotated[
        Path | None, typer.Option(metavar="BUNDLE", help="The bundle that serves now: segments that stay keep their numbers and names.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="The same archive and seed, the same bundle.")] = 1,
    json: Json = False,
) -> None:
    """Train a model bundle: segments, candidate tables, ranker."""
    if ranker not in ("auto", *KINDS):
        raise UsageError(f"there is no ranker {ranker}", f"auto, {', '.join(KINDS)}")
    if repeat not in REPEAT:
        raise UsageError(f"--repeat {repeat} is none of {', '.join(REPEAT)}")
    from models.bundle import Bundle
    from training.train import train

    before = Bundle.open(previous) if previous else None
    with progress("training") as advance:
        report = train(archive, out, seed, advance, KINDS if ranker == "auto" else (ranker,), REPEAT[repeat], before)
    emit(asdict(report), json)
