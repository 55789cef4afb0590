"""`swerve stop`: end the Redis that a run left for `swerve show`."""

from __future__ import annotations

from jobs.cli.options import Config, Json, Set, settings_from
from jobs.cli.output import emit


def command(config: Config = None, overrides: Set = None, json: Json = False) -> None:
    """Stop the embedded Redis that `swerve demo` or `swerve replay` left running here; what it holds is gone with it."""
    from jobs.embedded.redis_server import stop_redis

    stopped = stop_redis(settings_from(config, overrides).work)
    emit({"stopped": stopped}, json, lambda _: "stopped" if stopped else "none was running")
