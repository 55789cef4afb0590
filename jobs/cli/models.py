"""`swerve models`: the registry of bundles, and which of them serves."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jobs.cli import with_ranker
from jobs.cli.options import Config, Json, Redis, Set, settings_from
from jobs.cli.output import emit, progress
from jobs.settings import Settings

if TYPE_CHECKING:
    from models.approval import Approved
    from models.pointer import Pointer
    from models.registry import Entry, Model

app = typer.Typer(help="Model bundles: which there are, how good they are, and which of them serves.", no_args_is_help=True)

Models = Annotated[
    Path | None, typer.Option("--models", metavar="DIR", help="The registry: DIR/NAME/VERSION; short for --set model.registry=DIR.")
]
Version = Annotated[str, typer.Argument(metavar="[NAME/]VERSION", help="NAME may be left out where there is only one model.")]
Note = Annotated[str, typer.Option("--note", metavar="TEXT", help="Why, for whoever reads the pointer.")]


@app.command("list")
def list_models(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Only this model.")] = None,
    models: Models = None,
    redis: Redis = None,
    config: Config = None,
    overrides: Set = None,
    json: Json = False,
) -> None:
    """List the versions of every model: date, training window, quality, size, which one serves, which are damaged and why.

    With the address of a Redis, also what the jobs that write there really serve, and what they refuse.
    """
    from models.registry import find_model, models_in

    settings = settings_from(config, overrides, model__registry=models, redis__url=redis)
    registry = settings.model.registry
    chosen = [find_model(registry, name)] if name is not None else models_in(registry)
    with progress("reading the bundles") as advance:
        found = []
        for number, model in enumerate(chosen, start=1):
            found.append(_listed(model))
            advance(number, len(chosen))
    if settings.redis.url is not None:
        from jobs.serving import serving_by_model

        serving = serving_by_model(settings)
        found = [{**model, "serving": serving.get(model["name"])} for model in found]
    emit({"registry": str(registry), "models": found}, json, _render_list)


@app.command()
def show(
    version: Version = "",
    models: Models = None,
    config: Config = None,
    overrides: Set = None,
    json: Json = False,
) -> None:
    """Show a bundle: origin, quality, features, segments, tables, and whether its files are whole. Default: the one that serves."""
    from models.manifest import Manifest
    from udfs.errors import UsageError

    model, wanted = _chosen(settings_from(config, overrides, model__registry=models), version)
    if not wanted:
        pointer = model.pointer()
        if pointer is None:
            raise UsageError(f"no version of {model.name} serves yet", "say which to show: VERSION")
        wanted = pointer.version
    entry = model.entry(wanted)
    manifest = entry.manifest or Manifest.read(entry.path)
    document = {
        **_line(entry),
        "path": str(entry.path),
        "features": list(manifest.features),
        "segments": list(manifest.segments),
        "categories": len(manifest.categories),
        "training": manifest.training,
        "metrics": manifest.metrics,
        "tables": {table: f"{shape['dtype']}{shape['shape']}" for table, shape in manifest.tables.items()},
        "checksums": len(manifest.checksums),
    }
    emit(document, json, _render_show)


@app.command()
def compare(
    first: Annotated[str, typer.Argument(metavar="[NAME/]VERSION", help="Such as the one that serves.")],
    second: Annotated[str, typer.Argument(metavar="[NAME/]VERSION", help="Such as the one that may.")],
    models: Models = None,
    config: Config = None,
    overrides: Set = None,
    json: Json = False,
) -> None:
    """Hold two bundles against each other: quality, features, segments, tables, and how much their fall-back lists share."""
    from models.bundle import Bundle
    from models.comparison import compare as compare_bundles

    settings = settings_from(config, overrides, model__registry=models)
    one, other = (Bundle.open(model.path_of(version)) for model, version in (_chosen(settings, first), _chosen(settings, second)))
    emit(compare_bundles(one, other), json, _render_compare)


@app.command()
def add(
    bundle: Annotated[Path, typer.Argument(metavar="BUNDLE", help="Folder of a bundle, from wherever.")],
    target: Annotated[str, typer.Option("--as", metavar="NAME/VERSION", help="What it is filed as; its manifest takes that over.")],
    models: Models = None,
    config: Config = None,
    overrides: Set = None,
    json: Json = False,
) -> None:
    """Copy a bundle into the registry. It does not serve before it is promoted."""
    from models.pointer import check_version
    from models.registry import Model
    from udfs.errors import UsageError

    name, slash, version = target.rpartition("/")
    if not slash:
        raise UsageError(f"--as {target} names no version", "--as NAME/VERSION")
    registry = settings_from(config, overrides, model__registry=models).model.registry
    path = Model(registry / check_version(name, "--as")).add(bundle, check_version(version, "--as"))
    emit({"name": name, "version": version, "path": str(path)}, json)


@app.command()
def promote(
    version: Version,
    note: Note = "",
    models: Models = None,
    config: Config = None,
    overrides: Set = None,
    json: Json = False,
) -> None:
    """Let a version serve. It is checked before: files, tables, features, scores, speed. A bad one is refused, and nothing changes.

    A live job that follows the model takes it within seconds, without a restart.
    """
    settings = settings_from(config, overrides, model__registry=models)
    model, wanted = _chosen(settings, version)
    before = _served(model)
    check = _Check(settings)
    _tell(model, before, model.promote(wanted, check, note), check, json)


@app.command()
def rollback(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="May be left out where there is only one model.")] = None,
    note: Note = "",
    models: Models = None,
    config: Config = None,
    overrides: Set = None,
    json: Json = False,
) -> None:
    """Let the version serve that served before. Once more goes back further. It is checked like any other."""
    settings = settings_from(config, overrides, model__registry=models)
    model, _ = _chosen(settings, f"{name}/" if name else "")
    before = _served(model)
    check = _Check(settings)
    _tell(model, before, model.roll_back(check, note), check, json)


app.command("with-ranker")(with_ranker.command)


class _Check:
    """The check before a pointer moves; keeps what it found."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.approved: Approved | None = None

    def __call__(self, path: Path) -> None:
        from jobs.serving import terms_of
        from models.approval import approve

        self.approved = approve(path, terms_of(self._settings))


