"""`swerve serve`: the collector and the HTTP API, for a shop's pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from jobs.cli.options import Config, Redis, Set, settings_from

if TYPE_CHECKING:
    from jobs.settings import Settings
    from serving.app import Part

Into = Annotated[str | None, typer.Option("--into", metavar="kafka:TOPIC|DIR", help="Where events go; short for --set serving.into=….")]


def command(config: Config = None, overrides: Set = None, redis: Redis = None, into: Into = None) -> None:
    """Serve a shop's pages: take their events, give their recommendations. Ctrl-C stops it when what is under way is done."""
    serve(settings_from(config, overrides, redis__url=redis, serving__into=into))


def parts_of(settings: Settings) -> list[Part]:
    """Make what the settings ask for."""
    from prometheus_client import CollectorRegistry

    from jobs.cli.collecting import collector_of
    from serving.hub import Hub

    hub, registry = Hub(), CollectorRegistry()
    collector = collector_of(settings, hub, registry)
    return [part for part in (collector,) if part is not None]


def serve(settings: Settings) -> None:
    """Serve until interrupted."""
    import uvicorn

    from serving.app import Application

    serving = settings.serving
    uvicorn.run(
        Application(parts_of(settings)), host=serving.host, port=serving.port, access_log=False, log_level="warning", server_header=False
    )
