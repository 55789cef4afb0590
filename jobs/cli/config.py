"""`swerve config`: the effective settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from jobs.cli.options import Config, Json, Redis, Set, settings_from
from jobs.cli.output import emit


def command(config: Config = None, overrides: Set = None, redis: Redis = None, json: Json = False) -> None:
    """Print the effective settings, secrets masked.

    What it prints is a settings file: keep it, change it, and hand it in again with --config.
    """
    emit(settings_from(config, overrides, redis__url=redis).masked(), json, _as_yaml)


def _as_yaml(document: Mapping[str, Any]) -> str:
    return yaml.safe_dump(dict(document), sort_keys=False, allow_unicode=True).rstrip()
