"""What can be seen before a run begins, so that it does not fail after minutes: Java, Redis, model, folders."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from jobs.embedded.java import find_java
from jobs.settings import Settings
from udfs.errors import SwerveError

LEAST_DISK = 64 * 1024**2


def examine(settings: Settings) -> None:
    """Refuse what cannot work.

    Parameters
    ----------
    settings
        The effective settings; a Redis or a model that they do not name is not asked for.

    Raises
    ------
    SwerveError
        No Java, a Redis that does not answer or does not let us in, no bundle or a damaged one, a folder that cannot be written.
    """
    for key, folder in (("work", settings.work), ("out.dir", settings.out.dir), ("checkpoint.dir", settings.checkpoint.dir)):
        check_folder(key, folder)
    find_java()
    if settings.redis.url is not None:
        from jobs.embedded.redis_server import ensure_redis

        ensure_redis(settings)
    if "path" in settings.model.model_fields_set:
        from models.bundle import Bundle
        from models.registry import serving_folder

        Bundle.open(serving_folder(settings.model.path)).check()


def require_bundle(settings: Settings) -> None:
    """Refuse to begin without a good model bundle, where none can be trained on the way.

    Raises
    ------
    SwerveError
        If there is none, or it is damaged.
    """
    from models.bundle import Bundle
    from models.registry import serving_folder

    folder = serving_folder(settings.model.path)
    if not (folder / "manifest.json").exists():
        raise SwerveError(f"no model bundle at {folder}", "make one with `swerve train ARCHIVE --out DIR`, name it with --model DIR")
    Bundle.open(folder).check()


def check_folder(key: str, folder: Path) -> None:
    """Check that a folder is there or can be made, and that there is room in it.

    Parameters
    ----------
    key
        The setting that names it.
    folder
        The folder.

    Raises
    ------
    SwerveError
        If it cannot be used.
    """
    resolved = folder.resolve()
    nearest = next(parent for parent in (resolved, *resolved.parents) if parent.exists())
    if not nearest.is_dir():
        raise SwerveError(f"{key}: {nearest} is a file, not a folder", f"name another folder: --set {key}=DIR")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise SwerveError(f"{key}: may not write to {nearest}", f"name another folder: --set {key}=DIR")
    if shutil.disk_usage(nearest).free < LEAST_DISK:
        raise SwerveError(f"{key}: the disk of {nearest} is full", f"make room there, or name another folder: --set {key}=DIR")
