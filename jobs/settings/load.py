"""Reading settings: a YAML file, below the environment, below flags. Every complaint names the key and where it came from."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from pydantic import BaseModel, ValidationError

from jobs.settings.model import Settings
from udfs.errors import UsageError

ENV_PREFIX = "SWERVE__"


class _Value(NamedTuple):
    text: Any
    origin: str


def load_settings(config: Path | None = None, overrides: Sequence[str] = (), environ: Mapping[str, str] | None = None) -> Settings:
    """Put the effective settings together.

    Parameters
    ----------
    config : Path, optional
        A YAML file of sections.
    overrides : sequence of str
        `section.key=value`; they win.
    environ : mapping, optional
        Where `SWERVE__SECTION__KEY` is looked for; default: the process's environment.

    Returns
    -------
    Settings

    Raises
    ------
    UsageError
        For a file that cannot be read, a key that is not known (with the nearest that are), and a value that does not fit.
    """
    values: dict[str, _Value] = {}
    for layer in (_from_file(config), _from_environment(os.environ if environ is None else environ), _from_flags(overrides)):
        for key, value in layer:
            _known(key, value.origin)
            values[key] = value
    document: dict[str, Any] = {}
    for key, value in values.items():
        *sections, name = key.split(".")
        target = document
        for section in sections:
            target = target.setdefault(section, {})
        target[name] = value.text
    try:
        return Settings.model_validate(document)
    except ValidationError as error:
        raise _complaint(error, values) from None


def _from_file(config: Path | None) -> Iterator[tuple[str, _Value]]:
    if config is None:
        return
    try:
        document = yaml.safe_load(config.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise UsageError(f"cannot read the settings file {config}: {reason}") from None
    except yaml.YAMLError as error:
        raise UsageError(f"the settings file {config} is not YAML: {' '.join(str(error).split())}") from None
    if document is None:
        return
    if not isinstance(document, dict):
        raise UsageError(f"the settings file {config} should hold sections, such as 'redis:' with 'url: …' below it")
    yield from _flat(document, "", str(config))


def _flat(document: Mapping[Any, Any], prefix: str, origin: str) -> Iterator[tuple[str, _Value]]:
    for name, value in document.items():
        # To YAML 1.1 a bare `on` is a truth value.
        key = f"{prefix}{'on' if name is True else name}"
        if key in _sections() and isinstance(value, Mapping):
            yield from _flat(value, f"{key}.", origin)
        elif key in _sections() and value is None:
            continue
        else:
            yield key, _Value(value, origin)


def _from_environment(environ: Mapping[str, str]) -> Iterator[tuple[str, _Value]]:
    for name, text in sorted(environ.items()):
        if name.upper().startswith(ENV_PREFIX):
            yield name[len(ENV_PREFIX) :].lower().replace("__", "."), _Value(text, name)


def _from_flags(overrides: Sequence[str]) -> Iterator[tuple[str, _Value]]:
    for override in overrides:
        key, equals, text = override.partition("=")
        if not equals or not key.strip():
            raise UsageError("--set wants section.key=value", "for example --set rank.top=10")
        yield key.strip(), _Value(text, f"--set {key.strip()}")


def _sections() -> list[str]:
    return [name for name, field in Settings.model_fields.items() if _is_section(field.annotation)]


def _is_section(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _keys() -> list[str]:
    keys = []
    for name, field in Settings.model_fields.items():
        kind = field.annotation
        keys += [f"{name}.{key}" for key in kind.model_fields] if isinstance(kind, type) and issubclass(kind, BaseModel) else [name]
    return keys


def _known(key: str, origin: str) -> None:
    keys = _keys()
    if key in keys:
        return
    if key in _sections():
        raise UsageError(f"{origin}: '{key}' is a section", f"its keys: {', '.join(k for k in keys if k.startswith(f'{key}.'))}")
    near = difflib.get_close_matches(key, keys, 3, 0.6) or [k for k in keys if k.split(".")[-1] == key.rsplit(".", maxsplit=1)[-1]]
    where = "" if origin.startswith("--set") else f" in {origin}"
    raise UsageError(
        f"unknown setting '{key}'{where}", f"did you mean {' or '.join(near)}?" if near else "`swerve config` prints all there are"
    )


def _complaint(error: ValidationError, values: Mapping[str, _Value]) -> UsageError:
    first = error.errors(include_url=False, include_input=False)[0]
    message = first["msg"].removeprefix("Value error, ").removeprefix("Input ")
    location = [str(part) for part in first["loc"]]
    # An element of a list has its number behind the key.
    key = next((".".join(location[:n]) for n in range(len(location), 0, -1) if ".".join(location[:n]) in values), "")
    if not key:
        return UsageError(message)
    value = values[key]
    shown = "" if key.startswith(("redis.", "registry.", "kafka.properties")) else f", not {value.text!r}"
    where = "" if value.origin.startswith("--set") else f" (from {value.origin})"
    return UsageError(f"setting {key} {message}{shown}{where}")
