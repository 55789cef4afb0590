"""`swerve bench`: what things cost, measured here and now."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer

from jobs.cli.options import Json
from jobs.cli.output import emit, note
from udfs.errors import UsageError

BENCHMARKS = {
    "throughput": ("throughput", "events a second of the whole job, and where the time goes"),
    "shifts": ("shifts", "how many swerves are noticed, how soon, and how often there was none"),
    "kernel": ("kernel", "applying events to profiles, packed and unpacked"),
    "decode": ("decode", "decoding events, beside a columnar reader and a reader of records"),
    "rank": ("rank", "ranking a user, by stage"),
    "redis": ("redis_writes", "writing to Redis, beside redis-py's pipeline"),
    "serving": ("serving.run", "requests a second of the HTTP API, and how soon they are answered, over a real Redis"),
    "quiet": ("quiet", "how long the last event takes to Redis when nothing follows it, over a real Kafka"),
    "collector": ("collector", "events of pages a second that are on the disk, and how long a batch takes"),
    "follow": ("follow", "how long an event takes to Redis from an archive that is followed, and what the idle job costs"),
    "chaos": ("chaos.run", "what is lost, and how long it takes, while the servers of a running job are killed"),
}
"""Name: its module in `bench/`, which has ``run(say, …) -> dict``, and what it measures."""


def command(
    name: Annotated[str, typer.Argument(metavar="NAME", help="; ".join(f"{name}: {what}" for name, (_, what) in BENCHMARKS.items()) + ".")],
    events: Annotated[int | None, typer.Option(min=1, help="Events of the simulated shop.")] = None,
    users: Annotated[int | None, typer.Option(min=1, help="Its shoppers.")] = None,
    items: Annotated[int | None, typer.Option(min=1, help="Its items.")] = None,
    parallelism: Annotated[int | None, typer.Option(min=1, help="Of the job.")] = None,
    minutes: Annotated[float | None, typer.Option(min=0.1, help="How long it goes on.")] = None,
    keep: Annotated[Path | None, typer.Option(metavar="DIR", help="Keep what was simulated there, and use it again.")] = None,
    ranker: Annotated[str | None, typer.Option(metavar="KIND", help="Ranker of the bundle: as for `swerve train`.")] = None,
    json: Json = False,
) -> None:
    """Run a benchmark; an option that it has no use for is an error."""
    given = {
        "events": events,
        "users": users,
        "items": items,
        "parallelism": parallelism,
        "minutes": minutes,
        "keep": keep,
        "ranker": ranker,
    }
    run = find(name)
    emit(run(note, **chosen(name, run, given)), json)


def find(name: str) -> Callable[..., dict[str, Any]]:
    """Give the function of a benchmark.

    Raises
    ------
    UsageError
        If there is none of that name.
    """
    if name not in BENCHMARKS:
        raise UsageError(f"there is no benchmark '{name}'", f"there are {', '.join(BENCHMARKS)}")
    run: Callable[..., dict[str, Any]] = import_module(f"bench.{BENCHMARKS[name][0]}").run
    return run


def chosen(name: str, run: Callable[..., Any], given: dict[str, Any]) -> dict[str, Any]:
    """Keep the options that were given.

    Raises
    ------
    UsageError
        If the benchmark does not take one of them.
    """
    takes = list(inspect.signature(run).parameters)[1:]
    wanted = {option: value for option, value in given.items() if value is not None}
    for option in wanted:
        if option not in takes:
            options = ", ".join(f"--{one}" for one in takes if one in given)
            raise UsageError(f"bench {name} has no use for --{option}", f"it takes {options or 'no such options'}")
    return wanted
