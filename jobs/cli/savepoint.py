"""`swerve savepoint`: the state of a running job, kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jobs.cli.options import Cluster, Config, Form, Json, RunningJob, SavepointFolder, SavepointFormat, Set, cluster_settings
from jobs.cli.output import emit, progress


def command(
    job: RunningJob = None,
    cluster: Cluster = None,
    folder: SavepointFolder = None,
    form: Form = SavepointFormat.canonical,
    config: Config = None,
    overrides: Set = None,
    json: Json = False,
) -> None:
    """Take a savepoint of a job on a cluster and print where it lies; the job goes on."""
    settings = cluster_settings(config, overrides, cluster)
    from jobs.cluster.control import find_job, take_savepoint
    from jobs.cluster.rest import FlinkRest

    assert settings.cluster.url is not None
    with FlinkRest(settings.cluster.url) as client, progress("savepoint"):
        found = find_job(client, job)
        path = take_savepoint(client, found.id, folder, form.flink)
    emit({"job": found.id, "name": found.name, "savepoint": path}, json, _path)


def _path(document: Mapping[str, Any]) -> str:
    return str(document["savepoint"])
