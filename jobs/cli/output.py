"""How commands print: results on stdout, everything else on stderr."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import orjson
import typer

Advance = Callable[[int, int], None]
"""Called with what is done and what there is to do."""


def emit(document: Mapping[str, Any], as_json: bool, render: Callable[[Mapping[str, Any]], str] | None = None) -> None:
    """Print a command's result: as one JSON document, or for people to read.

    Parameters
    ----------
    document
        The result. Paths and NumPy numbers are fine.
    as_json
        Whether `--json` was given.
    render
        Makes the readable text; default: one line for each value, names in one column.
    """
    if as_json:
        options = orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS
        text = orjson.dumps(document, default=str, option=options).decode()
    else:
        text = (render or table)(document)
    typer.echo(text)


def note(text: str) -> None:
    """Say what is happening, on stderr."""
    typer.echo(text, err=True)


def table(document: Mapping[str, Any]) -> str:
    """Lay a result out in two columns; a nested one is indented below its name."""
    return "\n".join(_lines(document, ""))


def _lines(document: Mapping[str, Any], indent: str) -> Iterator[str]:
    width = max((len(str(name)) for name, value in document.items() if not isinstance(value, Mapping)), default=0)
    for name, value in document.items():
        label = str(name).replace("_", " ")
        if isinstance(value, Mapping):
            yield f"{indent}{label}"
            yield from _lines(value, f"{indent}  ")
        else:
            yield f"{indent}{label:<{width}}  {_shown(value)}".rstrip()


def _shown(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "-"}[value]
    if isinstance(value, int):
        return f"{value:,}".replace(",", " ")
    if isinstance(value, float):
        return f"{value:,.3f}".replace(",", " ") if abs(value) < 1000 else f"{value:,.0f}".replace(",", " ")
    if isinstance(value, (list, tuple)):
        return ", ".join(_shown(one) for one in value)
    return str(value)


@contextmanager
def progress(what: str) -> Iterator[Advance]:
    """Show a progress bar on stderr while the block runs; nothing where nobody looks.

    Examples
    --------
    >>> with progress("simulating") as advance:
    ...     advance(1, 2)
    """
    if not sys.stderr.isatty():
        yield lambda _done, _total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task(what, total=None)
        yield lambda done, total: bars.update(task, completed=done, total=total or None)
