"""`swerve stop`: end a job on a cluster with a savepoint, or the Redis that a run left for `swerve show`."""

from __future__ import annotations

from typing import Annotated

import typer

from jobs.cli.options import Cluster, Config, Form, Json, RunningJob, SavepointFolder, SavepointFormat, Set, cluster_settings, settings_from
from jobs.cli.output import emit, progress


def command(
    job: RunningJob = None,
    cluster: Cluster = None,
    folder: SavepointFolder = None,
    form: Form = SavepointFormat.canonical,
    savepoint: Annotated[
        bool, typer.Option("--savepoint/--no-savepoint", help="Without one the job is cancelled, also one whose tasks do not run.")
    ] = True,
    config: Config = None,
    overrides: Set = None,
    json: Json = False,
) -> None:
    """With --cluster or a JOB: stop that job with a savepoint, and print where it lies (swerve deploy --from-savepoint goes on from there).

    Without either: stop the embedded Redis that `swerve demo` or `swerve replay` left running here; what it holds is gone with it.
    """
    if job is None and cluster is None:
        from jobs.embedded.redis_server import stop_redis

        stopped = stop_redis(settings_from(config, overrides).work)
        emit({"stopped": stopped}, json, lambda _: "stopped" if stopped else "none was running")
        return
    settings = cluster_settings(config, overrides, cluster)
    from jobs.cluster.control import cancel, find_job, stop_with_savepoint
    from jobs.cluster.rest import FlinkRest

    assert settings.cluster.url is not None
    with FlinkRest(settings.cluster.url) as client, progress("stopping"):
        found = find_job(client, job)
        path = stop_with_savepoint(client, found.id, folder, form.flink) if savepoint else None
        if path is None:
            cancel(client, found.id)
    emit({"job": found.id, "name": found.name, "savepoint": path}, json, lambda _: path or f"cancelled {found.id}")
