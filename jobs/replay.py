"""The backfill: the recommend job over a bounded source, on an embedded Flink."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jobs.causes import root_cause
from jobs.environment import add_kafka_connector, job_options, local_tables, prepare_process
from jobs.reports import ReportReader, RunReport
from udfs.archive import Index, index
from udfs.errors import SwerveError

if TYPE_CHECKING:
    from pyflink.common.job_client import JobClient

    from jobs.settings import Settings
    from jobs.sources import Span
    from jobs.topology import Source

Progress = Callable[[RunReport, int], None]
POLL_SECONDS = 0.25


class JobFailed(SwerveError):
    """The job ended with an error."""


def index_archive(archive: Path, settings: Settings, progress: Callable[[int, int], None] | None = None) -> Index:
    """Read where the archive's blocks lie and which times they span."""
    return index(archive, max(1, settings.batch.events // settings.batch.rows), progress)


def replay(archive: Index, settings: Settings, progress: Progress | None = None, *, restarts: int = 3) -> RunReport:
    """Run the job over an archive and wait for its end.

    Parameters
    ----------
    archive
        The archive's index.
    settings
        The effective settings; `redis.url` must answer.
    progress
        Called with the report so far and the number of events of the archive; it moves on with the checkpoints.
    restarts
        How often the job may start again from its last checkpoint.

    Raises
    ------
    JobFailed
        If the job ended with an error.
    """
    prepare_process(settings.work)

    def source(run: Path) -> Source:
        from jobs.sources import ArchiveSource

        return ArchiveSource(archive, run / "index")

    watch = (lambda so_far: progress(so_far, archive.events)) if progress else None
    report, _ = _run(source, settings, settings.batch.rows, watch, restarts)
    return report


def replay_topic(
    topic: str,
    span: Span,
    settings: Settings,
    progress: Progress | None = None,
    *,
    restarts: int = 3,
    savepoint: str | None = None,
    caught_up: Callable[[], bool] | None = None,
) -> tuple[RunReport, str | None]:
    """Run the job over a part of a topic and wait for its end, or hand over to a live job.

    Parameters
    ----------
    topic, span
        What is read.
    settings, progress, restarts
        As for `replay`.
    savepoint
        Folder for a savepoint: the job follows the topic until `caught_up`, and stops there. A live job that starts from that savepoint
        goes on with the very next record, ranks what was held back, and follows the deadlines.
    caught_up
        Whether all of the span is in state.

    Returns
    -------
    report : RunReport
        What was done.
    savepoint : str or None
        Where the savepoint lies.

    Raises
    ------
    JobFailed
        If the job ended with an error.
    """
    prepare_process(settings.work)
    add_kafka_connector(settings.work)

    def source(_: Path) -> Source:
        from jobs.sources import KafkaSource

        return KafkaSource(settings, topic, span, follow=savepoint is not None)

    total = sum(span.end.values()) - sum(span.begin.values())
    watch = (lambda so_far: progress(so_far, total)) if progress else None
    return _run(source, settings, settings.batch.records, watch, restarts, savepoint, caught_up)


def _run(
    source: Callable[[Path], Source],
    settings: Settings,
    rows: int,
    watch: Callable[[RunReport], Any] | None,
    restarts: int,
    savepoint: str | None = None,
    caught_up: Callable[[], bool] | None = None,
) -> tuple[RunReport, str | None]:
    # pyflink reads the environment when it is imported.
    from jobs.serving import pinned
    from jobs.sinks import ArchiveSinks
    from jobs.topology import build

    settings = pinned(settings)

    run = settings.work / "runs" / f"{time.strftime('%Y%m%d-%H%M%S')}-{time.time_ns() % 1_000_000_000:09d}"
    run.mkdir(parents=True)
    sinks = ArchiveSinks(Path(settings.out.dir), run / "report", everything=settings.out.everything, stateless=savepoint is not None)
    tables = local_tables(settings, job_options(settings, rows, settings.batch.bundle_ms), restarts=restarts)
    client = build(tables, source(run), sinks, settings).execute()
    reader = ReportReader(run / "report")
    waiter = Waiter(client)
    saved = None
    try:
        while waiter.is_alive():
            waiter.join(POLL_SECONDS)
            if watch:
                watch(reader.update())
            if savepoint is not None and saved is None and caught_up is not None and caught_up():
                saved = stop_with_savepoint(client, savepoint)
    except KeyboardInterrupt:
        client.cancel().result()
        raise
    waiter.raise_failure(settings.work)
    report = reader.update()
    shutil.rmtree(run)
    return report, saved


class Waiter(threading.Thread):
    """Waits for a job's end, so that the main thread can be interrupted.

    Parameters
    ----------
    client
        Of the job.
    """

    def __init__(self, client: JobClient) -> None:
        super().__init__(daemon=True)
        self._client = client
        self._failure: BaseException | None = None
        self.start()

    def run(self) -> None:
        """Wait."""
        try:
            self._client.get_job_execution_result().result()
        except Exception as error:  # noqa: BLE001 - raised again by who waits for this thread
            self._failure = error

    def raise_failure(self, work: Path) -> None:
        """Raise `JobFailed` if the job ended with an error."""
        if self._failure:
            cause = root_cause(str(self._failure))
            raise JobFailed(f"the job failed: {cause}", f"its log: {work / 'log'}") from self._failure


def stop_with_savepoint(client: JobClient, folder: str) -> str:
    """Stop a job with a savepoint; gives where it lies.

    Parameters
    ----------
    client
        Of the job.
    folder
        A path or an address.
    """
    from pyflink.java_gateway import get_gateway

    address = folder if "://" in folder else Path(folder).resolve().as_uri()
    form = get_gateway().jvm.org.apache.flink.core.execution.SavepointFormatType.CANONICAL
    # PyFlink's own method calls one that Flink 2 no longer has.
    path: str = client._j_job_client.stopWithSavepoint(False, address, form).get()
    return path
