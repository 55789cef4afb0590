"""Writes a bundle: all of it or nothing."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.bundle import TABLES, Bundle, BundleError, checksum_of
from models.manifest import MANIFEST, PROPENSITY, RANKER, Manifest
from udfs.segments import SegmentModel
from udfs.tables import RankTables


def refuse_strangers(out: Path) -> None:
    """Refuse a place where something lies that is not a bundle.

    Raises
    ------
    BundleError
        There is.
    """
    if out.exists() and not (out / MANIFEST).exists() and (not out.is_dir() or any(out.iterdir())):
        raise BundleError(f"{out} is there and is not a model bundle", "choose another --out")


def write_bundle(
    out: Path,
    manifest: Manifest,
    ranker: bytes,
    tables: RankTables,
    segments: SegmentModel,
    documents: Mapping[str, Any] | None = None,
    propensity: bytes | None = None,
) -> Bundle:
    """Write a bundle beside its place, check it, and move it there; a bundle that was there before is replaced.

    Parameters
    ----------
    out
        Its folder.
    manifest
        What it says of itself; checksums and tables are filled in.
    ranker
        The ONNX file.
    tables, segments
        Tables of items; centroids.
    documents
        What else is told of it, for people: a JSON file each.
    propensity
        The ONNX file of the models of shoppers; none: a bundle without them.

    Returns
    -------
    Bundle
        As `Bundle.open` gives it.

    Raises
    ------
    BundleError
        It does not keep the contract, or something that is not a bundle lies at `out`.
    """
    refuse_strangers(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    draft = out.parent / f".{out.name}.{os.getpid()}"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir()
    try:
        arrays: dict[str, NDArray[Any]] = {
            **tables._asdict(),
            "segment_categories": segments.categories,
            "centroids": segments.centroids,
        }
        for name in TABLES:
            np.save(draft / f"{name}.npy", arrays[name], allow_pickle=False)
        (draft / RANKER).write_bytes(ranker)
        if propensity is not None:
            (draft / PROPENSITY).write_bytes(propensity)
        for name, document in (documents or {}).items():
            (draft / f"{name}.json").write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        filled = replace(
            manifest,
            tables={name: {"dtype": array.dtype.str[1:], "shape": list(array.shape)} for name, array in arrays.items()},
            checksums={path.name: checksum_of(path) for path in sorted(draft.iterdir())},
        )
        (draft / MANIFEST).write_text(filled.as_json(), encoding="utf-8")
        Bundle.open(draft).check()
        _move(draft, out)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return Bundle.open(out)


def _move(draft: Path, out: Path) -> None:
    old = out.parent / f".{out.name}.{os.getpid()}.old"
    if out.exists():
        out.rename(old)
    draft.rename(out)
    shutil.rmtree(old, ignore_errors=True)
