"""`swerve show`: what Redis holds for a shopper, which is what a page of the shop would show."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Annotated, Any

import redis as redis_py
import typer

from jobs.cli.options import Config, Json, Redis, Set, settings_from
from jobs.cli.output import emit, note
from jobs.runs import with_last_run
from jobs.settings import RedisSettings
from udfs.errors import SwerveError, UsageError

WHOSE = {
    "user": "recommendations for {}",
    "segment": "{} has none of her own: what her segment is shown",
    "default": "{} has none of her own: what everybody is shown",
}
UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def command(
    user: Annotated[str, typer.Argument(metavar="USER", help="Her user id.")],
    surface: Annotated[str | None, typer.Option("--surface", metavar="NAME", help="Place in the shop; default: the first one.")] = None,
    config: Config = None,
    overrides: Set = None,
    redis: Redis = None,
    json: Json = False,
) -> None:
    """Show what Redis holds for a shopper: items, scores, reasons, segment, model and age.

    Where there is nothing of her own, the fall-back that a page would show. Without --redis it asks the Redis of the last run here.
    """
    settings = with_last_run(settings_from(config, overrides, redis__url=redis))
    if settings.redis.url is None:
        raise UsageError("no run is known here, so no Redis", "run `swerve demo` or `swerve replay` first, or give --redis URL")
    document = look_up(settings.redis, user, surface or settings.rank.surfaces[0])
    if json:
        emit(document, True)
        return
    if document["source"] != "user":
        note(WHOSE[document["source"]].format(user))
    _print(document)


def look_up(settings: RedisSettings, user: str, surface: str) -> dict[str, Any]:
    """Read what a page shows to a user.

    Parameters
    ----------
    settings
        With an address.
    user, surface
        Her id, and the place in the shop.

    Returns
    -------
    dict
        user_id, surface, source ("user", "segment" or "default"), key, ttl_seconds, value (the JSON in Redis), profile (clock, n_events,
        segment and estimates, or none).

    Raises
    ------
    SwerveError
        If Redis does not answer, or holds nothing that could be shown.
    """
    from udfs.redis_connection import check, connect
    from udfs.redis_errors import why_to_wait
    from udfs.redis_reads import read_profile, read_recommendations

    assert settings.url is not None
    check(settings.url, settings.secret, settings.masked_url)
    try:
        with connect(settings.url, settings.secret) as client:
            stored = read_profile(client, user, settings.prefix)
            segment, estimates = _of_profile(stored.packed) if stored and stored.packed else (None, None)
            found = read_recommendations(client, user, surface, segment, settings.prefix)
    except redis_py.RedisError as error:
        raise SwerveError(f"{settings.masked_url}: {why_to_wait(error)[1]}") from None
    if found is None:
        raise SwerveError(
            f"{settings.masked_url} holds nothing for {user} on {surface}, and no fall-back either",
            "has a job written there? redis.prefix and --surface should be those of the job",
        )
    profile = {"clock": stored.clock, "n_events": stored.n_events, "segment": segment, "estimates": estimates} if stored else None
    return {"user_id": user, "surface": surface, **found._asdict(), "profile": profile}


def _of_profile(packed: bytes) -> tuple[int, dict[str, Any] | None]:
    from udfs.describe import describe_estimates
    from udfs.profile import unpack_profiles

    profiles = unpack_profiles([packed])
    return int(profiles["segment"][0]), describe_estimates(profiles)


def _print(document: Mapping[str, Any]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    value, profile = document["value"], document["profile"]
    console = Console()
    console.print(Text(WHOSE["user"].format(document["user_id"]), style="bold") if document["source"] == "user" else Text(document["key"]))
    for name, text in _facts(value, profile, document["ttl_seconds"]):
        console.print(Text(f"  {name:<11}{text}"))
    table = Table(box=box.SIMPLE_HEAD)
    for column, justify in (("", "right"), ("item", "left"), ("score", "right"), ("why", "left")):
        table.add_column(column, justify="right" if justify == "right" else "left", overflow="fold")
    for place, item in enumerate(value["items"], 1):
        table.add_row(str(place), Text(str(item["item_id"])), f"{item['score']:.4f}", Text(str(item["reason"])))
    console.print(table)


def _facts(value: Mapping[str, Any], profile: Mapping[str, Any] | None, ttl: int | None) -> list[tuple[str, str]]:
    segment, model = value["segment"], value["model"]
    facts = [
        ("surface", value["surface"]),
        ("segment", f"{segment['name']} ({segment['id']})"),
        ("model", f"{model['name']} {model['version']}"),
    ]
    if profile:
        facts.append(("event", f"{_time(value['event_time'])}, number {profile['n_events']:,} of hers"))
        if profile["estimates"]:
            facts.append(("estimates", ", ".join(profile["estimates"]["words"])))
    age = f"{_time(value['generated_at'])}, {_span(time.time() - value['generated_at'] / 1000)} ago"
    facts.append(("computed", age + (f"; expires in {_span(ttl)}" if ttl is not None else "")))
    return facts


def _time(ms: int) -> str:
    return f"{datetime.fromtimestamp(ms / 1000, timezone.utc):%Y-%m-%d %H:%M:%S} UTC"


def _span(seconds: float) -> str:
    """Say how long something takes, to about a part in ten.

    Examples
    --------
    >>> _span(93_784), _span(7)
    ('26 h', '7 s')
    """
    size, unit = next(((size, unit) for size, unit in UNITS if seconds >= 2 * size), UNITS[-1])
    return f"{max(0, seconds) / size:.0f} {unit}"
