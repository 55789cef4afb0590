"""The command line: one module for each command.

A command is a module `jobs/cli/<name>.py` with a function `command`, or, where it has commands of its own, a `typer.Typer` named `app`.
It is listed in `COMMANDS`, which is also the order of `swerve --help`. Only the module of the command that is called is imported; what is
heavy (pyflink, numba, onnxruntime, polars) is imported inside its function, so that help stays quick.

What a command may rely on: `options` has the options that several share, `output` prints results and progress. An error that a user can put
right is raised as a `udfs.errors.SwerveError` and comes out as one line on stderr. `SWERVE_DEBUG=1` shows where it came from.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterable, Sequence
from importlib import import_module
from importlib.metadata import version
from typing import Annotated

import typer

from jobs.cli import failures

COMMANDS = {
    "demo": "demo",
    "simulate": "simulate",
    "import": "import_",
    "topics": "topics",
    "publish": "publish",
    "train": "train",
    "evaluate": "evaluate",
    "models": "models",
    "retrain": "retrain",
    "feedback": "feedback",
    "drift": "drift",
    "segments": "segments",
    "off-policy": "off_policy",
    "run": "run",
    "serve": "serve",
    "token": "token",
    "replay": "replay",
    "show": "show",
    "explain": "explain",
    "diff": "diff",
    "promote": "promote",
    "redis-acl": "redis_acl",
    "deploy": "deploy",
    "status": "status",
    "savepoint": "savepoint",
    "upgrade": "upgrade",
    "stop": "stop",
    "dlq": "dlq",
    "dev": "dev",
    "bench": "bench",
    "config": "config",
    "check": "check",
}
"""Name of the command: its module in `jobs.cli`."""

USAGE, INTERRUPTED = 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    arguments : sequence of str, optional
        Default: those of the process.

    Returns
    -------
    int
        0: done; 1: it failed; 2: the command line or the settings are wrong; 130: interrupted.
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    chosen = [arguments[0]] if arguments[0] in COMMANDS else COMMANDS
    try:
        code = build(chosen)(arguments, prog_name="swerve", standalone_mode=False)
    except typer.TyperException as error:
        hint = f"swerve {arguments[0]} --help" if len(chosen) == 1 else "swerve --help"
        return _fail(" ".join(error.format_message().split()), hint, USAGE)
    except (KeyboardInterrupt, typer.Abort):
        return _fail("interrupted", "", INTERRUPTED)
    except Exception as error:  # noqa: BLE001 - the last place where it can be told in one line
        if os.environ.get("SWERVE_DEBUG"):
            traceback.print_exc()
        return _fail(*failures.explain(error))
    if code == INTERRUPTED:
        return _fail("interrupted", "", INTERRUPTED)
    return code if isinstance(code, int) else 0


def build(names: Iterable[str]) -> typer.Typer:
    """Make the application with some of its commands."""
    app = typer.Typer(name="swerve", add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None, callback=_root)
    for name in names:
        module = import_module(f"jobs.cli.{COMMANDS[name]}")
        if hasattr(module, "app"):
            app.add_typer(module.app, name=name)
        else:
            app.command(name)(module.command)
    return app


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"swerve {version('swerve')}")
        raise typer.Exit


def _root(
    _: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and end.")] = False,
) -> None:
    """Recommendations that follow a shopper's swerve.

    Add --help to any command. `swerve demo` shows the whole thing on this machine.
    """


def _fail(message: str, hint: str, code: int) -> int:
    print(f"swerve: {message}" + (f" ({hint})" if hint else ""), file=sys.stderr, flush=True)  # noqa: T201
    return code
