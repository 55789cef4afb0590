"""`swerve import`: somebody's history, as an archive."""

from __future__ import annotations

from dataclasses import asdict
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from jobs.cli.options import Json
from jobs.cli.output import emit, progress
from udfs.errors import UsageError


class Format(str, Enum):
    """What is understood."""

    rees46 = "rees46"
    retailrocket = "retailrocket"
    yoochoose = "yoochoose"
    sessions = "sessions"
    ga4 = "ga4"
    csv = "csv"


def command(
    format: Annotated[Format, typer.Argument(metavar="FORMAT", help="rees46, retailrocket, yoochoose, sessions, ga4 or csv.")],  # noqa: A002
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file; .gz is read as it is.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder to write.")],
    map: Annotated[  # noqa: A002
        list[str] | None, typer.Option("--map", metavar="FIELD=COLUMN", help="csv only: which column holds a field. Repeatable.")
    ] = None,
    json: Json = False,
) -> None:
    """Turn a shop's history into an archive that train and replay read.

    Rows that make no event are counted, and kept in OUT/rejected.csv with their line and the reason. Imported history counts as
    collected with consent: leave out who did not give it.
    """
    mapping = {}
    for pair in map or ():
        field, equals, column = pair.partition("=")
        if not (field and equals and column):
            raise UsageError(f"--map {pair}: wants FIELD=COLUMN", "for example --map user_id=customer")
        mapping[field] = column
    if mapping and format is not Format.csv:
        raise UsageError(f"--map is for the format csv, not {format.value}")
    from training.importers import import_file

    with progress("importing") as advance:
        report = import_file(format.value, file, out, mapping, advance)
    emit(asdict(report), json)
