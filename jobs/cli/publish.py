"""`swerve publish`: an archive into Kafka."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from jobs.cli.options import Config, Json, Set, settings_from
from jobs.cli.output import emit, note, progress


def command(
    archive: Annotated[Path, typer.Argument(metavar="ARCHIVE", help="Folder of events-*.avro.")],
    brokers: Annotated[str | None, typer.Option("--brokers", metavar="HOST:PORT,…", help="Kafka; short for --set kafka.brokers=….")] = None,
    topic: Annotated[
        str | None, typer.Option("--topic", metavar="NAME", help="Made if it is not there; default: topics.events of the settings.")
    ] = None,
    rate: Annotated[float | None, typer.Option("--rate", min=0.001, metavar="N", help="Events a second; default: all at once.")] = None,
    registry: Annotated[
        str | None, typer.Option("--registry", metavar="URL", help="Schema registry that gives the ids; short for --set registry.url=URL.")
    ] = None,
    partitions: Annotated[int, typer.Option("--partitions", min=1, help="Of the topic, if it is made.")] = 4,
    replicas: Annotated[int, typer.Option("--replicas", min=-1, help="Of the topic, if it is made; -1: the broker's default.")] = -1,
    now: Annotated[bool, typer.Option("--now", help="Move all times, so that the last event is now.")] = False,
    reframe: Annotated[
        bool, typer.Option("--reframe", help="Raw records too get the registry's schema ids instead of those of avro/ids.json.")
    ] = False,
    patience: Annotated[float, typer.Option("--patience", min=1, metavar="SECONDS", help="How long a broker may be away meanwhile.")] = 30,
    config: Config = None,
    overrides: Set = None,
    json: Json = False,
) -> None:
    """Publish an archive into a topic: key = user id, timestamp = event time, Confluent framing.

    Raw records keep their bytes, key, timestamp and headers. Ends when the brokers have acknowledged every record.
    """
    from jobs.kafka.publish import Options, publish

    settings = settings_from(config, overrides, kafka__brokers=brokers, registry__url=registry)
    options = Options(topic or settings.topics.events, rate, partitions, replicas, now, reframe, patience)
    with progress(f"publishing to {options.topic}") as advance:
        done = publish(archive, settings, options, advance, note)
    emit(done.as_json(), json)
