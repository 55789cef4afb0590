"""`swerve simulate`: an archive of a shop that never was."""

from __future__ import annotations

import time
from dataclasses import asdict
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from jobs.cli.options import Json
from jobs.cli.output import emit, progress


class Activity(str, Enum):
    """How visits are spread over shoppers."""

    even = "even"
    power = "power"


def command(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder to write; it must not exist, or be empty.")],
    events: Annotated[int, typer.Option(min=1, help="Events, not counting what is repeated or poison.")] = 100_000,
    users: Annotated[int, typer.Option(min=1, help="Shoppers.")] = 5_000,
    items: Annotated[int, typer.Option(min=1, help="Items in the catalogue.")] = 2_000,
    seed: Annotated[int, typer.Option(min=0, help="The same seed, the same files.")] = 1,
    late_seconds: Annotated[float, typer.Option(min=0, help="A tenth of the events arrives up to that much late.")] = 0,
    duplicates: Annotated[float, typer.Option(min=0, max=1, help="Share of events that come twice.")] = 0,
    poison: Annotated[float, typer.Option(min=0, max=1, help="Share of events that come again as poison.")] = 0,
    activity: Annotated[Activity, typer.Option(help="Shoppers come about equally often, or by a power law.")] = Activity.even,
    partitions: Annotated[int, typer.Option(min=1, max=128, help="Partitions of the log; a shopper is in one.")] = 4,
    shop_seed: Annotated[int | None, typer.Option(min=0, help="Seed of the catalogue alone: the same shop in another season.")] = None,
    json: Json = False,
) -> None:
    """Simulate a shop: Avro events, its catalogue, and the truth about every swerve.

    OUT gets events-*.avro, catalog.csv and truth.jsonl.
    """
    from training.simulator import simulate

    began = time.perf_counter()
    with progress("simulating") as advance:
        done = simulate(
            out,
            events,
            users,
            items,
            seed,
            late_seconds=late_seconds,
            duplicates=duplicates,
            poison=poison,
            activity=activity.value,
            partitions=partitions,
            shop_seed=shop_seed,
            progress=advance,
        )
    seconds = time.perf_counter() - began
    emit({**asdict(done), "seconds": round(seconds, 3), "events_per_second": round(done.events / seconds)}, json)