def _chosen(settings: Settings, text: str) -> tuple[Model, str]:
    """Find the model that is meant, and the version, "" where none is named. `model.path` says which where the command does not."""
    from models.registry import Model, find_model, is_model

    name, _, version = text.rpartition("/")
    path, given = settings.model.path, settings.model.model_fields_set
    if not name and "registry" not in given and "path" in given and (is_model(path) or Model(path).versions()):
        return Model(path), version
    return find_model(settings.model.registry, name or None), version


def _served(model: Model) -> str | None:
    from udfs.tables import BundleError

    try:
        pointer = model.pointer()
    except BundleError:
        return None
    return pointer.version if pointer else None


def _tell(model: Model, before: str | None, pointer: Pointer, check: _Check, json: bool) -> None:
    assert check.approved is not None
    document = {
        "name": model.name,
        "version": pointer.version,
        "before": before,
        "changed": pointer.version != before,
        "by": pointer.by,
        "at": pointer.at,
        "note": pointer.note,
        "us_per_user": round(check.approved.trial.us_per_user, 1),
    }
    emit(document, json, _render_moved)


def _listed(model: Model) -> dict[str, Any]:
    from udfs.tables import BundleError

    pointer, problem = None, None
    try:
        pointer = model.pointer()
        if pointer is not None and pointer.version not in model.versions():
            problem = f"its pointer names version {pointer.version}, which is not there"
    except BundleError as error:
        problem = str(error)
    return {
        "name": model.name,
        "current": pointer.version if pointer else None,
        "previous": list(pointer.previous) if pointer else [],
        "promoted_at": pointer.at or None if pointer else None,
        "promoted_by": pointer.by or None if pointer else None,
        "note": pointer.note or None if pointer else None,
        "problem": problem,
        "versions": [_line(entry) for entry in model.entries()],
    }


def _line(entry: Entry) -> dict[str, Any]:
    from models.comparison import quality

    manifest = entry.manifest
    return {
        "name": entry.name,
        "version": entry.version,
        "current": entry.current,
        "created_at": manifest.created_at if manifest else None,
        "trained_from": manifest.training.get("from") if manifest else None,
        "trained_until": manifest.training.get("until") if manifest else None,
        "quality": quality(manifest) if manifest else {},
        "bytes": entry.size,
        "problem": entry.problem,
    }


def _render_list(document: Mapping[str, Any]) -> str:
    from jobs.cli.model_tables import list_text

    return list_text(document)


def _render_show(document: Mapping[str, Any]) -> str:
    from jobs.cli.model_tables import show_text

    return show_text(document)


def _render_compare(document: Mapping[str, Any]) -> str:
    from jobs.cli.model_tables import compare_text

    return compare_text(document)


def _render_moved(document: Mapping[str, Any]) -> str:
    name, version, before = document["name"], document["version"], document["before"]
    if not document["changed"]:
        return f"{name} {version} serves already; it ranks a shopper in {document['us_per_user']:.0f} µs"
    instead = f" instead of {before}" if before else ""
    return f"{name} {version} serves{instead}; it ranks a shopper in {document['us_per_user']:.0f} µs"
