"""The manifest of a bundle."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from udfs.tables import BundleError

MANIFEST, RANKER, PROPENSITY = "manifest.json", "ranker.onnx", "propensity.onnx"
FORMAT = 2


@dataclass(frozen=True)
class Manifest:
    """What a bundle says of itself.

    Attributes
    ----------
    name, version
        Stand in every value.
    created_at
        In ms.
    features
        Names in the order of the ranker's columns.
    segments
        Names of the segments 0..S-1.
    categories
        Names of categories by hash, eight hexadecimal digits.
    training
        Where it comes from: archive, events, users, items, seed, `from` and `until` in ms.
    metrics
        Quality by method, and on how many cases.
    tables
        Type and shape of each table.
    checksums
        SHA-256 by file.
    feature_dtype
        Type of all features.
    format
        Of the bundle.
    """

    name: str
    version: str
    created_at: int
    features: tuple[str, ...]
    segments: tuple[str, ...]
    categories: dict[str, str] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    tables: dict[str, Any] = field(default_factory=dict)
    checksums: dict[str, str] = field(default_factory=dict)
    feature_dtype: str = "float32"
    format: int = FORMAT

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        """Read the manifest of a bundle.

        Raises
        ------
        BundleError
            There is none, or it is not one.
        """
        path = folder / MANIFEST
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
        except OSError:
            raise BundleError(f"there is no model bundle at {folder}", "`swerve train ARCHIVE --out DIR` makes one") from None
        except ValueError as error:
            raise BundleError(f"{path} is not JSON: {error}") from None
        if not isinstance(document, dict) or document.get("format") != FORMAT:
            raise BundleError(f"{path} is not a manifest of format {FORMAT}")
        try:
            return cls(
                name=_text(document["name"]),
                version=_text(document["version"]),
                created_at=int(document["created_at"]),
                features=_texts(document["features"]),
                segments=_texts(document["segments"]),
                categories={_text(key): _text(value) for key, value in document.get("categories", {}).items()},
                training=dict(document.get("training", {})),
                metrics=dict(document.get("metrics", {})),
                tables=dict(document.get("tables", {})),
                checksums={_text(key): _text(value) for key, value in document["checksums"].items()},
                feature_dtype=_text(document["feature_dtype"]),
            )
        except KeyError as error:
            raise BundleError(f"{path} lacks {error.args[0]}") from None
        except (TypeError, ValueError, AttributeError) as error:
            raise BundleError(f"{path} is no manifest: {error}") from None

    def as_json(self) -> str:
        """Give the text of the file."""
        return json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n"

    def __post_init__(self) -> None:
        if self.feature_dtype != "float32":
            raise BundleError(f"features should be float32, not {self.feature_dtype}")


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} should be a text")
    return value


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise TypeError(f"{value!r} should be a list of texts")
    return tuple(map(_text, value))
