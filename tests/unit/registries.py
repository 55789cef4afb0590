"""Registries of small bundles for tests."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from onnx import TensorProto, helper

from models.bundle import checksum_of
from models.registry import Model
from tests.unit.bundles import make_bundle

NAME = "shop"


def make_model(registry: Path, *versions: str, **more: Any) -> Model:
    """A model with versions that are all good; the first of them serves if there are several."""
    model = Model(registry / NAME)
    for version in versions:
        file_bundle(model, version, **more)
    return model


def file_bundle(model: Model, version: str, **more: Any) -> Path:
    draft = model.folder.parent / f".draft-{version}"
    make_bundle(draft, **more)
    path = model.add(draft, version)
    shutil.rmtree(draft)
    return path


def point_by_hand(model: Model, version: str, **more: Any) -> None:
    """What somebody does who passes by the checks of `promote`."""
    draft = model.folder / ".by-hand"
    draft.write_text(json.dumps({"version": version, **more}))
    draft.replace(model.folder / "current")


def damage(path: Path) -> None:
    """Change a byte of a table."""
    file = path / "popularity.npy"
    content = file.read_bytes()
    file.unlink()  # a new file: who has mapped the old one keeps it
    file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))


def put_ranker(path: Path, ranker: bytes, features: tuple[str, ...]) -> None:
    """Give a bundle another ranker, with the checksum of it, as somebody would who makes bundles with tools of their own."""
    (path / "ranker.onnx").unlink()
    (path / "ranker.onnx").write_bytes(ranker)
    manifest = json.loads((path / "manifest.json").read_text())
    manifest["features"] = list(features)
    manifest["checksums"]["ranker.onnx"] = checksum_of(path / "ranker.onnx")
    (path / "manifest.json").write_text(json.dumps(manifest))


def root_of_the_price_gap() -> tuple[bytes, tuple[str, ...]]:
    """A ranker that scores with numbers where the first look is, and with NaN for every item that is cheaper than what she looked at.

    Returns
    -------
    bytes, tuple of str
        The file, and its features.
    """
    shift = helper.make_tensor("shift", TensorProto.FLOAT, [1], np.array([1e-3], np.float32))
    graph = helper.make_graph(
        [helper.make_node("Add", ["features", "shift"], ["moved"]), helper.make_node("Sqrt", ["moved"], ["score"])], "g",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, [None, 1])],
        [helper.make_tensor_value_info("score", TensorProto.FLOAT, None)], [shift],
    )  # fmt: skip
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
    helper.set_model_props(made, {"swerve.features": json.dumps(["price_gap"])})
    data: bytes = made.SerializeToString()
    return data, ("price_gap",)


def reverse_segments(path: Path) -> None:
    """Give the segments of a bundle other numbers, and nothing else."""
    manifest = json.loads((path / "manifest.json").read_text())
    count = len(manifest["segments"])
    manifest["segments"].reverse()
    for name in ("centroids", "segment_items"):
        file = path / f"{name}.npy"
        table = np.load(file)
        table[:count] = table[:count][::-1].copy()
        file.unlink()
        np.save(file, table)
        manifest["checksums"][file.name] = checksum_of(file)
    (path / "manifest.json").write_text(json.dumps(manifest))
