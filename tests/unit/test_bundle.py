from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from models.bundle import TABLES, Bundle, BundleError, checksum_of
from models.manifest import Manifest
from models.write import write_bundle
from tests.unit.bundles import make_bundle, make_ranker, make_segments, make_tables
from udfs.features import FEATURES


@pytest.fixture
def path(tmp_path: Path) -> Path:
    make_bundle(tmp_path / "shop" / "7")
    return tmp_path / "shop" / "7"


def checksums_of(path: Path) -> dict[str, str]:
    checksums: dict[str, str] = json.loads((path / "manifest.json").read_text())["checksums"]
    return checksums


def change_manifest(path: Path, **changes: Any) -> None:
    file = path / "manifest.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


def change_table(path: Path, name: str, table: Any) -> None:
    """Change a table and its checksum, as somebody would who makes a bundle with tools of their own."""
    np.save(path / f"{name}.npy", table)
    checksums = {**checksums_of(path), f"{name}.npy": checksum_of(path / f"{name}.npy")}
    change_manifest(path, checksums=checksums)


def change_ranker(path: Path, ranker: bytes) -> None:
    (path / "ranker.onnx").write_bytes(ranker)
    change_manifest(path, checksums={**checksums_of(path), "ranker.onnx": checksum_of(path / "ranker.onnx")})


def test_what_was_written_is_read(path: Path) -> None:
    bundle, tables = Bundle.open(str(path)), make_tables()
    for name, table in tables._asdict().items():
        read = getattr(bundle.tables, name)
        assert np.array_equal(read, table), name
        assert read.dtype == table.dtype
        assert not read.flags.writeable
    assert np.array_equal(bundle.segments.centroids, make_segments().centroids)
    assert (bundle.name, bundle.version, bundle.scorer.features) == ("test", "1", FEATURES)
    assert {file.name for file in path.iterdir()} == {"manifest.json", "ranker.onnx", *(f"{name}.npy" for name in TABLES)}
    assert bundle.manifest.tables["neighbours"] == {"dtype": "i4", "shape": [60, 6]}


def test_segments_have_names(path: Path) -> None:
    bundle = Bundle.open(path)
    names = [bundle.segment_name(segment) for segment in (-1, 0, 2, 3, 999, 1000, 1002, 1004, 1005)]
    assert names == ["unknown", "segment 0", "segment 2", "unknown", "unknown", "new:unknown", "new:mobile", "new:other", "unknown"]
    assert bundle.segment_ids() == [0, 1, 2, 1000, 1001, 1002, 1003, 1004]


def test_a_bundle_is_replaced_as_a_whole(path: Path) -> None:
    old = Bundle.open(path)
    make_bundle(path, make_tables(seed=1))
    assert not np.array_equal(Bundle.open(path).tables.popularity, old.tables.popularity)
    assert [file.name for file in path.parent.iterdir()] == ["7"]


def test_a_bundle_that_is_no_good_is_never_seen(path: Path) -> None:
    before = (path / "manifest.json").read_bytes()
    with pytest.raises(BundleError, match="categories is not ascending"):
        make_bundle(path, make_tables()._replace(categories=np.array([4, 3, 2, 1], np.uint32)))
    with pytest.raises(BundleError, match="not those of the manifest"):
        make_bundle(path, ranker=make_ranker(("trend",)), features=("popularity",))
    assert (path / "manifest.json").read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == ["7"]


def test_what_is_not_a_bundle_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").write_bytes(b"meow")
    with pytest.raises(BundleError, match="not a model bundle"):
        make_bundle(tmp_path / "photos")
    assert (tmp_path / "photos" / "cat.jpg").read_bytes() == b"meow"


def test_every_file_is_checked(path: Path) -> None:
    for file in sorted(path.iterdir()):
        if file.name != "manifest.json":
            content = file.read_bytes()
            file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
            with pytest.raises(BundleError, match=file.name):
                Bundle.open(path)
            file.unlink()
            with pytest.raises(BundleError, match=f"{file.name} cannot be read"):
                Bundle.open(path)
            file.write_bytes(content)
    Bundle.open(path).check()


Break = Callable[[Path], None]
BREAKS: list[tuple[str, Break]] = [
    ("there is no model bundle", shutil.rmtree),
    ("is not JSON", lambda path: _void((path / "manifest.json").write_text("{"))),
    ("manifest of format 2", lambda path: change_manifest(path, format=1)),
    ("lacks features", lambda path: _without(path, "features")),
    ("should be a list", lambda path: change_manifest(path, features="trend")),
    ("should be float32", lambda path: change_manifest(path, feature_dtype="float64")),
    (
        "no checksum of popular.npy",
        lambda path: change_manifest(path, checksums=_but_popular(path)),
    ),
    ("names 2 segments", lambda path: change_manifest(path, segments=["a", "b"])),
    ("is not a table", lambda path: _garbage(path, "trend")),
    ("trend is float64", lambda path: change_table(path, "trend", np.zeros(60))),
    ("trend has the shape", lambda path: change_table(path, "trend", np.zeros(59, np.float32))),
    ("neighbours names an item", lambda path: change_table(path, "neighbours", np.full((60, 6), 60, np.int32))),
    ("popular names an item", lambda path: change_table(path, "popular", np.full(6, -2, np.int32))),
    ("item_hash has a value twice", lambda path: change_table(path, "item_hash", np.zeros(60, np.uint64))),
    ("item_id_ends does not fit", lambda path: change_table(path, "item_id_ends", np.arange(60))),
    ("segment_items has the shape", lambda path: change_table(path, "segment_items", np.zeros((4, 3), np.int32))),
    ("centroids is", lambda path: change_table(path, "centroids", np.zeros((3, 5)))),
    ("not finite", lambda path: change_table(path, "centroids", np.full((3, 7), np.nan))),
    (
        "segment_categories is not an ascending list",
        lambda path: change_table(path, "segment_categories", np.array([2, 2, 3, 4], np.uint32)),
    ),
]


