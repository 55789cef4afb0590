"""`swerve run`: the live job, in this process."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from jobs.cli.options import Config, Json, Redis, Set, settings_from
from jobs.cli.output import emit, note
from jobs.cli.source import time_ms, topic_of
from jobs.settings import Settings
from udfs.errors import SwerveError, UsageError

TELL_SECONDS = 10.0


def command(
    source: Annotated[
        str, typer.Option("--source", metavar="kafka:TOPIC|ARCHIVE", help="Topic of the events, or a folder of events-*.avro that grows.")
    ] = "",
    config: Config = None,
    overrides: Set = None,
    redis: Redis = None,
    model: Annotated[Path | None, typer.Option("--model", metavar="DIR", help="Model bundle; short for --set model.path=DIR.")] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="With an archive: folder of segment changes, recommendations, dead letters.")
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(
            "--start",
            metavar="WHERE",
            help="committed (default; of an archive: its beginning), earliest, latest, or a time such as 2024-05-01T12:00:00 or -6h.",
        ),
    ] = None,
    from_savepoint: Annotated[
        str | None, typer.Option("--from-savepoint", metavar="PATH", help="Go on from there; --start is passed over.")
    ] = None,
    savepoints: Annotated[Path | None, typer.Option("--savepoints", metavar="DIR", help="Folder of the savepoint it stops with.")] = None,
    seconds: Annotated[float | None, typer.Option("--for", metavar="SECONDS", help="Stop by itself after so long.")] = None,
    rest_port: Annotated[int, typer.Option("--rest-port", metavar="PORT", help="Flink's REST API on loopback; 0: any free port.")] = 0,
    json: Json = False,
) -> None:
    """Run the live job here: events of a topic, or of an archive that is being written, to recommendations in Redis.

    Ctrl-C stops it with a savepoint.

    Flink runs inside this command, which is meant for one machine; `swerve deploy` sends the same job to a cluster.
    """
    values: dict[str, object] = {"redis__url": redis, "model__path": model}
    if start in ("committed", "earliest", "latest"):
        values["kafka__start"] = start
    elif start is not None:
        values |= {"kafka__start": "timestamp", "kafka__start_time": time_ms(start)}
    topic = topic_of(source) if source else None
    archive = Path(source) if source and topic is None else None
    if out is not None:
        if archive is None:
            raise UsageError("--out goes with an archive", "over a topic what the job emits goes to topics: --set topics.segments=…")
        values["out__dir"] = out
    settings = settings_from(config, overrides, **values)
    emit(run(settings, topic, archive, from_savepoint, savepoints, seconds, rest_port), json, _render)


def run(
    settings: Settings,
    topic: str | None,
    archive: Path | None,
    from_savepoint: str | None,
    savepoints: Path | None,
    seconds: float | None,
    rest_port: int,
) -> dict[str, Any]:
    """Look at what it needs, run it, stop it with a savepoint."""
    from jobs import recommend
    from jobs.embedded.redis_server import ensure_redis
    from jobs.preflight import examine, require_bundle
    from jobs.runs import remember_run

    settings = recommend.live_settings(settings, topic)
    examine(settings)
    require_bundle(settings)
    if archive is not None:
        prepare_archive(archive)
    settings = ensure_redis(settings)
    remember_run(settings, archive)
    folder = savepoints or settings.checkpoint.dir / "savepoints"
    what = str(archive) if archive else f"{settings.topics.events} at {settings.kafka.brokers}"
    note(f"following {what} into {settings.redis.masked_url}; Ctrl-C stops it with a savepoint")
    began = time.monotonic()
    with interruption() as interrupted:
        tell = Teller(lambda: behind_archive(settings, archive)) if archive else Teller(lambda: behind_topic(settings))

        def stop() -> bool:
            tell()
            return interrupted() or (seconds is not None and time.monotonic() - began > seconds)

        path = recommend.run(settings, archive, from_savepoint=from_savepoint, savepoints=folder, watch=stop, say=note, rest_port=rest_port)
    return {
        **({"archive": str(archive), "out": str(settings.out.dir)} if archive else {"topic": settings.topics.events}),
        "seconds": round(time.monotonic() - began, 1),
        "savepoint": path,
        "redis": settings.redis.masked_url,
    }


def prepare_archive(archive: Path) -> None:
    """Make the folder if it is not there yet: who writes it may come later.

    Raises
    ------
    SwerveError
        If it can be neither read nor made.
    """
    if archive.is_dir():
        return
    try:
        archive.mkdir(parents=True)
    except OSError as error:
        raise SwerveError(
            f"cannot make the archive {archive}: {error.strerror or error}", "--source DIR or --source kafka:TOPIC"
        ) from error
    note(f"{archive} was not there and is now; the job waits for what `swerve serve` or others write into it")


class Teller:
    """Says now and then, on stderr, how far the job is.

    Parameters
    ----------
    look
        Gives events done, and what is behind, in words.
    """

    def __init__(self, look: Callable[[], tuple[int, str]]) -> None:
        self._look = look
        self._next = time.monotonic() + TELL_SECONDS
        self._before: tuple[float, int] | None = None

    def __call__(self) -> None:
        """Say it, if it is time."""
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + TELL_SECONDS
        try:
            done, behind = self._look()
        except SwerveError as error:
            note(error.message)
            return
        now = time.monotonic()
        rate = f", {max(0, done - self._before[1]) / (now - self._before[0]):,.0f} events/s" if self._before else ""
        self._before = (now, done)
        note(behind + rate)


def behind_topic(settings: Settings) -> tuple[int, str]:
    """Look how far the job is in its topic: from the offsets that its checkpoints commit."""
    from jobs.kafka.client import admin
    from jobs.kafka.offsets import lag
    from jobs.kafka.topics import describe

    topic = settings.topics.events
    client = admin(settings)
    try:
        lags = lag(client, settings, topic, describe(client, settings, topic).partitions)
    finally:
        client.close()
    behind = sum(at.records for at in lags.values())
    return sum(at.committed or 0 for at in lags.values()), f"{behind:,} records behind the end of {topic}"


def behind_archive(settings: Settings, archive: Path) -> tuple[int, str]:
    """Look how far the job is in its archive: from what it says of itself."""
    from jobs.follow_status import read_status

    status = read_status(settings.work)
    if status is None:
        return 0, f"has not begun to read {archive}"
    return status.events, f"{status.behind:,} bytes behind the end of {archive}"


@contextmanager
def interruption() -> Iterator[Callable[[], bool]]:
    """Turn Ctrl-C and SIGTERM into a question; a second one interrupts at once."""
    asked: list[int] = []

    def ask(number: int, _: object) -> None:
        if asked:
            raise KeyboardInterrupt
        asked.append(number)
        note("stopping with a savepoint; once more to stop at once")

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(asked)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _render(document: Mapping[str, Any]) -> str:
    if document["savepoint"] is None:
        return f"stopped after {document['seconds']} s, before the job had begun: there is no savepoint"
    source = document["archive"] if "archive" in document else f"kafka:{document['topic']}"
    go_on = f"swerve run --source {source} --from-savepoint {document['savepoint']}"
    return f"stopped after {document['seconds']} s; go on with\n  {go_on}"
