"""A ranker of one's own: the worked example of docs/models.md, and the command that makes a bundle of it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from jobs import cli
from models.bundle import Bundle
from models.with_ranker import with_ranker
from tests.unit.bundles import make_bundle, make_profiles, make_tables
from tests.unit.project import ROOT
from tests.unit.registries import root_of_the_price_gap
from training.examples import quality, rounded
from training.lessons import Lessons, lessons_of
from training.own_ranker import as_ranker
from training.rankers.choosing import score
from training.rankers.onnx_file import export_mlp
from training.simulator import simulate
from training.train import train
from udfs.features import FEATURES
from udfs.rank import Ranker
from udfs.scorer import Scorer
from udfs.tables import BundleError

ROWS, CLOSE = 10_000, 1e-5
PAGE = "docs/models.md"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the archive and the bundle that the page speaks of."""
    folder = Path(tmp_path_factory.mktemp("shop"))
    simulate(folder / "history", events=12_000, users=600, items=400, seed=5)
    train(folder / "history", folder / "bundle", 3, kinds=("linear",))
    return folder


@pytest.fixture(scope="module")
def lessons(shop: Path) -> Lessons:
    return lessons_of(shop / "history", Bundle.open(shop / "bundle"))


def example_of(section: str) -> str:
    """The Python code of a section of the page."""
    page = (ROOT / PAGE).read_text(encoding="utf-8")
    (code,) = re.findall(rf"^### {section}$(?:(?!^#).)*?^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    return str(code)


def swerve(capsys: pytest.CaptureFixture[str], *arguments: object) -> Any:
    """The document of a command that ends with 0."""
    assert cli.main([*map(str, arguments), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_the_example_of_the_page(shop: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(shop)
    names: dict[str, Any] = {}
    exec(compile(example_of("scikit-learn"), PAGE, "exec"), names)
    rows = names["rows"].features[:ROWS]
    rows = np.concatenate([rows, names["check"].features.reshape(-1, len(FEATURES))])[:ROWS]
    scores = Scorer(Path("ranker.onnx").read_bytes(), FEATURES).score(rows)
    assert len(scores) == ROWS
    assert np.abs(scores - names["model"].predict_proba(rows)[:, 1]).max() <= CLOSE
    assert scores.std() > 0.02

    made = swerve(capsys, "models", "with-ranker", "bundle", "ranker.onnx", "--out", "models/shop/8", "--archive", "history")
    assert (made["name"], made["version"], made["inputs"]) == ("shop", "8", ["features"])
    bundle, old = Bundle.open("models/shop/8"), Bundle.open("bundle")
    bundle.check()
    assert bundle.manifest.metrics["swerve"]["mrr@20"] > bundle.manifest.metrics["retrieval"]["mrr@20"]
    assert {**bundle.manifest.metrics, "swerve": None} == {**old.manifest.metrics, "swerve": None}
    assert bundle.manifest.training["rankers"] == {**old.manifest.training["rankers"], "own": bundle.manifest.metrics["swerve"]}
    assert json.loads(Path("models/shop/8/reference.json").read_text()) != json.loads(Path("bundle/reference.json").read_text())
    assert {one["name"] for one in json.loads(Path("models/shop/8/features.json").read_text())["features"]} == set(FEATURES)
    assert swerve(capsys, "models", "promote", "shop/8")["version"] == "8"
    assert Ranker(bundle).rank([b"a", b"b"], make_profiles(2), np.zeros(2, np.uint8), 0).dropped == 0


def test_the_other_example_is_python() -> None:
    compile(example_of("PyTorch"), PAGE, "exec")


def test_the_lists_are_those_that_training_compared_rankers_on(shop: Path, lessons: Lessons) -> None:
    metrics = Bundle.open(shop / "bundle").manifest.metrics
    check = lessons.check
    unranked = np.tile(-np.arange(100, dtype=np.float32), (len(check.items), 1))
    assert rounded(quality(check, unranked)) == metrics["retrieval"]
    assert (len(check.items), lessons.cuts.check, lessons.cuts.end) == (metrics["cases"], metrics["from"], metrics["until"])
    assert round(float(check.found.mean()), 4) == metrics["candidates"]["hr@100"]


def test_items_have_the_numbers_of_the_bundle(shop: Path, lessons: Lessons) -> None:
    tables, at = Bundle.open(shop / "bundle").tables, FEATURES.index("log_price")
    some = lessons.learn.items >= 0
    assert some.mean() > 0.9
    assert np.array_equal(tables.log_price[lessons.learn.items[some]], lessons.learn.features[some][:, at])
    # Who has looked at something a moment ago has it in her ring.
    newest = lessons.learn.sequence[:, 0]
    last = lessons.learn.features[:, :, FEATURES.index("is_last")] == 1
    assert last.any()
    assert np.array_equal(lessons.learn.items[last], np.broadcast_to(newest[:, None], last.shape)[last])


def test_a_bundle_that_knows_other_items(shop: Path, tmp_path: Path) -> None:
    """Items that the bundle cannot show are no candidates, and cannot be right."""
    source = Bundle.open(shop / "bundle")
    ids = [source.tables.item_id(item) for item in range(0, 400, 2)]
    other = make_bundle(tmp_path / "other", make_tables(ids=ids))
    learn, _, _ = lessons_of(shop / "history", other)
    assert learn.items.max() < len(ids)
    missing = learn.items < 0
    assert 0.3 < missing.mean() < 0.8
    assert not learn.features[missing].any()
    assert np.all(learn.items[learn.found, learn.right[learn.found]] >= 0)
    assert np.all(score(export_mlp([(np.ones((len(FEATURES), 1)), np.zeros(1))], FEATURES), learn) >= 0)


def test_a_ranker_that_is_not_measured(shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "price.onnx"
    file.write_bytes(export_mlp([(np.array([[1.0]]), np.zeros(1))], ["log_price"]))
    made = swerve(capsys, "models", "with-ranker", shop / "bundle", file, "--out", tmp_path / "shop" / "2")
    assert (made["features"], made["metrics"]) == (["log_price"], {})
    old, new = Bundle.open(shop / "bundle"), Bundle.open(tmp_path / "shop" / "2")
    assert set(old.manifest.checksums) - set(new.manifest.checksums) == {"features.json", "reference.json"}
    changed = {name for name, checksum in new.manifest.checksums.items() if old.manifest.checksums[name] != checksum}
    assert changed == {"ranker.onnx"}
    assert new.manifest.training["from_bundle"] == f"{old.name}/{old.version}"
    assert new.created_at == old.created_at


def test_what_does_not_land(shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, out = tmp_path / "ranker.onnx", tmp_path / "models" / "shop" / "2"

    def refused(*more: object) -> str:
        assert cli.main(["models", "with-ranker", str(shop / "bundle"), str(file), "--out", str(out), *map(str, more)]) == 1
        return capsys.readouterr().err

    assert "cannot be read" in refused()
    file.write_bytes(b"weights")
    assert "no model that ONNX Runtime can run" in refused("--archive", shop / "history")
    file.write_bytes(root_of_the_price_gap()[0])
    assert "not finite" in refused()
    file.write_bytes(export_mlp([(np.array([[1.0]]), np.zeros(1))], ["log_price"]))
    assert "max_us_per_user" in refused("--set", "model.max_us_per_user=1")
    assert not list(out.parent.iterdir())
    out.mkdir()
    assert "is there already" in refused("--archive", "nowhere")
    with pytest.raises(BundleError, match="is there already"):
        with_ranker(Bundle.open(shop / "bundle"), file, out, lambda _: None)


def test_an_output_that_is_not_there() -> None:
    model = onnx.load_from_string(export_mlp([(np.ones((1, 1)), np.zeros(1))], ["trend"]))
    assert Scorer(as_ranker(model, ["popularity"]), FEATURES).features == ("popularity",)
    with pytest.raises(ValueError, match="no output 'probabilities'; it has score"):
        as_ranker(model, ["popularity"], "probabilities", 1)
