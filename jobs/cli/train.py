"""`swerve train`: a model bundle from an archive."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from jobs.cli.options import Json
from jobs.cli.output import emit, progress


def command(
    archive: Annotated[Path, typer.Argument(metavar="ARCHIVE", help="Folder of events-*.avro and catalog.csv.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder of the bundle.")],
    seed: Annotated[int, typer.Option(min=0, help="The same archive and seed, the same bundle.")] = 1,
    json: Json = False,
) -> None:
    """Train a model bundle: segments, candidate tables, ranker."""
    from training.train import train

    with progress("training") as advance:
        report = train(archive, out, seed, advance)
    emit(asdict(report), json)
