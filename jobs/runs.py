"""What the last run on this machine used, so that `swerve show` and `swerve explain` need no options after it."""

from __future__ import annotations

import json
from pathlib import Path

from jobs.settings import Settings

FILE = "last-run.json"


def remember_run(settings: Settings, archive: Path) -> None:
    """Write down which Redis, prefix and bundle a run uses. An address with a password in it is not written."""
    address = settings.redis.url
    document = {
        "redis.url": address if address == settings.redis.masked_url else None,
        "redis.prefix": settings.redis.prefix,
        "model.path": str(settings.model.path.resolve()),
        "archive": str(archive.resolve()),
    }
    settings.work.mkdir(parents=True, exist_ok=True)
    (settings.work / FILE).write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def with_last_run(settings: Settings) -> Settings:
    """Take address, prefix and bundle of the last run where the settings name none."""
    path = settings.work / FILE
    if settings.redis.url is not None or not path.exists():
        return settings
    document = json.loads(path.read_text(encoding="utf-8"))
    return settings.with_values({key: document[key] for key in ("redis.url", "redis.prefix", "model.path") if document.get(key)})
