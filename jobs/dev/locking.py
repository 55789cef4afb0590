"""Which files the Java parts consist of: coordinates, their resolution, and the lock file with a checksum for each."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import requests
import yaml

from udfs.errors import SwerveError

ROOT = Path(__file__).resolve().parents[2]
WANTED, LOCK = ROOT / "flink-conf" / "artifacts.yaml", ROOT / "flink-conf" / "artifacts.lock.json"
#: Files fetched at a time.
FETCHES = 8

NETWORK = "is the network there? A mirror is named in ~/.config/jgo.conf"

Progress = Callable[[int, int], None]
"""Called with the bytes, or files, that are done and that there are."""


class Coordinate(NamedTuple):
    """The name of one file in a Maven repository."""

    group: str
    artifact: str
    version: str
    type: str = "jar"
    classifier: str = ""

    @classmethod
    def parse(cls, text: str) -> Coordinate:
        """Read ``group:artifact:version[:type[:classifier]]``.

        Examples
        --------
        >>> Coordinate.parse("io.apicurio:apicurio-registry-app:3.3.3:tar.gz:all").file
        'apicurio-registry-app-3.3.3-all.tar.gz'
        """
        parts = text.split(":")
        if not 3 <= len(parts) <= 5 or not all(parts) or any("/" in part or part.startswith(".") for part in parts):
            raise SwerveError(f"{text} is no coordinate", "it should look like group:artifact:version[:type[:classifier]]")
        return cls(*parts)

    @property
    def file(self) -> str:
        """Its file name."""
        return f"{self.artifact}-{self.version}{'-' if self.classifier else ''}{self.classifier}.{self.type}"

    def __str__(self) -> str:
        default = self.type == "jar" and not self.classifier
        return ":".join(self[:3] if default else [part for part in self if part])


class Locked(NamedTuple):
    """One file of the lock: its name, the SHA-256 of its content in hexadecimal, and its size in bytes."""

    coordinate: Coordinate
    sha256: str
    size: int


class Fetcher:
    """Fetches files by coordinate into a folder of its own, from Maven Central or from the mirror that jgo's own configuration names.

    Parameters
    ----------
    folder : Path
        Where they go, laid out like a Maven repository.
    advance : callable, optional
        Called with the number of bytes that arrived, from several threads.
    """

    def __init__(self, folder: Path, advance: Callable[[int], None] | None = None) -> None:
        from jgo.config import GlobalSettings
        from jgo.maven import MavenContext, PythonResolver

        @contextmanager
        def report(_name: str, _size: int) -> Any:
            yield advance or (lambda _bytes: None)

        self._folder = folder
        mirrors = GlobalSettings.load().repositories or None
        self._maven = MavenContext(PythonResolver(progress_callback=report), repo_cache=folder, remote_repos=mirrors, timeout=30)

    def fetch(self, coordinate: Coordinate) -> Path:
        """Fetch one file. Its content is not yet checked.

        Raises
        ------
        SwerveError
            If no repository answers, or none has it.
        """
        component = self._maven.project(coordinate.group, coordinate.artifact).at_version(coordinate.version)
        with _named(str(coordinate)):
            return Path(component.artifact(coordinate.classifier, coordinate.type).resolve())

    def closure(self, roots: Sequence[Coordinate]) -> list[Coordinate]:
        """Give the coordinates of these and of all that they need at run time."""
        dependencies = [self._maven.create_dependency(":".join(root[:3])) for root in roots]
        for dependency in dependencies:
            # What one manages for its own build, such as the Kafka that Log4j tests with, must not decide for the others.
            dependency.raw = True
        with _named(", ".join(map(str, roots))):
            given, needed = self._maven.resolver.resolve(dependencies)
        found = [one.artifact for one in (*given, *(one for one in needed if one.scope in ("compile", "runtime")))]
        # jgo passes over what it cannot read on the way, and with it over all that it needs.
        unread = [one for one in found if not (self._folder / one.component.path_prefix / f"{one.artifactId}-{one.version}.pom").exists()]
        if unread:
            raise SwerveError(f"what {unread[0].component} needs cannot be read", NETWORK)
        return [Coordinate(one.groupId, one.artifactId, one.version, one.packaging, one.classifier or "") for one in found]


def lock(wanted: Path = WANTED, target: Path = LOCK, progress: Progress | None = None) -> dict[str, list[Locked]]:
    """Resolve and fetch what is wanted, and write the lock file.

    Raises
    ------
    SwerveError
        If something cannot be fetched; the lock file is then as it was.
    """
    document = yaml.safe_load(wanted.read_text(encoding="utf-8"))
    sets: dict[str, list[Locked]] = {}
    with tempfile.TemporaryDirectory() as folder:
        fetcher = Fetcher(Path(folder))
        for name, entry in document.items():
            roots = [Coordinate.parse(text) for text in entry["roots"]]
            coordinates = sorted(fetcher.closure(roots) if entry["transitive"] else roots)
            with ThreadPoolExecutor(FETCHES) as pool:
                paths = []
                for path in pool.map(fetcher.fetch, coordinates):
                    paths.append(path)
                    if progress:
                        progress(len(paths), len(coordinates))
            sets[name] = [Locked(one, sha256(path), path.stat().st_size) for one, path in zip(coordinates, paths)]
    lines = {
        name: {"roots": document[name]["roots"], "files": {str(one.coordinate): f"{one.sha256} {one.size}" for one in files}}
        for name, files in sets.items()
    }
    target.write_text(json.dumps(lines, indent=1) + "\n", encoding="utf-8")
    return sets


def locked(name: str, wanted: Path = WANTED, lock_file: Path = LOCK) -> list[Locked]:
    """Read the files of a set from the lock.

    Raises
    ------
    SwerveError
        If there is no such set, or the lock was not written anew after the wanted versions changed.
    """
    document = json.loads(lock_file.read_text(encoding="utf-8"))
    roots = yaml.safe_load(wanted.read_text(encoding="utf-8")).get(name, {}).get("roots")
    if name not in document or document[name]["roots"] != roots:
        raise SwerveError(f"{lock_file.name} does not hold what {wanted.name} says of {name}", "run `swerve dev lock`")
    files = []
    for text, entry in document[name]["files"].items():
        digest, size = entry.split()
        files.append(Locked(Coordinate.parse(text), digest, int(size)))
    return files


def sha256(path: Path) -> str:
    """Give the SHA-256 of a file in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


@contextmanager
def _named(what: str) -> Iterator[None]:
    """Turn what goes wrong while fetching into one line that names what was fetched."""
    try:
        yield
    except requests.RequestException as error:
        raise SwerveError(f"{what} cannot be fetched: {type(error).__name__}", NETWORK) from error
    except RuntimeError as error:
        raise SwerveError(
            f"{what} is in none of the repositories", "is the version right? A mirror is named in ~/.config/jgo.conf"
        ) from error
