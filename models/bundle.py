"""A model bundle: a folder with a manifest, the ranker and the tables, checked before it serves."""

from __future__ import annotations

import hashlib
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.manifest import MANIFEST, PROPENSITY, RANKER, Manifest
from udfs.events import DEVICES
from udfs.features import FEATURES
from udfs.propensity import Propensities
from udfs.rank import segment_ids
from udfs.scorer import Scorer
from udfs.segments import COLD_START, SegmentModel
from udfs.tables import COLD_SEGMENTS, LAYOUT, BundleError, RankTables, check_tables

SEGMENT_LAYOUT = {"segment_categories": "u4", "centroids": "f8"}
TABLES = (*LAYOUT, *SEGMENT_LAYOUT)

__all__ = ["Bundle", "BundleError"]


class Bundle:
    """An open bundle; see `Bundle.open`.

    Attributes
    ----------
    path : Path
        Its folder.
    manifest : Manifest
        What it says of itself.
    tables : RankTables
        Tables of items, mapped into memory.
    segments : SegmentModel
        Centroids.
    """

    def __init__(self, path: Path, manifest: Manifest, tables: RankTables, segments: SegmentModel) -> None:
        self.path, self.manifest, self.tables, self.segments = path, manifest, tables, segments
        self.name, self.version, self.created_at = manifest.name, manifest.version, manifest.created_at

    @classmethod
    def open(cls, path: Path | str) -> Bundle:
        """Open a bundle.

        The ranker and the models of shoppers are loaded, and checked against the contract, when `scorer` and `propensity` are first
        asked for: who needs only the segments does not pay for it. `check` does both.

        Parameters
        ----------
        path
            Its folder.

        Raises
        ------
        BundleError
            No bundle there, a file that is missing or not the one that was written, or tables that do not fit together.
        """
        path = Path(path)
        manifest = Manifest.read(path)
        for name in (RANKER, *(f"{table}.npy" for table in TABLES)):
            if name not in manifest.checksums:
                raise BundleError(f"{path / MANIFEST} has no checksum of {name}")
        for name, checksum in manifest.checksums.items():
            if checksum_of(path / name) != checksum:
                raise BundleError(f"{path / name} is not the file that the manifest was written for", "train or copy the bundle again")
        arrays = {name: _load(path / f"{name}.npy") for name in TABLES}
        tables = RankTables(**{name: arrays[name] for name in LAYOUT})
        categories, centroids = arrays["segment_categories"], arrays["centroids"]
        try:
            _check_segments(categories, centroids, manifest.segments)
            check_tables(tables, len(centroids))
        except BundleError as error:
            raise BundleError(f"{path}: {error.message}", error.hint) from None
        return cls(path, manifest, tables, SegmentModel(categories, centroids))

    @cached_property
    def scorer(self) -> Scorer:
        """The ranker, checked.

        Raises
        ------
        BundleError
            It does not keep the contract.
        """
        return Scorer((self.path / RANKER).read_bytes(), FEATURES, self.manifest.features, str(self.path / RANKER))

    @cached_property
    def propensity(self) -> Propensities | None:
        """The models of shoppers, checked; none in a bundle without them.

        Raises
        ------
        BundleError
            They do not keep the contract.
        """
        if PROPENSITY not in self.manifest.checksums:
            return None
        return Propensities((self.path / PROPENSITY).read_bytes(), str(self.path / PROPENSITY))

    def check(self) -> None:
        """Check what `open` leaves for later."""
        _ = self.scorer, self.propensity

    def segment_name(self, segment: int) -> str:
        """Name a segment.

        Parameters
        ----------
        segment
            Its id; 1000 and above: cold start.
        """
        if 0 <= segment < len(self.manifest.segments):
            return self.manifest.segments[segment]
        if COLD_START <= segment < COLD_START + COLD_SEGMENTS:
            return f"new:{DEVICES[segment - COLD_START]}"
        return "unknown"

    def category_name(self, category: int) -> str:
        """Name a category; one that the bundle does not know keeps its hash.

        Parameters
        ----------
        category
            Its hash.
        """
        key = f"{category:08x}"
        return self.manifest.categories.get(key, key)

    def segment_ids(self) -> list[int]:
        """Give the ids of all segments, cold start last."""
        return segment_ids(len(self.manifest.segments))


def checksum_of(path: Path) -> str:
    """Compute the SHA-256 of a file, in hexadecimal.

    Raises
    ------
    BundleError
        It cannot be read.
    """
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    except OSError as error:
        raise BundleError(f"{path} cannot be read: {error.strerror}") from None
    return digest.hexdigest()


def _load(path: Path) -> NDArray[Any]:
    try:
        table = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        # numpy cannot map an empty table
        try:
            table = np.load(path, allow_pickle=False)
        except (OSError, ValueError, EOFError):
            raise BundleError(f"{path} is not a table: {error}") from None
        table.flags.writeable = False
    return np.asarray(table).view(np.ndarray)


def _check_segments(categories: NDArray[Any], centroids: NDArray[Any], names: tuple[str, ...]) -> None:
    if categories.dtype != np.uint32 or categories.ndim != 1 or np.any(categories[1:] <= categories[:-1]):
        raise BundleError("table segment_categories is not an ascending list of u4")
    if centroids.dtype != np.float64 or centroids.ndim != 2 or centroids.shape[1] != len(categories) + 3:
        raise BundleError(f"table centroids is {centroids.dtype}{list(centroids.shape)}, expected f8 with {len(categories) + 3} columns")
    if not np.all(np.isfinite(centroids)):
        raise BundleError("table centroids has numbers that are not finite")
    if len(names) != len(centroids):
        raise BundleError(f"the manifest names {len(names)} segments, table centroids has {len(centroids)}")
