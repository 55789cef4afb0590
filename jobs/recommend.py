"""The live job: the topology over a topic or a growing archive, in this process; over a topic also on a cluster, by Flink's launcher."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from jobs.cluster.parameters import describe
from jobs.environment import add_kafka_connector, job_options, local_tables, make_tables, prepare_process
from jobs.follow_status import forget_status
from udfs.errors import SwerveError

if TYPE_CHECKING:
    from pyflink.table import StreamTableEnvironment

    from jobs.pipeline import Pipeline
    from jobs.settings import Settings

NAME = "swerve"
TOPIC_SCHEMAS = ("segment_change", "recommendation")
POLL_SECONDS = 0.25
#: A broker takes records of that size, where it does not say.
USUAL_BYTES = 1_048_576
RESTARTS = 1_000


def live_settings(settings: Settings, topic: str | None = None) -> Settings:
    """Give the settings of a live job: it emits everything, and its events come from `topic`, unless it follows an archive."""
    values: dict[str, Any] = {"out.everything": True}
    if topic:
        values["topics.events"] = topic
    return settings.with_values(values)


class Targets(NamedTuple):
    """What the sinks have to know of the topics: schema ids by schema name, and the bytes of a record that the dead letters' takes."""

    schema_ids: dict[str, int]
    largest: int


def prepare_topics(settings: Settings) -> Targets:
    """Look at what the job needs of Kafka and the registry, and make what is missing.

    The topic of events must be there; those that the job writes are made. The schemas of what it writes are registered.

    Parameters
    ----------
    settings
        The effective settings.

    Raises
    ------
    SwerveError
        If Kafka or the registry does not answer or does not let us in, or there is no topic of events.
    """
    from jobs.kafka.client import admin
    from jobs.kafka.topics import create, describe, wanted

    topics = settings.topics
    client = admin(settings)
    try:
        partitions = len(describe(client, settings, topics.events).partitions)
        for name in (topics.dead_letters, topics.segments, topics.recommendations):
            create(client, settings, name, partitions, wanted(settings)[name])
        largest = int(describe(client, settings, topics.dead_letters).config.get("max.message.bytes", USUAL_BYTES))
    finally:
        client.close()
    return Targets(register_schemas(settings), largest)


def register_schemas(settings: Settings) -> dict[str, int]:
    """Register the schemas of what the job writes; without a registry, give the ids of `avro/ids.json`."""
    from jobs.registry import registry_of
    from udfs.schemas import load, local_id

    topics = settings.topics
    registry = registry_of(settings.registry)
    if registry is None:
        return {name: local_id(name) for name in TOPIC_SCHEMAS}
    ids = {}
    for name, topic in zip(TOPIC_SCHEMAS, (topics.segments, topics.recommendations), strict=True):
        subject = f"{topic}-value"
        ids[name] = registry.register(subject, load(name))
        registry.set_compatibility(subject)
    return ids


def live_options(settings: Settings) -> dict[str, str]:
    """Give the Flink options of the live job, wherever it runs."""
    return {**job_options(settings, settings.batch.records, settings.batch.live_ms), "pipeline.name": NAME}


def build_live(tables: StreamTableEnvironment, settings: Settings, targets: Targets) -> Pipeline:
    """Wire the live job.

    Parameters
    ----------
    tables
        An environment with the options of `live_options`.
    settings
        Those of `live_settings`.
    targets
        What `prepare_topics` gave.
    """
    from jobs.sinks import KafkaSinks
    from jobs.sources import KafkaSource
    from jobs.topology import build

    return build(tables, KafkaSource(settings, settings.topics.events), KafkaSinks(settings, *targets), settings)


def build_follow(tables: StreamTableEnvironment, settings: Settings, archive: Path) -> Pipeline:
    """Wire the live job over an archive that is being written; what it emits goes to archives in `out.dir`."""
    from jobs.sinks import ArchiveSinks
    from jobs.sources import FollowSource
    from jobs.topology import build

    return build(tables, FollowSource(settings, archive), ArchiveSinks(settings.out.dir.resolve(), None, everything=True), settings)


