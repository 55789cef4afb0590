"""`swerve replay`: the job over history."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from jobs.cli.options import Config, Json, Redis, Set, settings_from
from jobs.cli.output import emit, note, progress
from jobs.cli.source import time_ms, topic_of
from jobs.settings import Settings
from udfs.errors import UsageError

#: Committed offsets and the progress bar move on with the checkpoints.
LONGEST_INTERVAL_MS = 5_000


def command(
    source: Annotated[str, typer.Option("--source", metavar="ARCHIVE|kafka:TOPIC", help="Folder of events-*.avro, or a topic.")],
    config: Config = None,
    overrides: Set = None,
    redis: Redis = None,
    model: Annotated[Path | None, typer.Option("--model", metavar="DIR", help="Model bundle; short for --set model.path=DIR.")] = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Also write segment changes and recommendations there.")] = None,
    begin: Annotated[
        str | None,
        typer.Option("--from", metavar="TIME", help="First record: ISO 8601 in UTC, ms since 1970, or -6h."),
    ] = None,
    until: Annotated[str | None, typer.Option("--until", metavar="TIME", help="End before it. Default: the topic's end now.")] = None,
    into: Annotated[str | None, typer.Option("--into", metavar="PREFIX", help="Redis prefix, such as shadow:, for `diff`.")] = None,
    hand_over: Annotated[
        str | None,
        typer.Option("--hand-over", metavar="DIR", help="End with a savepoint, for a live job to go on from."),
    ] = None,
    json: Json = False,
) -> None:
    """Run the job over history: profiles, segments and recommendations as the live job would have left them.

    Without --redis it uses a Redis of its own, which goes on running for `swerve show`. Without a model bundle it trains one
    from the archive first. What is written never replaces something fresher.
    """
    settings = settings_from(config, overrides, redis__url=redis, redis__prefix=into, model__path=model)
    if out is not None:
        settings = settings.with_values({"out.dir": out, "out.everything": True})
    topic = topic_of(source)
    if topic is None:
        if begin or until or hand_over:
            raise UsageError("--from, --until and --hand-over go with a topic", "--source kafka:TOPIC")
        emit(run(Path(source), settings), json, render)
    else:
        emit(run_topic(topic, settings, time_ms(begin) if begin else None, time_ms(until) if until else None, hand_over), json, render)


def run_topic(topic: str, settings: Settings, begin_ms: int | None, until_ms: int | None, hand_over: str | None) -> dict[str, Any]:
    """Look up the span, replay it, hand over if that is asked for."""
    from jobs.embedded.redis_server import ensure_redis
    from jobs.kafka.spans import reached, span_of
    from jobs.preflight import examine, require_bundle
    from jobs.replay import replay_topic
    from jobs.runs import remember_run

    values: dict[str, Any] = {"topics.events": topic, "checkpoint.interval_ms": min(settings.checkpoint.interval_ms, LONGEST_INTERVAL_MS)}
    if hand_over:
        # Its own offsets, not those of the live job, say how far it is.
        values |= {"kafka.group": f"{settings.kafka.group}-replay-{uuid.uuid4().hex[:8]}", "rank.hold_back": True}
    settings = settings.with_values(values)
    examine(settings)
    require_bundle(settings)
    span = span_of(settings, topic, begin_ms, until_ms, note)
    settings = ensure_redis(settings)
    remember_run(settings, None)
    total = sum(span.end.values()) - sum(span.begin.values())
    note(f"replaying {total:,} records of {topic} into {settings.redis.masked_url}, prefix {settings.redis.prefix or 'none'}")

    def caught_up() -> bool:
        return reached(settings, topic, span, settings.kafka.group)

    with progress("replaying") as advance:
        report, savepoint = replay_topic(
            topic,
            span,
            settings,
            lambda so_far, _: advance(so_far.events + so_far.rejects, total),
            savepoint=hand_over,
            caught_up=caught_up,
        )
    document = {**report.as_json(), "dead_letters": str(settings.out.dir) if report.rejects else None, "redis": settings.redis.masked_url}
    if savepoint:
        document |= {"savepoint": savepoint, "go_on_with": f"swerve run --source kafka:{topic} --from-savepoint {savepoint}"}
    return document


def run(archive: Path, settings: Settings) -> dict[str, Any]:
    """Index, train if there is no bundle, replay; with a progress bar for each."""
    from jobs.embedded.redis_server import ensure_redis
    from jobs.preflight import examine
    from jobs.replay import index_archive, replay
    from jobs.runs import remember_run

    examine(settings)
    with progress("reading the archive") as advance:
        index = index_archive(archive, settings, advance)
    settings = with_model(settings, archive)
    settings = ensure_redis(settings)
    remember_run(settings, archive)
    note(f"replaying {index.events:,} events into {settings.redis.masked_url}")
    with progress("replaying") as advance:
        report = replay(index, settings, lambda so_far, total: advance(so_far.events + so_far.rejects, total))
    return {**report.as_json(), "dead_letters": str(settings.out.dir) if report.rejects else None, "redis": settings.redis.masked_url}


def with_model(settings: Settings, archive: Path) -> Settings:
    """Take the bundle of the settings; where there is none, train one from the archive, once."""
    from models.registry import is_model

    path = settings.model.path
    if (path / "manifest.json").exists() or is_model(path) or "path" in settings.model.model_fields_set:
        return settings
    from training.train import train

    bundle = settings.work / "models" / f"{archive.resolve().name}-{_state_of(archive)}" / "1"
    if not (bundle / "manifest.json").exists():
        note(f"no model bundle at {settings.model.path}: training one from the archive into {bundle}")
        with progress("training") as advance:
            train(archive, bundle, progress=advance)
    return settings.with_values({"model.path": bundle})


def _state_of(archive: Path) -> str:
    """Name an archive's content by its files, so that a bundle of other content is not taken for its own."""
    files = [(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in sorted(archive.iterdir())]
    return hashlib.blake2b(repr(files).encode(), digest_size=4).hexdigest()


def render(document: Mapping[str, Any]) -> str:
    """Lay the report out for people."""
    from jobs.cli.output import table

    return table({key: value for key, value in document.items() if key != "stage_seconds" and value is not None})
