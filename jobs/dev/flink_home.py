"""The Flink of the Python package, laid out for a cluster: its programs, its libraries with the connector, its configuration."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from jobs.dev.artifacts import connector_jar
from jobs.dev.locking import ROOT
from jobs.embedded.java import find_java

CONFIGURATION, LOGGING = ROOT / "flink-conf" / "config.yaml", ROOT / "flink-conf" / "log4j-console.properties"


def flink_home() -> Path:
    """Give the folder of the package, without importing it: that would start a search for Java and take a second."""
    spec = importlib.util.find_spec("pyflink")
    assert spec is not None
    assert spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0])


def configuration(overrides: Mapping[str, str | None]) -> dict[str, str]:
    """Read the project's `flink-conf/config.yaml` and set some of its keys; None takes one out."""
    read: dict[str, Any] = yaml.safe_load(CONFIGURATION.read_text(encoding="utf-8"))
    keys = {**read, **overrides}
    return {key: str(value) for key, value in keys.items() if value is not None}


def lay_out(folder: Path, overrides: Mapping[str, str | None]) -> None:
    """Write a configuration folder and a library folder: `conf`, `lib`, `log`, `pids` and `tmp`.

    Parameters
    ----------
    folder : Path
        Where they go.
    overrides : mapping
        Keys of Flink's configuration that win over the project's file; None takes one out.
    """
    home, folder = flink_home(), folder.resolve()
    for name in ("conf", "lib", "log", "pids", "tmp"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    jars = [*(home / "lib").glob("*.jar"), *(home / "opt").glob("flink-python-*.jar"), connector_jar()]
    for stale in (folder / "lib").iterdir():
        stale.unlink()
    for jar in jars:
        (folder / "lib" / jar.name).symlink_to(jar)
    document = configuration({"io.tmp.dirs": str(folder / "tmp"), **overrides})
    (folder / "conf" / "config.yaml").write_text(yaml.safe_dump(document, width=100_000), encoding="utf-8")
    for name in ("log4j-console.properties", "log4j-cli.properties"):
        # The command line of Flink logs the same way.
        (folder / "conf" / name).write_text(LOGGING.read_text(encoding="utf-8"), encoding="utf-8")


def environment(folder: Path) -> dict[str, str]:
    """Give the variables with which Flink's own scripts, `flink_home() / "bin"`, use what was laid out in a folder."""
    home, folder = flink_home(), folder.resolve()
    java = find_java()
    return {
        "FLINK_CONF_DIR": str(folder / "conf"),
        "FLINK_LIB_DIR": str(folder / "lib"),
        "FLINK_OPT_DIR": str(home / "opt"),
        "FLINK_PLUGINS_DIR": str(home / "plugins"),
        "FLINK_LOG_DIR": str(folder / "log"),
        "FLINK_PID_DIR": str(folder / "pids"),
        "JAVA_HOME": str(java.parent.parent),
        # The interpreter that thread mode embeds looks for its home through the `python` on the path.
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), str(java.parent), os.environ.get("PATH", "")]),
        # The log is in its file.
        "JVM_ARGS": "-Dconsole.log.level=OFF",
    }
