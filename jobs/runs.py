"""What the last run on this machine used, so that `swerve show` and `swerve explain` need no options after it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from jobs.settings import Settings
from udfs.errors import UsageError

FILE = "last-run.json"


def remember_run(settings: Settings, archive: Path | None) -> None:
    """Write down which Redis, bundle and lists a run uses. An address with a password in it is not written."""
    address = settings.redis.url
    document = {
        "archive": str(archive.resolve()) if archive else None,
        "masked_url": settings.redis.masked_url,
        "settings": {
            "redis.url": address if address == settings.redis.masked_url else None,
            "redis.prefix": settings.redis.prefix,
            "model.path": str(settings.model.path.resolve()),
            "rank.candidates": settings.rank.candidates,
            "rank.top": settings.rank.top,
            "rank.surfaces": list(settings.rank.surfaces),
        },
    }
    settings.work.mkdir(parents=True, exist_ok=True)
    (settings.work / FILE).write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def with_last_run(settings: Settings) -> Settings:
    """Take what the last run used where the settings say nothing, unless they name another Redis than it did."""
    try:
        document = json.loads((settings.work / FILE).read_text(encoding="utf-8"))
        used, address = dict(document["settings"]), document["masked_url"]
    except (OSError, ValueError, KeyError, TypeError):
        return settings  # there was none, or another release wrote it
    if settings.redis.url is not None and settings.redis.masked_url != address:
        return settings
    try:
        return settings.with_values({key: value for key, value in used.items() if value is not None and not _is_set(settings, key)})
    except (ValidationError, KeyError):
        raise UsageError("these settings do not go with those of the last run", f"remove {settings.work / FILE} to forget it") from None


def _is_set(settings: Settings, key: str) -> bool:
    section, name = key.split(".")
    values: Any = getattr(settings, section)
    return name in values.model_fields_set
