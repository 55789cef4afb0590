"""Options that several commands share, and how they become settings."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from typing import Annotated, Literal

import typer

from jobs.settings import Settings, load_settings
from udfs.errors import UsageError

Config = Annotated[
    Path | None, typer.Option("--config", metavar="FILE", help="Settings in YAML; SWERVE__REDIS__URL in the environment wins over it.")
]
Set = Annotated[list[str] | None, typer.Option("--set", metavar="SECTION.KEY=VALUE", help="One setting; wins over all. Repeatable.")]
Redis = Annotated[str | None, typer.Option("--redis", metavar="URL", help="Address; short for --set redis.url=URL.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout, and all else on stderr.")]
Cluster = Annotated[
    str | None, typer.Option("--cluster", metavar="URL", help="REST address of a Flink cluster; short for --set cluster.url=URL.")
]
RunningJob = Annotated[
    str | None, typer.Argument(metavar="[JOB]", help="Name of a job on the cluster, or how its id begins; default: the only Swerve job.")
]
Topic = Annotated[str | None, typer.Option("--source", metavar="kafka:TOPIC", help="Topic of events; default: topics.events.")]
Model = Annotated[Path | None, typer.Option("--model", metavar="DIR", help="Model bundle; short for --set model.path=DIR.")]
SavepointFolder = Annotated[
    str | None, typer.Option("--dir", metavar="DIR", help="Where the savepoint goes, as the cluster sees it; default: as it is configured.")
]


class SavepointFormat(str, Enum):
    """Formats of a savepoint."""

    canonical = "canonical"
    native = "native"

    @property
    def flink(self) -> Literal["CANONICAL", "NATIVE"]:
        """What Flink calls it."""
        return "CANONICAL" if self is SavepointFormat.canonical else "NATIVE"


Form = Annotated[SavepointFormat, typer.Option("--format", help="Native is quicker; canonical can be read by any state backend.")]


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


def cluster_settings(config: Path | None, overrides: Sequence[str] | None, cluster: str | None, **flags: object) -> Settings:
    """Read the settings of a command that needs a cluster.

    Raises
    ------
    UsageError
        If none is named.
    """
    settings = settings_from(config, overrides, cluster__url=cluster, **flags)
    if settings.cluster.url is None:
        raise UsageError("no cluster is named", "--cluster URL, or the setting cluster.url; swerve dev up starts one here")
    return settings
