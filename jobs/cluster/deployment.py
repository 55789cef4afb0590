"""A job's way onto a cluster, and from one release or one parallelism to the next."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from jobs.cluster.control import Advance, stop_with_savepoint, watch_start
from jobs.cluster.model import Job
from jobs.cluster.parameters import check_state_fits, recall
from jobs.cluster.rest import ClusterError, FlinkRest, Format
from jobs.cluster.submit import Submission
from udfs.errors import SwerveError, UsageError

if TYPE_CHECKING:
    from jobs.settings import Settings

Say = Callable[[str], None]


class Upgraded(NamedTuple):
    """The savepoint between two jobs, and the new job's id."""

    savepoint: str
    job_id: str


class UpgradeFailed(ClusterError):
    """The new job did not come to work; the savepoint is there, and the old job runs again if that was possible."""


def deploy(
    cluster: FlinkRest,
    settings: Settings,
    name: str,
    *,
    savepoint: str | None = None,
    allow_non_restored: bool = False,
    say: Say = print,
    progress: Advance | None = None,
) -> str:
    """Send the job to a cluster and watch it until it works.

    Parameters
    ----------
    cluster
        Where to.
    settings
        Those of `jobs.recommend.live_settings`.
    name
        Name of the job.
    savepoint, allow_non_restored
        What it begins with; whether it may leave state of it behind.
    say
        Called with what is going on.
    progress
        Called with the number of tasks that run and of all.

    Returns
    -------
    str
        The job's id.

    Raises
    ------
    UsageError
        If one of that name runs.
    StartFailed
        If it did not come to work; it is cancelled.
    SwerveError
        If it cannot be built or sent.
    """
    check_release(cluster)
    for job in cluster.jobs():
        if job.runs and job.name == name:
            raise UsageError(f"a job {name} runs already: {job.id}", "swerve upgrade replaces it and keeps its state; --name for another")
    with Submission(settings, name) as submission:
        free = cluster.overview().free_slots
        if free < settings.parallelism:
            say(f"the cluster has {free} free slots, the job needs {settings.parallelism}: it waits for TaskManagers")
        job_id = submission.send(savepoint, allow_non_restored=allow_non_restored)
    say(f"job {job_id} is on the cluster: waiting for its tasks and a first checkpoint")
    watch_start(cluster, job_id, progress)
    return job_id


def upgrade(
    cluster: FlinkRest,
    job: Job,
    settings: Settings,
    *,
    folder: str | None = None,
    form: Format = "CANONICAL",
    allow_non_restored: bool = False,
    rollback: bool = True,
    say: Say = print,
    progress: Advance | None = None,
) -> Upgraded:
    """Stop a job with a savepoint and start it anew from there, as this release and these settings have it.

    The new job is built before the old one is stopped: what cannot be built stops nothing.

    Parameters
    ----------
    cluster, job
        What is replaced.
    settings
        What by, see `jobs.recommend.live_settings`.
    folder, form
        Where the savepoint goes and its format.
    allow_non_restored
        Whether state that the new job does not take may be left behind.
    rollback
        Whether to start the old job again if the new one does not come to work.
    say, progress
        As for `deploy`.

    Raises
    ------
    UpgradeFailed
        With the reason, what runs now, and how to go back.
    SwerveError
        If the new job cannot be built, or there is no savepoint: the old one goes on.
    """
    check_release(cluster)
    parameters = cluster.parameters(job.id)
    check_state_fits(parameters, settings)
    with Submission(settings, job.name) as submission:
        say(f"stopping job {job.id} with a savepoint")
        savepoint = stop_with_savepoint(cluster, job.id, folder, form)
        say(f"savepoint {savepoint}")
        try:
            job_id = submission.send(savepoint, allow_non_restored=allow_non_restored)
            say(f"job {job_id} is on the cluster: waiting for its tasks and a first checkpoint")
            watch_start(cluster, job_id, progress)
        except SwerveError as error:
            failed = f"the upgrade failed: {error.message}"
        else:
            return Upgraded(savepoint, job_id)
    by_hand = f"with the release and settings of before: {_command(cluster, job.name, savepoint)}"
    if not rollback:
        raise UpgradeFailed(f"{failed}; no job {job.name} runs", by_hand)
    say(f"{failed}; going back")
    try:
        with Submission(recall(parameters, settings), job.name) as before:
            old = before.send(savepoint)
        watch_start(cluster, old, progress)
    except SwerveError as error:
        raise UpgradeFailed(f"{failed}; going back failed: {error.message}", by_hand) from None
    raise UpgradeFailed(failed, f"job {old} runs with the settings of before, from {savepoint}")


def check_release(cluster: FlinkRest) -> None:
    """Refuse a cluster whose Flink is of another minor release: the two do not understand each other's jobs.

    Raises
    ------
    ClusterError
        Naming both.
    """
    from importlib.metadata import version

    ours, theirs = version("apache-flink"), cluster.overview().version
    if ours.split(".")[:2] != theirs.split(".")[:2]:
        raise ClusterError(f"the cluster's Flink is {theirs}, and ours {ours}", "use a cluster of the same release")


def _command(cluster: FlinkRest, name: str, savepoint: str) -> str:
    named = "" if name == "swerve" else f" --name {name}"
    return f"swerve deploy --cluster {cluster.url}{named} --from-savepoint {savepoint}"