def _void(_: object) -> None: ...


def _without(path: Path, key: str) -> None:
    document = json.loads((path / "manifest.json").read_text())
    del document[key]
    (path / "manifest.json").write_text(json.dumps(document))


def _but_popular(path: Path) -> dict[str, str]:
    return {name: value for name, value in checksums_of(path).items() if name != "popular.npy"}


def _garbage(path: Path, name: str) -> None:
    (path / f"{name}.npy").write_bytes(b"garbage")
    change_manifest(path, checksums={**checksums_of(path), f"{name}.npy": checksum_of(path / f"{name}.npy")})


@pytest.mark.parametrize(("message", "spoil"), BREAKS, ids=[message for message, _ in BREAKS])
def test_a_bundle_that_does_not_fit_together_is_refused(path: Path, message: str, spoil: Break) -> None:
    spoil(path)
    with pytest.raises(BundleError, match=message) as caught:
        Bundle.open(path)
    assert "\n" not in str(caught.value)


def model(
    kind: str = "Identity", names: Any = ("trend",), width: int = 1, output: str = "FLOAT", name: str = "features", rows: Any = None
) -> bytes:
    graph = helper.make_graph(
        [helper.make_node(kind, [name], ["score"])], "g",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [rows, width])],
        [helper.make_tensor_value_info("score", getattr(TensorProto, output), None)],
    )  # fmt: skip
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
    if names is not None:
        helper.set_model_props(made, {"swerve.features": names if isinstance(names, str) else json.dumps(names)})
    data: bytes = made.SerializeToString()
    return data


RANKERS: list[tuple[str, bytes, tuple[str, ...]]] = [
    ("no model that ONNX Runtime can run", b"garbage", ("trend",)),
    ("does not name its features", model(names=None), ("trend",)),
    ("not a JSON list of distinct names", model(names="trend"), ("trend",)),
    ("not a JSON list of distinct names", model(names=["trend", "trend"]), ("trend",)),
    ("features that are not known: charm", model(names=["charm"]), ("charm",)),
    ("not those of the manifest", model(names=["trend"]), ("popularity",)),
    ("it should take features", model(name="x"), ("trend",)),
    ("the shape", model(width=2), ("trend",)),
    ("any number of rows", model(rows=4), ("trend",)),
    ("should be a float tensor", model("IsNaN", output="BOOL"), ("trend",)),
    ("scores of the shape", model(names=["trend", "is_new"], width=2), ("trend", "is_new")),
    ("not finite", model("Log"), ("trend",)),
]


@pytest.mark.parametrize(("message", "ranker", "features"), RANKERS, ids=[f"{i} {message}" for i, (message, _, _) in enumerate(RANKERS)])
def test_a_ranker_that_does_not_keep_the_contract_is_refused(path: Path, message: str, ranker: bytes, features: tuple[str, ...]) -> None:
    change_manifest(path, features=list(features))
    change_ranker(path, ranker)
    bundle = Bundle.open(path)
    with pytest.raises(BundleError, match=message) as caught:
        bundle.check()
    assert str(path / "ranker.onnx") in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_ranker_that_keeps_the_contract_is_taken(path: Path) -> None:
    change_manifest(path, features=["trend"])
    change_ranker(path, model())
    scorer = Bundle.open(path).scorer
    rows = np.array([[0.5], [0.25]], np.float32)
    assert scorer.score(rows).tolist() == [0.5, 0.25]


def test_documents_lie_beside_it_and_are_checked(tmp_path: Path) -> None:
    manifest = Manifest("test", "1", 0, FEATURES, ("a", "b", "c"))
    written = write_bundle(tmp_path / "1", manifest, make_ranker(), make_tables(), make_segments(), {"segments": {"segments": ["ä"]}})
    assert json.loads((written.path / "segments.json").read_text(encoding="utf-8")) == {"segments": ["ä"]}
    (written.path / "segments.json").write_text("{}")
    with pytest.raises(BundleError, match=r"segments\.json"):
        Bundle.open(tmp_path / "1")
    assert onnx.load(tmp_path / "1" / "ranker.onnx").graph.output[0].name == "score"
