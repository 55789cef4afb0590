"""Options that several commands share, and how they become settings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from jobs.settings import Settings, load_settings

Config = Annotated[
    Path | None, typer.Option("--config", metavar="FILE", help="Settings in YAML; SWERVE__REDIS__URL in the environment wins over it.")
]
Set = Annotated[list[str] | None, typer.Option("--set", metavar="SECTION.KEY=VALUE", help="One setting; wins over all. Repeatable.")]
Redis = Annotated[str | None, typer.Option("--redis", metavar="URL", help="Address; short for --set redis.url=URL.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout, and all else on stderr.")]


def settings_from(config: Path | None, overrides: Sequence[str] | None, **flags: object) -> Settings:
    """Read the settings a command was given.

    Parameters
    ----------
    config, overrides
        What `Config` and `Set` gave.
    **flags
        Settings that have an option of their own, `section__key`; None was not given. They win.
    """
    own = [f"{key.replace('__', '.')}={value}" for key, value in flags.items() if value is not None]
    return load_settings(config, [*(overrides or ()), *own])