def follow_options(settings: Settings) -> dict[str, str]:
    """Give the Flink options of the live job over an archive: a row is not a record but a chunk."""
    return {**job_options(settings, settings.batch.rows, settings.batch.live_ms), "pipeline.name": NAME}


def run(
    settings: Settings,
    archive: Path | None = None,
    *,
    from_savepoint: str | None = None,
    savepoints: Path | None = None,
    watch: Callable[[], bool] | None = None,
    say: Callable[[str], None] = lambda _: None,
    rest_port: int = 0,
    restarts: int = RESTARTS,
) -> str | None:
    """Run the live job in this process until it is told to stop.

    Parameters
    ----------
    settings
        Those of `live_settings`.
    archive
        The folder to follow; none: the topic of the settings.
    from_savepoint
        Where to begin; none: where `kafka.start` says.
    savepoints
        Folder for the savepoint it stops with; none: it is cancelled.
    watch
        Called a few times a second; true: stop.
    say
        Told, in one line, when the job failed and starts again.
    rest_port
        Port of Flink's REST API on loopback; 0: a free one.
    restarts
        How often it may start again after a failure.

    Returns
    -------
    str or None
        Where the savepoint lies; None if there is none, also where it was stopped before all of its tasks ran.

    Raises
    ------
    JobFailed
        If the job ended with an error.
    """
    prepare_process(settings.work)
    if archive is None:
        add_kafka_connector(settings.work)
    from jobs.replay import Waiter, stop_with_savepoint

    options = {"rest.port": str(rest_port), "rest.bind-port": str(rest_port)}
    if from_savepoint:
        options["execution.state-recovery.path"] = from_savepoint
    if archive is None:
        targets = prepare_topics(settings)
        pipeline = build_live(local_tables(settings, {**live_options(settings), **options}, restarts=restarts), settings, targets)
    else:
        forget_status(settings.work)
        pipeline = build_follow(local_tables(settings, {**follow_options(settings), **options}, restarts=restarts), settings, archive)
    client = pipeline.execute()
    waiter = Waiter(client)
    stopped = failing = False
    while waiter.is_alive() and not stopped:
        waiter.join(POLL_SECONDS)
        stopped = bool(watch and watch())
        if waiter.is_alive():
            before, failing = failing, client.get_job_status().result().name in ("RESTARTING", "FAILING")
            if failing and not before:
                say(f"the job failed and starts again from its last checkpoint; its log: {settings.work / 'log'}")
    if not stopped:
        waiter.raise_failure(settings.work)
        raise SwerveError("the job ended by itself: a live job should not", f"its log: {settings.work / 'log'}")
    if savepoints is None:
        client.cancel().result()
        return None
    from py4j.protocol import Py4JError

    try:
        path = stop_with_savepoint(client, str(savepoints))
    except Py4JError as error:
        # It had not begun: there is nothing to save.
        client.cancel().result()
        if "Not all required tasks are currently running" in str(error):
            return None
        raise
    while waiter.is_alive():
        time.sleep(POLL_SECONDS)
    return path


def main(arguments: Sequence[str] | None = None) -> None:
    """Submit the live job from a launcher of Flink's (`flink run -pym jobs.recommend`), which says where it runs.

    Settings come from ``--config`` and the environment; what makes a cluster (checkpoint folder, restarts, Python) is the cluster's.
    """
    from jobs.settings import load_settings

    parser = argparse.ArgumentParser(prog="jobs.recommend", description="The live job, for Flink's own launcher.")
    parser.add_argument("--config", type=Path, help="settings in YAML")
    parser.add_argument("--topic", help="topic of the events; default: the setting topics.events")
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE", help="one setting")
    given = parser.parse_args(arguments)
    settings = live_settings(load_settings(given.config, given.set), given.topic)
    if settings.redis.url is None:
        raise SwerveError(
            "redis.url is not set: on a cluster there is no Redis of the command's own", "set it in the file or as SWERVE__REDIS__URL"
        )
    targets = prepare_topics(settings)
    parameters = {f"pipeline.global-job-parameters.{key}": value for key, value in describe(settings).items()}
    build_live(make_tables({**live_options(settings), **parameters}), settings, targets).execute()


if __name__ == "__main__":
    main(sys.argv[1:])
