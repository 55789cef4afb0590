"""The backfill: the recommend job over a bounded source, on an embedded Flink."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from jobs.causes import root_cause
from jobs.environment import local_tables, prepare_process
from jobs.reports import ReportReader, RunReport
from udfs.archive import Index, index
from udfs.errors import SwerveError

if TYPE_CHECKING:
    from jobs.settings import Settings

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
    work = Path(settings.work)
    prepare_process(work)
    # pyflink reads the environment when it is imported.
    from jobs.sinks import ArchiveSinks
    from jobs.sources import ArchiveSource
    from jobs.topology import build

    run = work / "runs" / f"{time.strftime('%Y%m%d-%H%M%S')}-{time.time_ns() % 1_000_000_000:09d}"
    out = Path(settings.out.dir)
    sinks = ArchiveSinks(out, run / "report", everything=settings.out.everything)
    statements = build(local_tables(settings, restarts=restarts), ArchiveSource(archive, run / "index"), sinks, settings)
    reader = ReportReader(run / "report")
    failure: list[BaseException] = []
    result = statements.execute()

    def wait() -> None:
        try:
            result.wait()
        except Exception as error:  # noqa: BLE001 - raised again by who waits for this thread
            failure.append(error)

    waiter = threading.Thread(target=wait, daemon=True)
    waiter.start()
    try:
        while waiter.is_alive():
            waiter.join(POLL_SECONDS)
            if progress:
                progress(reader.update(), archive.events)
    except KeyboardInterrupt:
        client = result.get_job_client()
        if client:
            client.cancel().result()
        raise
    if failure:
        raise JobFailed(f"the job failed: {root_cause(str(failure[0]))}", f"its log: {work / 'log'}") from failure[0]
    report = reader.update()
    shutil.rmtree(run)
    return report
