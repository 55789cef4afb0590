"""What can be done to a job on a cluster; everything is waited for, within a bound."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from jobs.causes import root_cause
from jobs.cluster.model import Detail, Job
from jobs.cluster.parameters import is_ours
from jobs.cluster.rest import ClusterError, ClusterUnreachable, FlinkRest, Format, JobNotFound
from jobs.recommend import NAME
from udfs.errors import UsageError

#: Python starts slowly where many tasks share few cores.
START_SECONDS = 300.0
SAVEPOINT_SECONDS = 600.0
END_SECONDS = 60.0
POLL_SECONDS = 0.5

T = TypeVar("T")
Advance = Callable[[int, int], None]


class TookTooLong(ClusterError):
    """What was waited for did not come in time."""


class StartFailed(ClusterError):
    """A job did not come to work, and was cancelled."""


def find_job(cluster: FlinkRest, wanted: str | None, *, ended: bool = False) -> Job:
    """Find a job that runs.

    Parameters
    ----------
    cluster
        Where.
    wanted
        Its name, its id, or how its id begins; none: the only Swerve job there is.
    ended
        Where none runs, take the last one that did.

    Raises
    ------
    JobNotFound
        If there is none.
    UsageError
        If there are several.
    """
    jobs = cluster.jobs()
    running = [job for job in jobs if job.runs]
    found = _matches(cluster, running, wanted) or (_matches(cluster, jobs, wanted)[:1] if ended else [])
    listed = ", ".join(f"{job.name} {job.id}" for job in found or running)
    if not found:
        what = f"no job {wanted} runs" if wanted else "no Swerve job runs"
        raise JobNotFound(f"{what} on the cluster", f"there are: {listed}" if listed else "swerve deploy starts one")
    if len(found) > 1:
        raise UsageError(f"several jobs run: {listed}", "name one of them by its id")
    return found[0]


def watch_start(cluster: FlinkRest, job_id: str, progress: Advance | None = None, seconds: float = START_SECONDS) -> int:
    """Wait until all tasks of a new job run and a checkpoint is complete; a job that does not get there is cancelled.

    With checkpoints, Flink's own default is to restart for ever: a job that cannot work would look like one that runs.

    Parameters
    ----------
    cluster, job_id
        The job.
    progress
        Called with the number of tasks that run and of all.
    seconds
        The bound, for the tasks and for the checkpoint each.

    Returns
    -------
    int
        How many checkpoints are complete.

    Raises
    ------
    StartFailed
        With the root cause.
    """
    try:
        wait_for(lambda: _all_run(cluster, job_id, progress), seconds, "all tasks run")
        cluster.trigger_checkpoint(job_id)  # the next one may be minutes away
        return wait_for(lambda: _checkpoints(cluster, job_id), seconds, "a first checkpoint is complete")
    except ClusterUnreachable:
        raise
    except ClusterError as error:
        starved = isinstance(error, TookTooLong) and not cluster.overview().free_slots
        free = "; no slot of the cluster is free" if starved else ""
        cancel(cluster, job_id)
        raise StartFailed(f"{error.message}{free}", error.hint or "it is cancelled; the cluster's logs say more") from None


def take_savepoint(cluster: FlinkRest, job_id: str, folder: str | None, form: Format, seconds: float = SAVEPOINT_SECONDS) -> str:
    """Take a savepoint; the job goes on.

    Parameters
    ----------
    cluster, job_id
        The job.
    folder
        Where to, a path or URI that the cluster can write to; none: what the cluster is configured for.
    form
        Native is quick and tied to the state backend; canonical is not.
    seconds
        The bound.

    Returns
    -------
    str
        Where it lies.
    """
    request = _begin(lambda: cluster.trigger_savepoint(job_id, folder, form))
    return _finish(cluster, job_id, request, seconds)


def stop_with_savepoint(cluster: FlinkRest, job_id: str, folder: str | None, form: Format, seconds: float = SAVEPOINT_SECONDS) -> str:
    """Stop a job with a savepoint, without draining; parameters as for `take_savepoint`."""
    request = _begin(lambda: cluster.trigger_stop(job_id, folder, form))
    path = _finish(cluster, job_id, request, seconds)
    _wait_for_end(cluster, job_id)
    return path


def cancel(cluster: FlinkRest, job_id: str) -> None:
    """Cancel a job and wait for its end."""
    if cluster.job(job_id).job.runs:
        cluster.cancel(job_id)
    _wait_for_end(cluster, job_id)


def wait_for(ask: Callable[[], T | None], seconds: float, what: str) -> T:
    """Ask until there is an answer; a JobManager that is away meanwhile may come back.

    Raises
    ------
    TookTooLong
        If there is none in time, naming `what` was waited for; or what `ask` raises.
    """
    until = time.monotonic() + seconds
    while True:
        away: ClusterUnreachable | None = None
        try:
            answer = ask()
        except ClusterUnreachable as error:
            answer, away = None, error
        if answer is not None:
            return answer
        if time.monotonic() > until:
            raise away or TookTooLong(f"waited {seconds:.0f} s until {what}", "look at the cluster's web page and logs")
        time.sleep(POLL_SECONDS)


def _matches(cluster: FlinkRest, jobs: Sequence[Job], wanted: str | None) -> list[Job]:
    if wanted is None:
        return [job for job in jobs if job.name == NAME or is_ours(cluster.parameters(job.id))]
    return [job for job in jobs if job.name == wanted] or [job for job in jobs if job.id.startswith(wanted.lower())]


def _all_run(cluster: FlinkRest, job_id: str, progress: Advance | None) -> Detail | None:
    detail = cluster.job(job_id)
    _check(cluster, detail.job)
    if progress:
        progress(detail.running_tasks, detail.tasks)
    return detail if detail.tasks and detail.running_tasks == detail.tasks else None


def _checkpoints(cluster: FlinkRest, job_id: str) -> int | None:
    _check(cluster, cluster.job(job_id).job)
    return cluster.checkpoints(job_id).completed or None


def _check(cluster: FlinkRest, job: Job) -> None:
    """Refuse a job that failed, even if it tries again."""
    failures = cluster.failures(job.id)
    if failures:
        cause = root_cause(failures[-1].trace)
        if "NoResourceAvailable" in cause:
            raise ClusterError("the cluster has too few free slots for the job", "start TaskManagers, or --set parallelism=N")
        raise ClusterError(f"the job failed: {cause}")
    if not job.runs and job.state != "FINISHED":
        raise ClusterError(f"the job is {job.state}")


def _begin(trigger: Callable[[], str]) -> str:
    try:
        return trigger()
    except (ClusterUnreachable, JobNotFound):
        raise
    except ClusterError as error:
        if "must be provided" in error.message:
            raise ClusterError("the cluster does not know where savepoints go", "give --dir, a path that it can write to") from None
        raise


def _finish(cluster: FlinkRest, job_id: str, request: str, seconds: float) -> str:
    try:
        return wait_for(lambda: cluster.operation(job_id, "savepoints", request), seconds, "the savepoint is complete")
    except (ClusterUnreachable, JobNotFound):
        raise
    except ClusterError as error:
        state = cluster.job(job_id).job.state
        raise ClusterError(f"no savepoint: {error.message}", error.hint or f"the job is {state}; swerve status says more") from None


def _wait_for_end(cluster: FlinkRest, job_id: str) -> None:
    wait_for(lambda: None if cluster.job(job_id).job.runs else True, END_SECONDS, f"job {job_id} has ended")
