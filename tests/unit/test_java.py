"""Finding a Java."""

from pathlib import Path

import pytest

from jobs.embedded.java import JavaMissing, find_java, probe


def fake_java(folder: Path, version: str) -> Path:
    java = folder / "bin" / "java"
    java.parent.mkdir(parents=True)
    java.write_text(f'#!/bin/sh\necho "    java.home = {folder}" >&2\necho "    java.specification.version = {version}" >&2\n')
    java.chmod(0o755)
    return java


def test_what_is_found_runs_and_is_new_enough() -> None:
    version, home = probe(find_java())
    assert version >= 17
    assert home is not None
    assert (home / "bin" / "java").exists()


def test_the_packaged_java_is_used_where_the_machine_has_none() -> None:
    assert probe(find_java({}))[0] >= 17


def test_java_home_comes_before_the_path(tmp_path: Path) -> None:
    home, on_path = fake_java(tmp_path / "home", "21"), fake_java(tmp_path / "path", "17")
    environ = {"JAVA_HOME": str(tmp_path / "home"), "PATH": str(on_path.parent)}
    assert find_java(environ) == home
    assert find_java({"PATH": str(on_path.parent)}) == on_path


def test_one_that_is_too_old_is_passed_over_and_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_java(tmp_path / "old", "1.8")
    environ = {"JAVA_HOME": str(tmp_path / "old")}
    assert probe(find_java(environ))[0] >= 17
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(JavaMissing, match=r"no Java 17 or newer: .*old/bin/java is version 8 .*make setup"):
        find_java(environ)


def test_one_that_does_not_run_is_no_java(tmp_path: Path) -> None:
    assert probe(tmp_path / "java") == (0, None)
    broken = tmp_path / "bin" / "java"
    broken.parent.mkdir()
    broken.write_text("#!/bin/sh\nexit 3\n")
    broken.chmod(0o755)
    assert probe(broken) == (0, None)
