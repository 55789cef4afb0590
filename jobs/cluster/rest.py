"""A client of Flink's REST API. Every call is bounded in time, and what goes wrong is one clear line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal
from urllib.parse import urlsplit

import requests

from jobs.causes import root_cause
from jobs.cluster.model import NO_WATERMARK, Checkpoints, Detail, Failure, Job, Overview
from jobs.settings import mask_url
from udfs.errors import SwerveError, UsageError

CONNECT_SECONDS, ANSWER_SECONDS = 5.0, 30.0
Format = Literal["NATIVE", "CANONICAL"]
Operation = Literal["savepoints", "checkpoints"]


class ClusterError(SwerveError):
    """The cluster refused or failed what was asked of it."""


class ClusterUnreachable(ClusterError):
    """Nothing answers at the address, or not in time."""


class JobNotFound(ClusterError):
    """The cluster has no such job."""


class FlinkRest:
    """The REST API of one cluster.

    Parameters
    ----------
    url
        Address of its JobManager, http://host:port.

    Raises
    ------
    UsageError
        If that is no such address.
    ClusterUnreachable, ClusterError, JobNotFound
        From every method.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UsageError(f"{mask_url(url)} is no address of a cluster", "it should look like http://127.0.0.1:8081")
        self.url = url.rstrip("/")
        self.shown = mask_url(self.url)
        self._session = requests.Session()

    def __enter__(self) -> FlinkRest:
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    def overview(self) -> Overview:
        """Ask for version, TaskManagers and slots; fails where what answers is no Flink."""
        answer = self._get("overview")
        if "flink-version" not in answer:
            raise self._no_flink()
        return Overview.read(answer)

    def jobs(self) -> list[Job]:
        """List all jobs that the cluster remembers, the latest first."""
        jobs = [Job.read(job) for job in self._get("jobs/overview")["jobs"]]
        return sorted(jobs, key=lambda job: job.started, reverse=True)

    def job(self, job_id: str) -> Detail:
        """Ask for a job and its tasks."""
        return Detail.read(self._get(f"jobs/{job_id}"))

    def plan(self, job_id: str) -> dict[str, Any]:
        """Ask for the graph of a job, as Flink has it."""
        return dict(self._get(f"jobs/{job_id}/plan")["plan"])

    def parameters(self, job_id: str) -> dict[str, str]:
        """Ask for the parameters that a job was submitted with."""
        return dict(self._get(f"jobs/{job_id}/config").get("execution-config", {}).get("user-config", {}))

    def failures(self, job_id: str) -> list[Failure]:
        """List what stopped the job or made it start again, the latest first."""
        answer = self._get(f"jobs/{job_id}/exceptions", maxExceptions="20")
        entries = [Failure.read(entry) for entry in answer.get("exceptionHistory", {}).get("entries", [])]
        return sorted(entries, key=lambda entry: entry.at, reverse=True)

    def checkpoints(self, job_id: str) -> Checkpoints:
        """Ask for a job's checkpoints."""
        return Checkpoints.read(self._get(f"jobs/{job_id}/checkpoints"))

    def watermark(self, job_id: str, vertex_id: str) -> int | None:
        """Give the least watermark that has come into a task, in ms; None where there is none yet, as at sources."""
        values = [int(entry["value"]) for entry in self._get(f"jobs/{job_id}/vertices/{vertex_id}/watermarks")]
        least = min(values, default=NO_WATERMARK)
        return None if least == NO_WATERMARK else least

    def job_metrics(self, job_id: str, names: Iterable[str]) -> dict[str, float]:
        """Read metrics of a job, such as numRestarts; one it does not have yet is left out."""
        return {entry["id"]: float(entry["value"]) for entry in self._get(f"jobs/{job_id}/metrics", get=",".join(names))}

    def metric_names(self, job_id: str, vertex_id: str) -> list[str]:
        """List the metrics of a task's instances."""
        return [entry["id"] for entry in self._get(f"jobs/{job_id}/vertices/{vertex_id}/subtasks/metrics")]

    def metrics(self, job_id: str, vertex_id: str, names: Iterable[str]) -> dict[str, dict[str, float]]:
        """Read metrics of a task over its instances: by name, then `sum`, `min`, `max` and `avg`."""
        wanted = ",".join(names)
        answer = self._get(f"jobs/{job_id}/vertices/{vertex_id}/subtasks/metrics", get=wanted) if wanted else []
        return {entry["id"]: {how: float(value) for how, value in entry.items() if how != "id"} for entry in answer}

    def trigger_savepoint(self, job_id: str, folder: str | None, form: Format) -> str:
        """Begin a savepoint; gives the id to ask for it with."""
        body = {"target-directory": folder, "cancel-job": False, "formatType": form}
        return str(self._call("POST", f"jobs/{job_id}/savepoints", body)["request-id"])

    def trigger_stop(self, job_id: str, folder: str | None, form: Format) -> str:
        """Begin to stop with a savepoint; the watermark stays, so no timer fires that the next start would fire again."""
        body = {"targetDirectory": folder, "drain": False, "formatType": form}
        return str(self._call("POST", f"jobs/{job_id}/stop", body)["request-id"])

    def trigger_checkpoint(self, job_id: str) -> str:
        """Begin a checkpoint; gives the id to ask for it with."""
        return str(self._call("POST", f"jobs/{job_id}/checkpoints", {"checkpointType": "CONFIGURED"})["request-id"])

    def operation(self, job_id: str, kind: Operation, request_id: str) -> str | None:
        """Look whether what was begun is done.

        Returns
        -------
        str or None
            None while it runs; then where the savepoint lies, or the number of the checkpoint.

        Raises
        ------
        ClusterError
            If it failed.
        """
        answer = self._get(f"jobs/{job_id}/{kind}/{request_id}")
        if answer["status"]["id"] != "COMPLETED":
            return None
        result = answer.get("operation", {})
        if cause := result.get("failure-cause"):
            raise ClusterError(root_cause(cause.get("stack-trace") or cause.get("class") or ""))
        return str(result.get("location", result.get("checkpointId", "")))

    def cancel(self, job_id: str) -> None:
        """Cancel a job, without a savepoint; returns before it has ended."""
        self._call("PATCH", f"jobs/{job_id}")

    def _get(self, path: str, **query: str) -> Any:
        return self._call("GET", path, query=query)

    def _call(self, method: str, path: str, body: Mapping[str, Any] | None = None, query: Mapping[str, str] | None = None) -> Any:
        timeout = (CONNECT_SECONDS, ANSWER_SECONDS)
        try:
            answer = self._session.request(method, f"{self.url}/{path}", json=body, params=query, timeout=timeout, allow_redirects=False)
        except requests.Timeout:
            raise ClusterUnreachable(f"the cluster at {self.shown} does not answer in time", "is its JobManager well?") from None
        except requests.RequestException:
            hint = "is the cluster up, and is the address right? --cluster URL, or the setting cluster.url"
            raise ClusterUnreachable(f"no Flink cluster answers at {self.shown}", hint) from None
        try:
            document = answer.json()
        except requests.JSONDecodeError:
            raise self._no_flink() from None
        if answer.ok:
            return document
        if not isinstance(document, dict) or "errors" not in document:
            raise self._no_flink()
        raise self._refused(answer.status_code, path, [str(line) for line in document["errors"]])

    def _refused(self, status: int, path: str, errors: list[str]) -> ClusterError:
        reason = root_cause("\n".join(errors))
        if status == requests.codes.not_found and path.startswith("jobs/"):
            return JobNotFound(f"the cluster at {self.shown} has no job {path.split('/')[1]}", "swerve status lists those that run")
        if status == requests.codes.service_unavailable:
            return ClusterUnreachable(f"the cluster at {self.shown} is not ready: {reason}", "wait a little, or look at its JobManager")
        return ClusterError(f"the cluster refused: {reason}")

    def _no_flink(self) -> ClusterError:
        return ClusterError(f"what answers at {self.shown} is no Flink cluster", "give the address of the JobManager's REST API")
