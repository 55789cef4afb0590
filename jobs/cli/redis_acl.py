"""`swerve redis-acl`: the ACL file for a Redis that more than one program uses."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from jobs.cli.options import Config, Json, Set, settings_from
from jobs.cli.output import emit

VARIABLE = "SWERVE_ACL_{}"


def command(
    prefix: Annotated[str | None, typer.Option("--prefix", metavar="PREFIX", help="Of job and readers; default: redis.prefix.")] = None,
    shadow: Annotated[
        list[str] | None,
        typer.Option("--shadow", metavar="PREFIX", help="Further prefix that the tools may use, for diff and promote. Repeatable."),
    ] = None,
    job: Annotated[str, typer.Option("--job", metavar="NAME", help="User of the job.")] = "swerve-job",
    reader: Annotated[str, typer.Option("--reader", metavar="NAME", help="User of the pages that show recommendations.")] = "swerve-reader",
    api: Annotated[str, typer.Option("--api", metavar="NAME", help="User of `swerve serve`.")] = "swerve-api",
    tools: Annotated[str, typer.Option("--tools", metavar="NAME", help="User of show, explain, diff and promote.")] = "swerve-tools",
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write the file, for its owner only; default: print it.")
    ] = None,
    config: Config = None,
    overrides: Set = None,
    json: Json = False,
) -> None:
    """Print an ACL file for Redis: the job writes under its own prefix, readers read recommendations, the API profiles too, tools promote.

    `aclfile FILE` in the server's configuration loads it. The passwords come from SWERVE_ACL_JOB, SWERVE_ACL_READER, SWERVE_ACL_API,
    SWERVE_ACL_TOOLS and SWERVE_ACL_DEFAULT (the administrator), or are asked for; the file holds only their hashes.
    """
    from udfs.redis_acl import ROLES, Login, acl_line, admin_line

    live = settings_from(config, overrides).redis.prefix if prefix is None else prefix
    names = {"job": job, "reader": reader, "api": api, "tools": tools}
    passwords = {role: _password(role) for role in (*names, "default")}
    lines = [admin_line(passwords["default"])]
    lines += [
        acl_line(role, Login(name, passwords[role]), (live, *(shadow or ())) if role == "tools" else (live,))
        for role, name in names.items()
    ]
    text = "\n".join(lines) + "\n"
    if out is not None:
        with open(os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
    users = {name: {"role": role, "does": ROLES[role].does} for role, name in names.items()}
    document = {"file": str(out) if out else None, "prefix": live, "users": users, "acl": lines}
    emit(document, json, lambda _: f"written: {out}" if out else text.rstrip())


def _password(role: str) -> str:
    from udfs.errors import UsageError

    variable = VARIABLE.format(role.upper())
    given = os.environ.get(variable)
    if given:
        return given
    if not sys.stdin.isatty():
        raise UsageError(f"no password for {role}", f"set {variable}")
    return str(typer.prompt(f"Password for {role}", hide_input=True, confirmation_prompt=True, err=True))
