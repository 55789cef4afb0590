"""Two bundles side by side: what a promotion would change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from models.bundle import Bundle
from models.manifest import Manifest

METRICS = ("hr@20", "mrr@20")
#: The method of `metrics` that is the bundle itself.
OURS = "swerve"


def quality(manifest: Manifest) -> dict[str, float]:
    """Give hit rate and mean reciprocal rank in the first 20, as far as they were measured."""
    nested = manifest.metrics.get(OURS)
    found = nested if isinstance(nested, Mapping) else manifest.metrics
    return {name: float(found[name]) for name in METRICS if isinstance(found.get(name), (int, float))}


def compare(one: Bundle, other: Bundle) -> dict[str, Any]:
    """Compare two bundles.

    Parameters
    ----------
    one, other
        Such as the one that serves and the one that may.

    Returns
    -------
    dict
        Ready for JSON: `bundles` names the two; `metrics` and `tables` have both values by name; `features` and `segments` how many both
        have, and what only one has; `fallbacks` how much the lists of everybody and of segments of one name share, from 0 to 1.
    """
    a, b = one.manifest, other.manifest
    return {
        "bundles": [describe(a), describe(b)],
        "metrics": _side_by_side(_flat(a.metrics), _flat(b.metrics)),
        "features": _names(a.features, b.features),
        "segments": _names(a.segments, b.segments),
        "tables": _side_by_side(_shapes(one), _shapes(other)),
        "items": _items(one, other),
        "fallbacks": _fallbacks(one, other),
    }


def describe(manifest: Manifest) -> dict[str, Any]:
    """Name a bundle: name, version, date, and what it was trained on."""
    return {"name": manifest.name, "version": manifest.version, "created_at": manifest.created_at, "training": manifest.training}


def _flat(metrics: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in metrics.items():
        if isinstance(value, Mapping):
            found.update(_flat(value, f"{prefix}{name}."))
        else:
            found[f"{prefix}{name}"] = value
    return found


def _side_by_side(a: Mapping[str, Any], b: Mapping[str, Any]) -> dict[str, list[Any]]:
    return {name: [a.get(name), b.get(name)] for name in [*a, *(name for name in b if name not in a)]}


def _names(a: tuple[str, ...], b: tuple[str, ...]) -> dict[str, Any]:
    return {
        "common": len(set(a) & set(b)),
        "only_first": [name for name in a if name not in b],
        "only_second": [name for name in b if name not in a],
        "same_order": a == b,
    }


def _shapes(bundle: Bundle) -> dict[str, str]:
    return {name: f"{table['dtype']}{table['shape']}" for name, table in bundle.manifest.tables.items()}


def _items(one: Bundle, other: Bundle) -> dict[str, int]:
    a, b = one.tables.item_hash, other.tables.item_hash
    return {"first": len(a), "second": len(b), "common": len(np.intersect1d(a, b))}


def _fallbacks(one: Bundle, other: Bundle) -> dict[str, Any]:
    by_name = {name: segment for segment, name in enumerate(other.manifest.segments)}
    common = [(segment, by_name[name]) for segment, name in enumerate(one.manifest.segments) if name in by_name]
    shares = [_share(_list(one, "segment_items", a), _list(other, "segment_items", b)) for a, b in common]
    return {
        "everybody": _share(_list(one, "popular"), _list(other, "popular")),
        "segments": round(sum(shares) / len(shares), 4) if shares else None,
        "segments_compared": len(shares),
    }


def _list(bundle: Bundle, table: str, row: int | None = None, top: int = 20) -> set[int]:
    """Give the items of the first places of a list, by hash: numbers are a bundle's own."""
    items = getattr(bundle.tables, table)
    items = items if row is None else items[row]
    return {int(bundle.tables.item_hash[item]) for item in items[:top] if item >= 0}


def _share(a: set[int], b: set[int]) -> float:
    return round(len(a & b) / max(len(a), len(b)), 4) if a or b else 1.0
