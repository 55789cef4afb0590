"""`swerve models`: what each command says, and what it leaves behind."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from jobs import cli
from jobs.serving import pinned, terms_of
from jobs.settings import Settings
from models.registry import Model, serving_folder
from tests.unit.registries import NAME, damage, file_bundle, make_model, point_by_hand, put_ranker, root_of_the_price_gap


@pytest.fixture
def model(tmp_path: Path) -> Model:
    return make_model(tmp_path / "models", "1", "2", "3")


def call(model: Model, *arguments: str) -> list[str]:
    return ["models", *arguments, "--models", str(model.folder.parent)]


def run(model: Model, capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    """The document of a command that ends with 0."""
    assert cli.main([*call(model, *arguments), "--json"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return json.loads(out)


def refused(model: Model, capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 1) -> str:
    """The one line on stderr of a command that ends with another code."""
    assert cli.main(call(model, *arguments)) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    return err


def test_the_way_of_a_version(model: Model, capsys: pytest.CaptureFixture[str]) -> None:
    moved = run(model, capsys, "promote", "1", "--note", "the first")
    assert (moved["name"], moved["version"], moved["before"], moved["changed"], moved["note"]) == (NAME, "1", None, True, "the first")
    assert moved["us_per_user"] > 0
    assert run(model, capsys, "promote", f"{NAME}/2")["before"] == "1"
    assert run(model, capsys, "promote", "2")["changed"] is False
    assert run(model, capsys, "promote", "3")["version"] == "3"
    assert run(model, capsys, "rollback")["version"] == "2"
    assert run(model, capsys, "rollback", NAME)["version"] == "1"
    assert "no version served before 1" in refused(model, capsys, "rollback")
    (listed,) = run(model, capsys, "list")["models"]
    assert (listed["current"], listed["previous"], listed["note"]) == ("1", [], None)
    assert [(one["version"], one["current"], one["problem"]) for one in listed["versions"]] == [
        ("1", True, None),
        ("2", False, None),
        ("3", False, None),
    ]
    assert all(one["bytes"] > 1_000 for one in listed["versions"])


def test_a_bad_one_is_refused_and_the_old_one_serves(model: Model, capsys: pytest.CaptureFixture[str]) -> None:
    run(model, capsys, "promote", "1")
    damage(model.path_of("2"))
    put_ranker(model.path_of("3"), *root_of_the_price_gap())
    assert "popularity.npy is not the file" in refused(model, capsys, "promote", "2")
    assert "not finite" in refused(model, capsys, "promote", "3")
    assert "max_us_per_user" in refused(model, capsys, "promote", "1", "--set", "model.max_us_per_user=1")
    assert "no version 4" in refused(model, capsys, "promote", "4")
    assert "is no version" in refused(model, capsys, "promote", f"{NAME}/..")
    assert serving_folder(model.folder) == model.path_of("1")
    (listed,) = run(model, capsys, "list")["models"]
    assert [bool(one["problem"]) for one in listed["versions"]] == [False, True, False]


def test_a_pointer_into_the_void_is_told_of(model: Model, capsys: pytest.CaptureFixture[str]) -> None:
    point_by_hand(model, "9")
    (listed,) = run(model, capsys, "list", NAME)["models"]
    assert "version 9, which is not there" in listed["problem"]
    (model.folder / "current").write_text("{")
    (listed,) = run(model, capsys, "list")["models"]
    assert "is not JSON" in listed["problem"]
    assert listed["current"] is None


def test_a_bundle_from_elsewhere_is_filed_and_promoted(model: Model, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bundle = str(model.path_of("1"))
    assert run(model, capsys, "add", bundle, "--as", "other/2024.5")["path"].endswith("models/other/2024.5")
    assert run(model, capsys, "promote", "other/2024.5")["name"] == "other"
    assert "several models: other, shop" in refused(model, capsys, "promote", "1", code=2)
    assert "names no version" in refused(model, capsys, "add", bundle, "--as", "other", code=2)
    assert "is no version" in refused(model, capsys, "add", bundle, "--as", "../x")
    assert [found["name"] for found in run(model, capsys, "list")["models"]] == ["other", NAME]


def test_what_is_shown_of_a_bundle(model: Model, capsys: pytest.CaptureFixture[str]) -> None:
    run(model, capsys, "promote", "2")
    shown = run(model, capsys, "show")
    assert (shown["version"], shown["current"], shown["problem"]) == ("2", True, None)
    assert shown["segments"] == ["segment 0", "segment 1", "segment 2"]
    assert shown["tables"]["popularity"] == "f4[60]"
    assert "trend" in shown["features"]
    damage(model.path_of("1"))
    assert "popularity.npy" in run(model, capsys, "show", "1")["problem"]


def test_two_bundles_side_by_side(model: Model, capsys: pytest.CaptureFixture[str]) -> None:
    file_bundle(model, "4", segments=2)
    found = run(model, capsys, "compare", "1", "4")
    assert found["segments"]["only_first"] == ["segment 2"]
    assert [bundle["version"] for bundle in found["bundles"]] == ["1", "4"]


def test_for_people_to_read(model: Model, capsys: pytest.CaptureFixture[str]) -> None:
    run(model, capsys, "promote", "1", "--note", "the first")
    damage(model.path_of("3"))
    for arguments, says in (
        (["list"], ["shop: version 1 serves since", ": the first", "▶", "popularity.npy is not the file"]),
        (["show"], ["shop 1, serves", "segment 0, segment 1"]),
        (["compare", "1", "2"], ["shop 1", "shop 2", "in the same order", "100% of everybody's"]),
        (["promote", "2"], ["shop 2 serves instead of 1"]),
        (["promote", "2"], ["shop 2 serves already"]),
    ):
        assert cli.main(call(model, *arguments)) == 0
        out = capsys.readouterr().out
        assert [text for text in says if text not in out] == []


def test_an_empty_registry(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["models", "list", "--models", str(tmp_path)]) == 0
    assert "there is no model" in capsys.readouterr().out
    assert cli.main(["models", "promote", "1", "--models", str(tmp_path)]) == 2


def test_the_model_of_the_settings_is_meant_where_none_is_named(model: Model, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file_bundle(Model(model.folder.parent / "other"), "1")
    assert cli.main(["models", "promote", "1", "--set", f"model.path={model.folder}", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["name"] == NAME


def test_a_run_over_history_settles_on_the_version_that_serves_now(model: Model) -> None:
    point_by_hand(model, "2")
    settings = Settings().with_values({"model.path": model.folder, "rank.top": 5})
    assert pinned(settings).model.path == model.path_of("2")
    assert pinned(pinned(settings)) == pinned(settings)
    assert terms_of(settings).top == 5
