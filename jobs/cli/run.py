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
from udfs.errors import UsageError

TELL_SECONDS = 10.0


def command(
    source: Annotated[str, typer.Option("--source", metavar="kafka:TOPIC", help="Topic of the events.")] = "",
    config: Config = None,
    overrides: Set = None,
    redis: Redis = None,
    model: Annotated[Path | None, typer.Option("--model", metavar="DIR", help="Model bundle; short for --set model.path=DIR.")] = None,
    start: Annotated[
        str | None,
        typer.Option(
            "--start", metavar="WHERE", help="committed (default), earliest, latest, or a time such as 2024-05-01T12:00:00 or -6h."
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
    """Run the live job here: events of a topic to recommendations in Redis. Ctrl-C stops it with a savepoint.

    Flink runs inside this command, which is meant for one machine; `swerve deploy` sends the same job to a cluster.
    """
    values: dict[str, object] = {"redis__url": redis, "model__path": model}
    if start in ("committed", "earliest", "latest"):
        values["kafka__start"] = start
    elif start is not None:
        values |= {"kafka__start": "timestamp", "kafka__start_time": time_ms(start)}
    settings = settings_from(config, overrides, **values)
    if source and topic_of(source) is None:
        raise UsageError("run follows a topic", "--source kafka:TOPIC; `swerve replay` reads archives")
    emit(run(settings, topic_of(source) if source else None, from_savepoint, savepoints, seconds, rest_port), json, _render)


def run(
    settings: Settings, topic: str | None, from_savepoint: str | None, savepoints: Path | None, seconds: float | None, rest_port: int
) -> dict[str, Any]:
    """Look at what it needs, run it, stop it with a savepoint."""
    from jobs import recommend
    from jobs.embedded.redis_server import ensure_redis
    from jobs.preflight import examine, require_bundle
    from jobs.runs import remember_run

    settings = recommend.live_settings(settings, topic)
    examine(settings)
    require_bundle(settings)
    settings = ensure_redis(settings)
    remember_run(settings, None)
    folder = savepoints or settings.checkpoint.dir / "savepoints"
    note(
        f"following {settings.topics.events} at {settings.kafka.brokers} into {settings.redis.masked_url}; Ctrl-C stops it with a savepoint"
    )
    began = time.monotonic()
    with interruption() as interrupted:
        tell = Teller(settings)

        def stop() -> bool:
            tell()
            return interrupted() or (seconds is not None and time.monotonic() - began > seconds)

        path = recommend.run(settings, from_savepoint=from_savepoint, savepoints=folder, watch=stop, say=note, rest_port=rest_port)
    return {
        "topic": settings.topics.events,
        "seconds": round(time.monotonic() - began, 1),
        "savepoint": path,
        "redis": settings.redis.masked_url,
    }


class Teller:
    """Says now and then, on stderr, how far the job is: from the offsets that its checkpoints commit.

    Parameters
    ----------
    settings
        The effective settings.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._next = time.monotonic() + TELL_SECONDS
        self._before: tuple[float, int] | None = None

    def __call__(self) -> None:
        """Say it, if it is time."""
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + TELL_SECONDS
        from jobs.kafka.client import admin
        from jobs.kafka.offsets import lag
        from jobs.kafka.topics import describe
        from udfs.errors import SwerveError

        topic = self._settings.topics.events
        try:
            client = admin(self._settings)
            try:
                lags = lag(client, self._settings, topic, describe(client, self._settings, topic).partitions)
            finally:
                client.close()
        except SwerveError as error:
            note(error.message)
            return
        done, behind = sum(at.committed or 0 for at in lags.values()), sum(at.records for at in lags.values())
        now = time.monotonic()
        rate = f", {max(0, done - self._before[1]) / (now - self._before[0]):,.0f} events/s" if self._before else ""
        self._before = (now, done)
        note(f"{behind:,} records behind the end of {topic}{rate}")


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
    go_on = f"swerve run --source kafka:{document['topic']} --from-savepoint {document['savepoint']}"
    return f"stopped after {document['seconds']} s; go on with\n  {go_on}"
