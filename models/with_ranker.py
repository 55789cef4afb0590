"""Another ranker for a bundle: a new bundle, which has everything else of the old one."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from models.bundle import Bundle, checksum_of
from models.manifest import MANIFEST, RANKER
from udfs.features import FEATURES
from udfs.scorer import Scorer
from udfs.tables import BundleError

#: What tells of the ranker that is replaced.
OF_RANKER = ("features.json", "reference.json")
OWN = "own"


def with_ranker(
    source: Bundle,
    ranker: Path,
    out: Path,
    check: Callable[[Path], object],
    metrics: Mapping[str, Any] | None = None,
    documents: Mapping[str, Any] | None = None,
) -> Bundle:
    """Write a bundle with another ranker, check it, and move it to its place.

    Parameters
    ----------
    source
        Where all else comes from.
    ranker
        An ONNX file.
    out
        Folder of the new bundle; its name is the version, that of the folder above the name.
    check
        Called with the folder of the draft; raises for a bundle that must not serve.
    metrics
        How good it is; none: the new bundle does not say.
    documents
        What is told of the ranker, a JSON file each; those of the old one do not stay.

    Raises
    ------
    BundleError
        The file is no ranker, `check` refuses the bundle, or something is at `out`.
    """
    refuse_taken(out)
    model = read_ranker(ranker)
    features = Scorer(model, FEATURES, where=str(ranker)).features
    out.parent.mkdir(parents=True, exist_ok=True)
    draft = out.parent / f".{out.name}.{os.getpid()}"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir()
    try:
        for name in source.manifest.checksums:
            if name not in OF_RANKER:
                shutil.copyfile(source.path / name, draft / name)
        (draft / RANKER).write_bytes(model)
        for name, document in (documents or {}).items():
            (draft / f"{name}.json").write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        of_old = source.manifest
        reached = (metrics or {}).get("swerve")
        manifest = replace(
            of_old,
            name=out.resolve().parent.name or of_old.name,
            version=out.name,
            features=features,
            training={
                **of_old.training,
                "ranker": OWN,
                "rankers": {**of_old.training.get("rankers", {}), **({OWN: reached} if reached else {})},
                "from_bundle": f"{of_old.name}/{of_old.version}",
            },
            metrics=dict(metrics or {}),
            checksums={path.name: checksum_of(path) for path in sorted(draft.iterdir())},
        )
        (draft / MANIFEST).write_text(manifest.as_json(), encoding="utf-8")
        check(draft)
        draft.rename(out)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return Bundle.open(out)


def refuse_taken(out: Path) -> None:
    """Refuse a place where something lies.

    Raises
    ------
    BundleError
        There is.
    """
    if out.exists():
        raise BundleError(f"{out} is there already", "a version is never changed: choose another --out")


def read_ranker(path: Path) -> bytes:
    """Read an ONNX file.

    Raises
    ------
    BundleError
        It cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise BundleError(f"{path} cannot be read: {error.strerror}") from None
