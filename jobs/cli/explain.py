"""`swerve explain`: why a shopper gets what she gets, stage by stage, worked out again from her profile."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import redis as redis_py
import typer

from jobs.cli.options import Config, Json, Redis, Set, settings_from
from jobs.cli.output import emit
from jobs.runs import with_last_run
from jobs.settings import Settings
from udfs.errors import SwerveError, UsageError


def command(
    user: Annotated[str, typer.Argument(metavar="USER", help="Her user id.")],
    surface: Annotated[str | None, typer.Option("--surface", metavar="NAME", help="Place in the shop; default: the first one.")] = None,
    config: Config = None,
    overrides: Set = None,
    redis: Redis = None,
    model: Annotated[Path | None, typer.Option("--model", metavar="DIR", help="Model bundle; short for --set model.path=DIR.")] = None,
    all_: Annotated[bool, typer.Option("--all", help="List every candidate.")] = False,
    json: Json = False,
) -> None:
    """Explain a shopper's recommendations: profile, windows, shift, segment, candidates, features, scores, rules.

    Everything is worked out again from the profile that Redis holds, and the result is held against the recommendations there. Without
    options it asks the Redis and takes the model of the last run here.
    """
    settings = with_last_run(settings_from(config, overrides, redis__url=redis, model__path=model))
    if settings.redis.url is None:
        raise UsageError("no run is known here, so no Redis", "run `swerve demo` or `swerve replay` first, or give --redis URL")
    document = explain_user(settings, user, surface or settings.rank.surfaces[0])
    if json:
        emit(document, True)
        return
    from jobs.cli.explanation import show

    show(document, every=all_)


def explain_user(settings: Settings, user: str, surface: str) -> dict[str, Any]:
    """Work out a user's recommendations again.

    Parameters
    ----------
    settings
        With the address, and the model and lists of the job.
    user, surface
        Her id, and the place in the shop.

    Returns
    -------
    dict
        user_id, surface, and what each stage found: profile, estimates (none without such models), windows, shift, segment, ranking;
        `value` compares it with Redis, and is none where Redis holds nothing for her on that surface.

    Raises
    ------
    SwerveError
        If Redis does not answer or holds no profile of hers, or the bundle cannot be read.
    """
    from jobs.serving import bundle_that_ranked
    from models.bundle import Bundle
    from models.explaining import explain_shopper
    from udfs.profile import ProfileError
    from udfs.rank import Ranker

    packed, stored = _read(settings, user, surface)
    bundle = Bundle.open(bundle_that_ranked(settings, _version_of(stored)))
    ranker = Ranker(bundle, settings.rank.candidates, settings.rank.top, (surface,), settings.rank.category_percent)
    try:
        return explain_shopper(bundle, ranker, user, surface, packed, stored)
    except ProfileError as error:
        raise SwerveError(f"the profile of {user} cannot be read: {error}") from None


def _version_of(stored: bytes | None) -> str | None:
    """Give the version of the bundle that made a value; none where that cannot be read."""
    import orjson

    try:
        return str(orjson.loads(stored or b"")["model"]["version"])
    except (ValueError, KeyError, TypeError):
        return None


def _read(settings: Settings, user: str, surface: str) -> tuple[bytes, bytes | None]:
    from udfs.redis_connection import check, connect
    from udfs.redis_errors import why_to_wait
    from udfs.redis_reads import read_profile, read_value

    to = settings.redis
    assert to.url is not None
    check(to.url, to.secret, to.masked_url)
    try:
        with connect(to.url, to.secret) as client:
            profile = read_profile(client, user, to.prefix)
            stored = read_value(client, user, surface, to.prefix)
    except redis_py.RedisError as error:
        raise SwerveError(f"{to.masked_url}: {why_to_wait(error)[1]}") from None
    if profile is None:
        raise SwerveError(
            f"{to.masked_url} holds no profile of {user}",
            "has a job written there? redis.prefix should be that of the job; `swerve show` shows fall-backs",
        )
    if not profile.packed:
        raise SwerveError(f"{to.masked_url} holds no profile of {user}: the job ran with redis.keep_profile=false", "run it with true")
    return profile.packed, stored
