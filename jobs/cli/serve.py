"""`swerve serve`: the collector and the HTTP API, for a shop's pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobs.cli.options import Config, Redis, Set, settings_from

if TYPE_CHECKING:
    from jobs.settings import Settings
    from serving.app import Part


def command(config: Config = None, overrides: Set = None, redis: Redis = None) -> None:
    """Serve a shop's pages: take their events, give their recommendations. Ctrl-C stops it when what is under way is done."""
    serve(settings_from(config, overrides, redis__url=redis))


def parts_of(_: Settings) -> list[Part]:
    """Make what the settings ask for."""
    return []


def serve(settings: Settings) -> None:
    """Serve until interrupted."""
    import uvicorn

    from serving.app import Application

    serving = settings.serving
    uvicorn.run(
        Application(parts_of(settings)), host=serving.host, port=serving.port, access_log=False, log_level="warning", server_header=False
    )
