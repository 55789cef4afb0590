"""`swerve replay`: the job over history."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from jobs.cli.options import Config, Json, Redis, Set, settings_from
from jobs.cli.output import emit, note, progress
from jobs.settings import Settings
from udfs.errors import UsageError


def command(
    source: Annotated[str, typer.Option("--source", metavar="ARCHIVE", help="Folder of events-*.avro.")],
    config: Config = None,
    overrides: Set = None,
    redis: Redis = None,
    model: Annotated[Path | None, typer.Option("--model", metavar="DIR", help="Model bundle; short for --set model.path=DIR.")] = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Also write segment changes and recommendations there.")] = None,
    json: Json = False,
) -> None:
    """Run the job over an archive: profiles, segments and recommendations as the live job would have left them.

    Without --redis it uses a Redis of its own, which goes on running for `swerve show`. Without a model bundle it trains one
    from the archive first.
    """
    if source.startswith("kafka:"):
        raise UsageError("replay reads archives; Kafka is not a source yet", "give a folder of events-*.avro")
    settings = settings_from(config, overrides, redis__url=redis, model__path=model)
    if out is not None:
        settings = settings.with_values({"out.dir": out, "out.everything": True})
    report = run(Path(source), settings)
    emit(report, json, render)


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
    if (settings.model.path / "manifest.json").exists() or "path" in settings.model.model_fields_set:
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
