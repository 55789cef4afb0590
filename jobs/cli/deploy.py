"""`swerve deploy`: the live job onto a Flink cluster."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jobs.cli.options import Cluster, Config, Json, Model, Redis, Set, Topic, cluster_settings
from jobs.cli.output import emit, note, progress
from jobs.cli.source import topic_of
from jobs.recommend import NAME
from udfs.errors import UsageError

if TYPE_CHECKING:
    from jobs.settings import Settings


def command(
    cluster: Cluster = None,
    source: Topic = None,
    name: Annotated[str, typer.Option("--name", help="Name of the job on the cluster.")] = NAME,
    savepoint: Annotated[
        str | None, typer.Option("--from-savepoint", metavar="PATH", help="Savepoint or kept checkpoint to begin with.")
    ] = None,
    allow_non_restored: Annotated[
        bool, typer.Option("--allow-non-restored", help="Begin even if the savepoint has state that this job does not take.")
    ] = False,
    config: Config = None,
    overrides: Set = None,
    redis: Redis = None,
    model: Model = None,
    json: Json = False,
) -> None:
    """Send the live job to a Flink cluster and watch it until all its tasks run and a first checkpoint is complete.

    A job that does not get there is cancelled, and the root cause is printed. Paths and addresses are those that the cluster sees.
    """
    settings = deployable(cluster_settings(config, overrides, cluster, redis__url=redis, model__path=model), source)
    from jobs.cluster.deployment import deploy
    from jobs.cluster.rest import FlinkRest

    assert settings.cluster.url is not None
    with FlinkRest(settings.cluster.url) as client, progress("starting") as advance:
        job_id = deploy(
            client,
            settings,
            name,
            savepoint=savepoint,
            allow_non_restored=allow_non_restored,
            say=note,
            progress=advance,
        )
    document = {"job": job_id, "name": name, "cluster": settings.cluster.url, "topic": settings.topics.events, "from": savepoint}
    emit(document, json, _render)


def deployable(settings: Settings, source: str | None) -> Settings:
    """Give the settings of the live job over a source; a folder that is here is named so that a cluster on this machine finds it."""
    topic = topic_of(source) if source else None
    if source and topic is None:
        raise UsageError(f"--source {source} is no topic", "kafka:TOPIC; an archive is read by swerve replay")
    from jobs.recommend import live_settings

    live, folder = live_settings(settings, topic), settings.model.path
    return live.with_values({"model.path": folder.resolve()}) if folder.exists() else live


def _render(document: Mapping[str, Any]) -> str:
    return f"job {document['job']} ({document['name']}) reads {document['topic']}: all tasks run, a first checkpoint is complete"
