"""`swerve upgrade`: a running job replaced by this release and these settings, with its state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from jobs.cli.deploy import deployable
from jobs.cli.options import (
    Cluster,
    Config,
    Form,
    Json,
    Model,
    Redis,
    RunningJob,
    SavepointFolder,
    SavepointFormat,
    Set,
    Topic,
    cluster_settings,
)
from jobs.cli.output import emit, note, progress


def command(
    job: RunningJob = None,
    cluster: Cluster = None,
    source: Topic = None,
    folder: SavepointFolder = None,
    form: Form = SavepointFormat.canonical,
    allow_non_restored: Annotated[
        bool, typer.Option("--allow-non-restored", help="Go on even if the state has parts that the new job does not take.")
    ] = False,
    rollback: Annotated[
        bool, typer.Option("--rollback/--no-rollback", help="Start the old job again if the new one does not come to work.")
    ] = True,
    config: Config = None,
    overrides: Set = None,
    redis: Redis = None,
    model: Model = None,
    json: Json = False,
) -> None:
    """Stop a job with a savepoint and start it anew from there, with this release and the settings given here.

    Another parallelism: --set parallelism=N. The new job is built before the old one stops. It is done when all tasks run and a first
    checkpoint is complete; where that fails, the old settings are put back and the exit code is 1.
    """
    settings = deployable(cluster_settings(config, overrides, cluster, redis__url=redis, model__path=model), source)
    from jobs.cluster.control import find_job
    from jobs.cluster.deployment import upgrade
    from jobs.cluster.parameters import changes
    from jobs.cluster.rest import FlinkRest

    assert settings.cluster.url is not None
    with FlinkRest(settings.cluster.url) as client, progress("starting") as advance:
        old = find_job(client, job)
        changed = changes(client.parameters(old.id), settings)
        for key, (before, after) in changed.items():
            note(f"{key}: {before} -> {after}")
        done = upgrade(
            client,
            old,
            settings,
            folder=folder,
            form=form.flink,
            allow_non_restored=allow_non_restored,
            rollback=rollback,
            say=note,
            progress=advance,
        )
    emit({"job": done.job_id, "name": old.name, "was": old.id, "savepoint": done.savepoint, "changed": changed}, json, _render)


def _render(document: Mapping[str, Any]) -> str:
    return f"job {document['job']} ({document['name']}) took over from {document['was']}, savepoint {document['savepoint']}"
