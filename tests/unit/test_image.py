"""The Dockerfile and the scripts in the image: by their linters, and what the linters do not look at."""

import fnmatch
import json
import re
import subprocess
from pathlib import Path

import pytest

from tests.unit.project import ROOT, program

LINES = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
INSTRUCTIONS = [(line.split(maxsplit=1)[0], line.split(maxsplit=1)[1]) for line in LINES if line.strip() and not line.startswith("#")]
COPIED = [text.split()[:-1] for name, text in INSTRUCTIONS if name == "COPY" and "--from" not in text]
SCRIPTS = sorted(str(path.relative_to(ROOT)) for path in [*ROOT.glob("flink-conf/*.sh"), *(ROOT / "scripts").iterdir()])


def test_the_dockerfile_passes_its_linter() -> None:
    linted = subprocess.run([program("hadolint"), "--no-color", "Dockerfile"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (linted.returncode, linted.stdout) == (0, "")


def test_the_linter_would_notice(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM python:latest\nRUN cd /tmp && pip install flask\n")
    assert subprocess.run([program("hadolint"), "Dockerfile"], cwd=tmp_path, capture_output=True, check=False).returncode == 1


@pytest.mark.parametrize("script", SCRIPTS)
def test_every_script_passes_its_linter(script: str) -> None:
    linted = subprocess.run([program("shellcheck"), script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (linted.returncode, linted.stdout) == (0, "")


def test_base_images_have_a_version() -> None:
    stages = {text.split()[-1] for name, text in INSTRUCTIONS if name == "FROM" and " AS " in text}
    images = {text.split()[0] for name, text in INSTRUCTIONS if name == "FROM"} - stages
    assert images == {"python:${PYTHON}"}
    assert [text for name, text in INSTRUCTIONS if name == "ARG"] == [next(t for n, t in INSTRUCTIONS if n == "ARG")]
    assert re.fullmatch(r"PYTHON=3\.11\.\d+-slim-\w+", next(text for name, text in INSTRUCTIONS if name == "ARG"))


def test_it_does_not_run_as_root() -> None:
    users = [text for name, text in INSTRUCTIONS if name == "USER"]
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", users[-1])


def test_requirements_come_before_the_code() -> None:
    order = [text for name, text in INSTRUCTIONS if name in ("COPY", "RUN")]
    install = next(i for i, text in enumerate(order) if "-r requirements.txt" in text)
    assert [text for text in order[:install] if text.startswith(("udfs", "jobs", "models"))] == []
    assert all("--require-hashes" in part for part in order[install].split("&&"))


@pytest.mark.parametrize("source", sorted({source for copied in COPIED for source in copied}))
def test_what_is_copied_is_there_and_not_ignored(source: str) -> None:
    assert (ROOT / source).exists()
    rules = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    ignored = False
    # Each folder above it as well: what lets in `jobs` lets in what is in it.
    for rule in rules:
        parts = [source, *(str(parent) for parent in Path(source).parents)]
        if any(fnmatch.fnmatch(part, rule.lstrip("!")) for part in parts):
            ignored = not rule.startswith("!")
    assert not ignored


def test_every_package_of_the_project_is_in_the_image() -> None:
    pyproject = (ROOT / "pyproject.toml").read_text()
    (line,) = re.findall(r"^include = (\[.*\])$", pyproject, re.MULTILINE)
    wanted = {name.rstrip("*") for name in json.loads(line)} | {"avro", "flink-conf"}
    assert wanted <= {source for copied in COPIED for source in copied}


def test_it_starts_with_the_entrypoint_that_is_tested() -> None:
    (entry,) = [json.loads(text) for name, text in INSTRUCTIONS if name == "ENTRYPOINT"]
    assert entry == ["/docker-entrypoint.sh"]
    assert any("flink-conf/docker-entrypoint.sh /docker-entrypoint.sh" in text for name, text in INSTRUCTIONS if name == "RUN")
    (health,) = [text for name, text in INSTRUCTIONS if name == "HEALTHCHECK"]
    assert '["/docker-entrypoint.sh", "healthy"]' in health
