"""models/README.md names what is in a bundle: all of it, and nothing else."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from models.bundle import TABLES
from tests.unit.project import ROOT
from training.simulator import simulate
from training.train import train

TABLE = "TABLE.npy"


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = Path(tmp_path_factory.mktemp("shop"))
    simulate(folder / "history", events=4_000, users=200, items=150, seed=2)
    train(folder / "history", folder / "models" / "shop" / "1", kinds=("linear",))
    return folder / "models" / "shop" / "1"


def rows_of(page: str, section: str) -> list[list[str]]:
    """The cells of the first table of a section."""
    text = (ROOT / page).read_text(encoding="utf-8")
    (found,) = re.findall(rf"^#+ {re.escape(section)}$\n(.*?)(?=^#|\Z)", text, re.MULTILINE | re.DOTALL)
    (table, *_) = re.findall(r"(?:^\|.*\n)+", found, re.MULTILINE)
    return [[cell.strip() for cell in line.strip("|\n").split(" | ")] for line in table.splitlines()[2:]]


def names_of(page: str, section: str, column: int = 0) -> set[str]:
    """What is named in code in a column."""
    return {name for row in rows_of(page, section) for name in re.findall(r"`([^`]+)`", row[column])}


def manifest_of(bundle: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((bundle / "manifest.json").read_text())
    return document


def test_files(bundle: Path) -> None:
    tables = {f"{name}.npy" for name in TABLES}
    named = names_of("models/README.md", "Files")
    assert TABLE in named
    assert named - {TABLE} == {path.name for path in bundle.iterdir()} - tables


def test_tables(bundle: Path) -> None:
    defined = {name for row in rows_of("docs/semantics.md", "Tables") for name in row[0].split(", ")}
    assert {f"{name}.npy" for name in defined} == {path.name for path in bundle.glob("*.npy")}
    assert set(manifest_of(bundle)["tables"]) == defined


def test_keys_of_the_manifest(bundle: Path) -> None:
    assert names_of("models/README.md", "manifest.json") == set(manifest_of(bundle))
    types = {"integer": int, "text": str, "list of texts": list, "object": dict}
    for names, kind, _ in rows_of("models/README.md", "manifest.json"):
        for name in re.findall(r"`([^`]+)`", names):
            assert type(manifest_of(bundle)[name]) is types[kind], name


@pytest.mark.parametrize(("key", "only_of_a_replaced_ranker"), [("training", {"from_bundle"}), ("metrics", set())])
def test_what_the_objects_hold(bundle: Path, key: str, only_of_a_replaced_ranker: set[str]) -> None:
    (told,) = (row[2] for row in rows_of("models/README.md", "manifest.json") if row[0] == f"`{key}`")
    assert set(re.findall(r"`([^`]+)`", told)) == set(manifest_of(bundle)[key]) | only_of_a_replaced_ranker
