"""What a bundle's segments are, as one document: what training wrote down, or what an archive says now."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from models.bundle import Bundle
from training.segmentation.finding import FORMAT
from training.segmentation.report.history import count_again
from udfs.errors import SwerveError
from udfs.tables import BundleError

FILE = "segments.json"
TYPICAL = 5
"""Items that are told of a segment."""
KEPT = ("why", "chosen", "candidates")
Progress = Callable[[int, int], None]


def segments_document(bundle: Bundle, archive: Path | None = None, progress: Progress | None = None) -> dict[str, Any]:
    """Tell everything that is known of a bundle's segments.

    Parameters
    ----------
    bundle
        The bundle; its `segments.json` holds what training found.
    archive
        A history over which shoppers are counted anew, with the moves between segments; default: as training counted them.
    progress
        Called with the work done and to do.

    Returns
    -------
    dict
        The report of `training.segmentation.segment`, with `bundle` (`name`, `version`, `created_at`), `items` of each segment (`id`,
        `title`, `category`), and from an archive `archive`, `events`, `without` and `flows`.

    Raises
    ------
    BundleError
        `segments.json` is none, or does not fit the bundle.
    SwerveError
        There is neither that file nor an archive.
    """
    stored = _read(bundle)
    if archive is not None:
        counted = count_again(bundle, archive, progress)
        stored = {"format": FORMAT, **{name: (stored or {}).get(name) for name in KEPT}, **counted}
        stored["segments"] = [{"id": number, "name": bundle.segment_name(number), **one} for number, one in enumerate(counted["segments"])]
    if stored is None:
        raise SwerveError(
            f"{bundle.path} has no {FILE}: it was trained by another release, or by hand", "--archive ARCHIVE counts its segments"
        )
    titles: Mapping[str, str] = stored.pop("titles", {})
    stored["bundle"] = {"name": bundle.name, "version": bundle.version, "created_at": bundle.created_at}
    for one in stored["segments"]:
        one["items"] = _typical(bundle, int(one["id"]), titles)
    return stored


def _read(bundle: Bundle) -> dict[str, Any] | None:
    path = bundle.path / FILE
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise BundleError(f"{path} cannot be read: {error}") from None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise BundleError(f"{path} is not a report on segments of format {FORMAT}")
    if [one.get("name") for one in document.get("segments", [])] != list(bundle.manifest.segments):
        raise BundleError(f"{path} tells of other segments than the manifest names", "train or copy the bundle again")
    return document


def _typical(bundle: Bundle, segment: int, titles: Mapping[str, str]) -> list[dict[str, Any]]:
    items = [item for item in bundle.tables.segment_items[segment].tolist() if item >= 0][:TYPICAL]
    ids = [bundle.tables.item_id(item) for item in items]
    categories = [int(bundle.tables.item_category[item]) for item in items]
    return [
        {"id": one, "title": titles.get(one), "category": bundle.category_name(category) if category else None}
        for one, category in zip(ids, categories)
    ]
