"""The files of the project that are configuration, read for the tests."""

import json
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]


def read_yaml(path: str) -> Any:
    """Read one document, by its path from the root."""
    return yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))


def read_all(path: str) -> list[Any]:
    """Read all documents of a file."""
    return list(yaml.safe_load_all((ROOT / path).read_text(encoding="utf-8")))


def read_json(path: str) -> Any:
    """Read a JSON file."""
    return json.loads((ROOT / path).read_text(encoding="utf-8"))


def program(name: str) -> str:
    """Give the path of a program that came with a Python package."""
    return str(Path(sys.executable).parent / name)
