"""`swerve promote`: bring what a replay wrote under a prefix of its own into the live prefix."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import Annotated

import typer

from jobs.cli.options import Config, Json, Redis, Set, settings_from
from jobs.cli.output import emit, note


def command(
    from_prefix: Annotated[str, typer.Argument(metavar="FROM_PREFIX", help="What stands before the keys now, such as shadow:")],
    to: Annotated[str | None, typer.Option("--to", metavar="PREFIX", help="What shall stand before them; default: redis.prefix.")] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the keys under FROM_PREFIX as well.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would be done.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    config: Config = None,
    overrides: Set = None,
    redis: Redis = None,
    json: Json = False,
) -> None:
    """Bring every shopper's keys under one prefix into another, normally the live one; the newer one wins, shopper by shopper.

    A shopper's keys change together, and never for something older. The live job may go on meanwhile. Interrupted, it is run again.
    """
    from jobs.cli.prefixes import prefixes, shown, watched, with_redis
    from udfs.errors import UsageError
    from udfs.redis_promote import plan, promote
    from udfs.redis_writes import Target

    settings = with_redis(settings_from(config, overrides, redis__url=redis)).redis
    to_prefix = settings.prefix if to is None else to
    if from_prefix == to_prefix:
        raise UsageError(f"both prefixes are {shown(to_prefix)}", "name another: FROM_PREFIX or --to PREFIX")
    with prefixes(settings, from_prefix, to_prefix) as (source, target):
        contents = watched("counting", 0, lambda _: source.contents)
        if contents.empty:
            note(f"nothing is left under {shown(from_prefix)}")
        elif not (dry_run or yes):
            end = "" if keep else ", and delete them there"
            _ask(f"Bring {contents.users:,} shoppers from {shown(from_prefix)} into {shown(to_prefix)}{end}?")
        if dry_run:
            done = watched("looking", contents.users, lambda seen: plan(source, target, seen))
        else:
            assert settings.url is not None
            where = Target(settings.url, settings.secret, to_prefix, settings.ttl_seconds)
            done = watched("promoting", contents.users, lambda seen: promote(source, where, keep, note, seen))
    emit({"from": from_prefix, "to": to_prefix, "dry_run": dry_run, **asdict(done)}, json)


def _ask(question: str) -> None:
    from udfs.errors import UsageError

    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError("nobody is there to be asked", "give --yes, or --dry-run to see what would be done")
    if not typer.confirm(question, err=True):
        raise typer.Abort
