"""A registry of model bundles: DIR/NAME/VERSION/, and DIR/NAME/current, the pointer to the version that serves.

A version's folder is never changed once it is there; only the pointer moves.
"""

from __future__ import annotations

import fcntl
import getpass
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from models.bundle import Bundle
from models.manifest import MANIFEST, Manifest
from models.pointer import CURRENT, Pointer, check_version, first_pointer
from udfs.errors import UsageError
from udfs.tables import BundleError

Check = Callable[[Path], object]
"""Raises a `BundleError` for a bundle that must not serve."""


@dataclass(frozen=True)
class Entry:
    """A version in a registry.

    Attributes
    ----------
    name, version
        As it is filed.
    path
        Its folder.
    current
        Whether the pointer names it.
    manifest
        What it says of itself; none: it cannot be read.
    size
        Bytes on disk.
    problem
        Why it may not serve; none: nothing was found.
    """

    name: str
    version: str
    path: Path
    current: bool
    manifest: Manifest | None
    size: int
    problem: str | None


class Model:
    """All versions of one model.

    Parameters
    ----------
    folder
        DIR/NAME.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.name = folder.resolve().name

    def path_of(self, version: str) -> Path:
        """Give the folder of a version, whether it is there or not."""
        return self.folder / check_version(version, self.folder)

    def pointer(self) -> Pointer | None:
        """Read the pointer; none: nothing was promoted yet.

        Raises
        ------
        BundleError
            It is no pointer.
        """
        return Pointer.read(self.folder) if (self.folder / CURRENT).exists() else None

    def versions(self) -> list[str]:
        """Give the versions that are there, the oldest first."""
        found = [path.parent for path in self.folder.glob(f"*/{MANIFEST}") if not path.parent.name.startswith(".")]
        return [path.name for path in sorted(found, key=_order)]

    def entries(self) -> list[Entry]:
        """Look at every version, and read all of its files."""
        return [self.entry(version) for version in self.versions()]

    def entry(self, version: str) -> Entry:
        """Look at one version."""
        path, manifest, problem = self.path_of(version), None, None
        try:
            manifest = Manifest.read(path)
            open_filed(path).check()
        except BundleError as error:
            problem = str(error)
        size = sum(file.stat().st_size for file in path.iterdir() if file.is_file()) if path.is_dir() else 0
        return Entry(self.name, version, path, self._is_current(version), manifest, size, problem)

    def promote(self, version: str, check: Check, note: str = "") -> Pointer:
        """Let a version serve.

        Parameters
        ----------
        version
            Which.
        check
            Called with its folder before the pointer moves.
        note
            Why, for whoever reads the pointer.

        Returns
        -------
        Pointer
            As it is now; that of before, where this version serves already.

        Raises
        ------
        BundleError
            It must not serve: the pointer stays.
        """
        check(self._there(version))
        with self._locked():
            try:
                before = self.pointer()
            except BundleError:
                before = None  # somebody wrote it by hand, and what it was before is lost
            if before is not None and before.version == version:
                return before
            after = before.moved_to(version, _user(), note) if before else first_pointer(version, _user(), note)
            after.write(self.folder)
        return after

    def roll_back(self, check: Check, note: str = "") -> Pointer:
        """Let the version serve that served before; once more: the one before that.

        Raises
        ------
        BundleError
            There is none, or it must not serve: the pointer stays.
        """
        with self._locked():
            before = self.pointer()
            if before is None:
                raise BundleError(f"no version of {self.name} serves", "`swerve models promote VERSION` names one")
            after = before.moved_back(_user(), note)
            check(self._there(after.version))
            after.write(self.folder)
        return after

    def add(self, bundle: Path, version: str) -> Path:
        """Copy a bundle into the registry; its manifest takes the name and version that it is filed under.

        Raises
        ------
        BundleError
            It is damaged, or the version is there already.
        """
        source, out = Bundle.open(bundle), self.path_of(version)
        if out.exists():
            raise BundleError(f"{out} is there already", "a version is never changed: give another --version")
        self.folder.mkdir(parents=True, exist_ok=True)
        draft = self.folder / f".{version}.{os.getpid()}"
        try:
            shutil.copytree(bundle, draft)
            manifest = replace(source.manifest, name=self.name, version=version)
            (draft / MANIFEST).write_text(manifest.as_json(), encoding="utf-8")
            draft.rename(out)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
        return out

    def _there(self, version: str) -> Path:
        path = self.path_of(version)
        if not path.is_dir():
            there = ", ".join(self.versions()) or "none"
            raise BundleError(f"there is no version {version} of {self.name} in {self.folder}", f"there are: {there}")
        return path

    def _is_current(self, version: str) -> bool:
        try:
            pointer = self.pointer()
        except BundleError:
            return False
        return pointer is not None and pointer.version == version

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Let no other promotion read the pointer before this one has written it."""
        folder = os.open(self.folder, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            yield
        finally:
            os.close(folder)


def is_model(folder: Path) -> bool:
    """Tell whether a folder is that of a model in a registry, and not a bundle."""
    return (folder / CURRENT).is_file() and not (folder / MANIFEST).exists()


def serving_folder(path: Path) -> Path:
    """Give the folder of the bundle that serves now: of a model's folder what its pointer names, else the path itself.

    Raises
    ------
    BundleError
        The pointer is none.
    """
    return path / Pointer.read(path).version if is_model(path) else path


def open_filed(path: Path) -> Bundle:
    """Open a bundle of a registry, and refuse one that goes by another name or version: what it ranks would be filed under those.

    Raises
    ------
    BundleError
        It is damaged, or misfiled.
    """
    bundle = Bundle.open(path)
    filed = (path.resolve().parent.name, path.resolve().name)
    if (bundle.name, bundle.version) != filed:
        raise BundleError(
            f"{path} calls itself {bundle.name} {bundle.version}, and is filed as {filed[0]} {filed[1]}",
            "`swerve models add` files a bundle under another name",
        )
    return bundle


def models_in(registry: Path) -> list[Model]:
    """Give the models of a registry, by name: each folder with a pointer or a bundle in it."""
    folders = sorted(path for path in registry.iterdir() if path.is_dir()) if registry.is_dir() else []
    return [
        model for model in map(Model, folders) if is_model(model.folder) or (model.versions() and not (model.folder / MANIFEST).exists())
    ]


def find_model(registry: Path, name: str | None) -> Model:
    """Give the model of a name, or the only one there is.

    Raises
    ------
    UsageError
        None is there, or the name is missing.
    """
    found = {model.name: model for model in models_in(registry)}
    if name is None and len(found) == 1:
        return next(iter(found.values()))
    if name in found:
        return found[name]
    there = ", ".join(found)
    if not found:
        raise UsageError(
            f"there is no model in {registry}", f"`swerve train ARCHIVE --out {registry}/NAME/1` makes one, --models names a registry"
        )
    if name is None:
        raise UsageError(f"{registry} has several models: {there}", "say which: NAME or NAME/VERSION")
    raise UsageError(f"there is no model {name} in {registry}", f"there are: {there}")


def _order(path: Path) -> tuple[int, list[tuple[int, str]]]:
    """Order by date; 9 comes before 10."""
    parts = [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"([0-9]+)", path.name)]
    try:
        return Manifest.read(path).created_at, parts
    except BundleError:
        return -1, parts


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())
