"""How a job on a cluster is doing: tasks, rate, watermark, checkpoints, restarts, lag."""

from __future__ import annotations

import re
import time
from datetime import datetime, timezone
from typing import Any

from jobs.causes import root_cause
from jobs.cluster.model import Checkpoints, Detail, Vertex
from jobs.cluster.rest import FlinkRest
from jobs.settings import Settings
from jobs.settings.model import MASK
from udfs.errors import SwerveError

BUSY, WAITING = "busyTimeMsPerSecond", "backPressuredTimeMsPerSecond"
#: What a source operator has handed on, not counting the heartbeat; Flink calls the operator by the name of its table.
_SOURCE_RATE = re.compile(r"Source__(?!beats).*\.numRecordsOutPerSecond")
#: The task that the deadlines of carts wait in.
PROFILES = "profiles"


def job_status(cluster: FlinkRest, job_id: str, settings: Settings) -> dict[str, Any]:
    """Collect the status of a job.

    Parameters
    ----------
    cluster, job_id
        The job.
    settings
        For the lag; brokers, topic and group that they do not set are those that the job was deployed with.

    Returns
    -------
    dict
        Ready for JSON. Times are ISO 8601 in UTC, or in `*_ms` milliseconds since 1970. What is not known is None.
    """
    detail = cluster.job(job_id)
    job, now = detail.job, time.time() * 1000
    metrics = cluster.job_metrics(job_id, ("numRestarts", "uptime"))
    failures, parameters = cluster.failures(job_id), cluster.parameters(job_id)
    return {
        "job": {"id": job.id, "name": job.name, "state": job.state, "started": iso(job.started), "ended": iso(job.ended)},
        "uptime_seconds": _seconds(metrics.get("uptime")),
        "restarts": int(metrics.get("numRestarts", 0)),
        "last_failure": {"at": iso(failures[0].at), "cause": root_cause(failures[0].trace)} if failures else None,
        "events_per_second": _rate(cluster, detail),
        "watermark": _watermark(cluster, detail, now),
        "checkpoints": _checkpoints(cluster.checkpoints(job_id), now),
        "tasks": [_task(cluster, job_id, vertex) for vertex in detail.vertices],
        "lag": lag(with_parameters(settings, parameters)),
        "models": models(with_parameters(settings, parameters)),
    }


def lag(settings: Settings) -> dict[str, Any]:
    """Ask the brokers how far the job's group is; a broker that does not answer is told of, not raised.

    The job commits its offsets with its checkpoints, so the lag is that of the last one.
    """
    from jobs.kafka import client, offsets, topics

    topic, group = settings.topics.events, settings.kafka.group
    document: dict[str, Any] = {"topic": topic, "group": group, "records": None, "partitions": [], "error": None}
    try:
        admin = client.admin(settings)
        try:
            numbers = topics.describe(admin, settings, topic).partitions
            found = offsets.lag(admin, settings, topic, numbers)
        finally:
            admin.close()
    except SwerveError as error:
        return {**document, "error": str(error)}
    partitions = [
        {"partition": number, "committed": one.committed, "end": one.end, "records": one.records} for number, one in sorted(found.items())
    ]
    return {**document, "records": sum(one.records for one in found.values()), "partitions": partitions}


def models(settings: Settings) -> dict[str, Any]:
    """Ask Redis which versions of its models the job serves; where it does not answer, that is told, not raised."""
    if settings.redis.url is None:
        return {"serving": {}, "error": None}
    from jobs.serving import serving_by_model

    try:
        return {"serving": serving_by_model(settings), "error": None}
    except SwerveError as error:
        return {"serving": {}, "error": str(error)}


def with_parameters(settings: Settings, parameters: dict[str, str]) -> Settings:
    """Take brokers, topic, group and Redis from the job where the settings say nothing, but for an address whose password is masked."""
    values = {}
    for section, name in (("kafka", "brokers"), ("kafka", "group"), ("topics", "events"), ("redis", "url"), ("redis", "prefix")):
        key = f"{section}.{name}"
        if name not in getattr(settings, section).model_fields_set and key in parameters and MASK not in parameters[key]:
            values[key] = parameters[key]
    return settings.with_values(values)


def iso(time_ms: int | None) -> str | None:
    """Write a time as ISO 8601."""
    return None if time_ms is None else datetime.fromtimestamp(time_ms / 1000, timezone.utc).isoformat(timespec="milliseconds")


def _rate(cluster: FlinkRest, detail: Detail) -> float | None:
    rates = []
    for vertex in detail.vertices:
        if not vertex.name.startswith("Source"):
            continue
        names = [name for name in cluster.metric_names(detail.job.id, vertex.id) if _SOURCE_RATE.fullmatch(name)]
        rates += [entry["sum"] for entry in cluster.metrics(detail.job.id, vertex.id, names).values()]
    return round(sum(rates), 1) if rates else None


def _watermark(cluster: FlinkRest, detail: Detail, now: float) -> dict[str, Any]:
    chosen = [vertex for vertex in detail.vertices if vertex.name.startswith(PROFILES)] or list(detail.vertices)
    known = [mark for vertex in chosen if (mark := cluster.watermark(detail.job.id, vertex.id)) is not None]
    least = min(known, default=None)
    # At the end of a bounded source the watermark is the end of time.
    if least is None or least >= 2**62:
        return {"at": None, "at_ms": least, "behind_seconds": None}
    return {"at": iso(least), "at_ms": least, "behind_seconds": _seconds(now - least)}


def _checkpoints(checkpoints: Checkpoints, now: float) -> dict[str, Any]:
    last = checkpoints.latest
    return {
        "completed": checkpoints.completed,
        "failed": checkpoints.failed,
        "restored": checkpoints.restored,
        "restored_from": checkpoints.restored_from,
        "last": last
        and {
            "at": iso(last.at),
            "age_seconds": _seconds(now - last.at),
            "duration_ms": last.duration_ms,
            "bytes": last.size,
            "path": last.path,
        },
    }


def _task(cluster: FlinkRest, job_id: str, vertex: Vertex) -> dict[str, Any]:
    metrics = cluster.metrics(job_id, vertex.id, (BUSY, WAITING))

    def share(name: str) -> float | None:
        value = metrics.get(name, {}).get("max")
        # NaN where the task does not measure it.
        return None if value is None or value != value else round(value / 1000, 3)

    return {
        "name": vertex.name,
        "parallelism": vertex.parallelism,
        "states": vertex.tasks,
        "busy": share(BUSY),
        "back_pressured": share(WAITING),
    }


def _seconds(ms: float | None) -> float | None:
    return None if ms is None else round(ms / 1000, 1)
