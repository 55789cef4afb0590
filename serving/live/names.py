"""The bundle that serves, for the names that it gives: opened anew when the pointer of its model has moved."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from models.bundle import Bundle
from models.registry import serving_folder
from udfs.segments import COLD_START
from udfs.tables import BundleError

LOOK_SECONDS = 5.0


class Names:
    """Gives the bundle.

    Parameters
    ----------
    path
        Folder of a bundle, or of a model with a pointer.
    clock
        Seconds that only go up.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._path, self._clock = path, clock
        self._bundle: Bundle | None = None
        self._look_at = 0.0

    def bundle(self) -> Bundle:
        """Give the bundle that serves now; one that cannot be opened leaves the one before.

        Raises
        ------
        BundleError
            There is none at all.
        """
        if self._bundle is None or self._clock() >= self._look_at:
            self._look_at = self._clock() + LOOK_SECONDS
            try:
                folder = serving_folder(self._path)
                if self._bundle is None or self._bundle.path != folder:
                    self._bundle = Bundle.open(folder)
            except BundleError:
                if self._bundle is None:
                    raise
        return self._bundle

    def segment(self, segment: int) -> str:
        """Name a segment; without a bundle by its number."""
        try:
            return self.bundle().segment_name(segment)
        except BundleError:
            return "new" if segment >= COLD_START else f"segment {segment}"
