"""The Java parts, fetched once: every file checked against the lock, kept in a folder of the project."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from threading import Lock

from jobs.dev.locking import FETCHES, ROOT, Coordinate, Fetcher, Locked, Progress, locked, sha256
from udfs.errors import SwerveError

Fetch = Callable[[Coordinate], Path]


def cache() -> Path:
    """Give the folder that keeps them: `.swerve/artifacts` of the project, or what `SWERVE_ARTIFACTS` names."""
    return Path(os.environ.get("SWERVE_ARTIFACTS") or ROOT / ".swerve" / "artifacts")


def ensure(name: str, progress: Progress | None = None) -> Path:
    """Give the folder with the files of a set, fetching them if they are not there.

    Parameters
    ----------
    name : str
        A set of `flink-conf/artifacts.yaml`: "connector", "kafka" or "registry".
    progress : callable, optional
        Called with the bytes that are done and that there are.

    Returns
    -------
    Path
        A folder of jars; for an archive, of what was in it.

    Raises
    ------
    SwerveError
        If a file cannot be fetched or is not the one that was locked.
    """
    files = locked(name)
    done = 0
    total = sum(file.size for file in files)
    counting = Lock()

    def advance(count: int) -> None:
        nonlocal done
        with counting:
            done += count
            if progress:
                progress(min(done, total), total)

    @contextmanager
    def fetcher() -> Iterator[Fetch]:
        with tempfile.TemporaryDirectory(dir=cache(), prefix=".fetch-") as folder:
            yield Fetcher(Path(folder), advance).fetch

    with fetcher_lock(cache(), name):
        return place(cache(), name, files, fetcher)


def connector_jar() -> Path:
    """Give Flink's connector to Kafka, fetching it if it is not there."""
    (jar,) = ensure("connector").glob("*.jar")
    return jar


@contextmanager
def fetcher_lock(root: Path, name: str) -> Iterator[None]:
    """Let one process at a time fetch a set; the others wait, and find it done."""
    root.mkdir(parents=True, exist_ok=True)
    with (root / f".{name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def place(root: Path, name: str, files: Sequence[Locked], fetcher: Callable[[], AbstractContextManager[Fetch]]) -> Path:
    """Give the folder of a set below a root, made in full or not at all.

    Parameters
    ----------
    root, name
        The folder is `<root>/<name>-<digest of the lock>`: another lock is another folder.
    files
        What belongs into it.
    fetcher
        Gives a context manager of a function that fetches one file.

    Raises
    ------
    SwerveError
        If a file that was fetched is not the one that was locked.
    """
    stamp = hashlib.sha256("".join(f"{file.coordinate} {file.sha256}\n" for file in files).encode()).hexdigest()[:12]
    folder = root / f"{name}-{stamp}"
    if folder.is_dir() and _whole(folder, files):
        return folder
    root.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=root, prefix=".new-") as above, fetcher() as fetch:
        made = Path(above) / name
        made.mkdir()
        with ThreadPoolExecutor(FETCHES) as pool:
            for file, path in zip(files, pool.map(fetch, [file.coordinate for file in files])):
                _check(file, path)
                _put(path, made, file.coordinate)
        # There in one step; what another process put there meanwhile is the same.
        with suppress(OSError):
            made.rename(folder)
    if not folder.is_dir():
        raise SwerveError(f"{folder} cannot be made", "may its parent be written to?")
    return folder


def _check(file: Locked, path: Path) -> None:
    found = sha256(path)
    if found != file.sha256:
        raise SwerveError(
            f"{file.coordinate} is not the file that was locked: its SHA-256 is {found}, not {file.sha256}",
            "a repository or something on the way changed it; if you trust it, run `swerve dev lock`",
        )


def _put(path: Path, folder: Path, coordinate: Coordinate) -> None:
    if coordinate.type != "tar.gz":
        shutil.move(path, folder / coordinate.file)
        return
    with tarfile.open(path) as archive:
        archive.extractall(folder, filter="data")


def _whole(folder: Path, files: Sequence[Locked]) -> bool:
    """Tell whether the files are what they were; an archive's were checked before it was unpacked."""
    jars = [file for file in files if file.coordinate.type != "tar.gz"]
    return all((path := folder / file.coordinate.file).is_file() and sha256(path) == file.sha256 for file in jars)
