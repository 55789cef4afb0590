"""The settings that a job was deployed with, kept with the job itself as Flink's global job parameters; secrets are not among them.

Flink's web page shows them, and an upgrade, from whatever machine, knows what it changes and how to go back.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from typing import Any

from jobs.settings import Settings
from jobs.settings.model import MASK
from udfs.errors import SwerveError, UsageError

RELEASE = "swerve.version"
#: A state that was made with one value cannot be read with another.
FIXED = ("state.buckets",)
#: What is of the machine that a command runs on, and what no job reads.
LOCAL = ("work", "cluster.", "out.", "registry.cache", "serving.")
#: Not even masked: Flink masks once more what is named so.
SECRET = ("redis.password", "registry.password")
#: A dictionary whose values may be secret: shown, not taken back.
PROPERTIES = "kafka.properties"


def describe(settings: Settings) -> dict[str, str]:
    """Give the settings by dotted key, as text that the settings read; secrets masked."""
    flat = _flat("", settings.masked())
    return {RELEASE: version("swerve"), **{key: value for key, value in flat if not key.startswith((*LOCAL, *SECRET))}}


def is_ours(parameters: Mapping[str, str]) -> bool:
    """Tell whether a job with these parameters was deployed by `swerve deploy`."""
    return RELEASE in parameters


def recall(parameters: Mapping[str, str], settings: Settings) -> Settings:
    """Give the settings that a job was deployed with.

    Parameters
    ----------
    parameters
        Of the job.
    settings
        Where secrets come from, and whatever is of this machine.

    Raises
    ------
    SwerveError
        If this release does not know one of them, or it was another's.
    """
    if not is_ours(parameters):
        raise SwerveError("the job does not say what settings it was deployed with")
    if parameters[RELEASE] != version("swerve"):
        raise SwerveError(f"the job is of release {parameters[RELEASE]}, this is {version('swerve')}")
    known = {key: value for key, value in parameters.items() if key not in (RELEASE, PROPERTIES) and MASK not in value}
    try:
        return settings.with_values(known)
    except (KeyError, ValueError):
        raise SwerveError("the job's settings are not those of this release") from None


def changes(parameters: Mapping[str, str], settings: Settings) -> dict[str, list[str]]:
    """Name what differs between a job and settings: key, then old and new value."""
    new = describe(settings)
    keys = sorted(parameters.keys() | new.keys()) if is_ours(parameters) else []
    return {key: [parameters.get(key, "-"), new.get(key, "-")] for key in keys if parameters.get(key) != new.get(key)}


def check_state_fits(parameters: Mapping[str, str], settings: Settings) -> None:
    """Refuse settings under which the job's state cannot be read.

    Raises
    ------
    UsageError
        Naming the setting.
    """
    for key, (old, new) in changes(parameters, settings).items():
        if key in FIXED:
            raise UsageError(f"{key} is {old} in the running job and its state, and {new} in the settings", f"--set {key}={old}")


def _flat(prefix: str, document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in document.items():
        key = f"{prefix}{name}"
        if isinstance(value, dict) and key != PROPERTIES:
            yield from _flat(f"{key}.", value)
        else:
            yield key, _text(value)


def _text(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return ",".join(map(str, value))
    if isinstance(value, dict):
        return json.dumps(value, sort_keys=True)
    if isinstance(value, bool) or value is None:
        return str(value).lower()
    return str(value)
