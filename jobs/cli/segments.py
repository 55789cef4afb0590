"""`swerve segments`: which groups of shoppers a bundle knows, as a table or as a page."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from jobs.cli.options import Json
from jobs.cli.output import emit, progress

app = typer.Typer(help="The segments of a model bundle: who is in them, and what marks them.", no_args_is_help=True)

BundleFolder = Annotated[
    Path, typer.Argument(metavar="BUNDLE", help="Folder of a bundle, or of a model in a registry: then the version that serves.")
]
Archive = Annotated[
    Path | None,
    typer.Option("--archive", metavar="DIR", help="Count anew over this archive, with the moves between segments; default: as trained."),
]
UNLISTED = ("map", "candidates", "flows", "format", "seed")
"""What a page draws and a list does not need."""


@app.command("list")
def list_segments(bundle: BundleFolder, archive: Archive = None, json: Json = False) -> None:
    """List the segments: size, price level, intent, readiness to buy, first categories."""
    document = _document(bundle, archive)
    emit({name: value for name, value in document.items() if name not in UNLISTED}, json, _render_list)


@app.command()
def report(
    bundle: BundleFolder,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="The page to write: HTML.")],
    archive: Archive = None,
    json: Json = False,
) -> None:
    """Write a page about the segments, for people who sell: sizes, what marks each, a map, moves, and how they were chosen.

    It is one file that needs no network, and can be sent by mail.
    """
    from training.segmentation.report import render_page
    from udfs.errors import SwerveError

    document = _document(bundle, archive)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(render_page(document), encoding="utf-8")
    except OSError as error:
        raise SwerveError(f"{out} cannot be written: {error.strerror}") from None
    emit(
        {
            "page": str(out), "model": document["bundle"]["name"], "version": document["bundle"]["version"],
            "shoppers": document["profiles"], "segments": len(document["segments"]),
        },
        json,
    )  # fmt: skip


def _document(folder: Path, archive: Path | None) -> dict[str, Any]:
    from models.bundle import Bundle
    from models.registry import serving_folder
    from training.segmentation.report import segments_document

    with progress("counting shoppers") as advance:
        return segments_document(Bundle.open(serving_folder(folder)), archive, advance)


def _render_list(document: Mapping[str, Any]) -> str:
    rows = [
        (
            str(one["id"]), one["name"], f"{one['size']:,}".replace(",", " "), f"{one['share']:.1%}", one["price"]["level"] or "-",
            one["intent"]["level"], one["propensity"]["level"] or "-", f"{one['propensity']['buyers']:.1%}",
        )
        for one in document["segments"]
    ]  # fmt: skip
    if not rows:
        return "no segments: there is one group for each kind of device"
    head = ("id", "name", "shoppers", "share", "price", "intent", "readiness", "bought")
    widths = [max(len(row[k]) for row in (head, *rows)) for k in range(len(head))]
    right = {0, 2, 3, 7}
    lines = [
        "  ".join(cell.rjust(width) if k in right else cell.ljust(width) for k, (cell, width) in enumerate(zip(row, widths)))
        for row in (head, *rows)
    ]
    without = document.get("without")
    lines += [f"\n{without} shoppers have done too little yet to be in one"] if without else []
    return "\n".join(line.rstrip() for line in lines)
