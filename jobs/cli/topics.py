"""`swerve topics`: make the topics that the job reads and writes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from jobs.cli.options import Config, Json, Set, settings_from
from jobs.cli.output import emit


def command(
    brokers: Annotated[str | None, typer.Option("--brokers", metavar="HOST:PORT,…", help="Kafka; short for --set kafka.brokers=….")] = None,
    partitions: Annotated[int, typer.Option("--partitions", min=1, help="Of a topic that is made.")] = 4,
    replicas: Annotated[int, typer.Option("--replicas", min=-1, help="Of a topic that is made; -1: the broker's default.")] = -1,
    config: Config = None,
    overrides: Set = None,
    json: Json = False,
) -> None:
    """Make those topics of the settings that are not there, each with the retention it needs. What is there stays as it is.

    A broker's defaults would delete history: records carry the time of their event.
    """
    settings = settings_from(config, overrides, kafka__brokers=brokers)
    from jobs.kafka.client import admin
    from jobs.kafka.topics import create_all, wanted

    client = admin(settings)
    try:
        made = create_all(client, settings, partitions, replicas)
    finally:
        client.close()
    emit({"made": made, "there": [name for name in wanted(settings) if name not in made]}, json, _render)


def _render(document: Mapping[str, Any]) -> str:
    lines = [f"{how}: {name}" for how, names in (("made", document["made"]), ("there already", document["there"])) for name in names]
    return "\n".join(lines)
