"""`swerve models with-ranker`: a bundle with a ranker of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from jobs.cli.options import Config, Json, Set, settings_from
from jobs.cli.output import emit, progress


def command(
    bundle: Annotated[Path, typer.Argument(metavar="BUNDLE", help="Folder of the bundle that all else comes from.")],
    ranker: Annotated[Path, typer.Argument(metavar="RANKER.onnx", help="An ONNX file that keeps the contract: docs/models.md.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder of the new bundle, such as models/NAME/VERSION.")],
    archive: Annotated[
        Path | None,
        typer.Option("--archive", metavar="ARCHIVE", help="What the bundle was trained on: the ranker is measured on its last sessions."),
    ] = None,
    config: Config = None,
    overrides: Set = None,
    json: Json = False,
) -> None:
    """Write a new version of a bundle with another ranker. It is checked as `promote` does, and lands only if it may serve.

    Without an archive the new bundle does not say how good it is, and `swerve drift` has nothing to compare with.
    """
    from jobs.serving import terms_of
    from models.approval import approve
    from models.bundle import Bundle
    from models.with_ranker import read_ranker, refuse_taken, with_ranker

    refuse_taken(out)
    terms = terms_of(settings_from(config, overrides))
    source, measured = Bundle.open(bundle), None
    if archive is not None:
        from training.own_ranker import measure_ranker

        with progress("measuring") as advance:
            measured = measure_ranker(read_ranker(ranker), archive, source, advance)
    made = with_ranker(
        source,
        ranker,
        out,
        lambda draft: approve(draft, terms, Bundle.open),
        measured.metrics if measured else None,
        measured.documents if measured else None,
    )
    document = {
        "name": made.name,
        "version": made.version,
        "path": str(out),
        "features": list(made.manifest.features),
        "inputs": sorted(made.scorer.inputs),
        "metrics": made.manifest.metrics,
        "before": source.manifest.metrics.get("swerve"),
    }
    emit(document, json)
