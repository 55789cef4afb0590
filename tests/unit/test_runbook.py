"""The runbook and the page on deploying: commands are taken, links lead somewhere, log lines are ours."""

import re
import shlex
from pathlib import Path

import pytest

from jobs import cli
from tests.unit.metrics_used import rules
from tests.unit.project import ROOT, read_yaml

PAGES = [ROOT / "docs" / "runbook.md", ROOT / "docs" / "deploy.md"]
RUNBOOK = PAGES[0].read_text(encoding="utf-8")


def commands() -> list[str]:
    """Give every call of swerve, in blocks and in the text."""
    found: list[str] = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8").replace("\\\n", " ")
        for block in re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
            found += [line.split("#")[0].strip() for line in block.splitlines() if re.match(r"(\.venv/bin/)?swerve ", line)]
        found += re.findall(r"`((?:\.venv/bin/)?swerve [a-z][^`]*)`", text)
    return sorted({command.removeprefix(".venv/bin/") for command in found})


def anchors(page: Path) -> set[str]:
    """Give the anchors of a page's headings, as they are made from them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


def test_there_are_commands() -> None:
    assert len(commands()) > 20


@pytest.mark.parametrize("command", commands())
def test_every_command_is_taken(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = shlex.split(command)[1:]
    names = words[: 2 if words[0] in ("dlq", "dev", "models") and len(words) > 1 else 1]
    assert cli.main([*names, "--help"]) == 0
    known = set(re.findall(r"--[a-z-]+", capsys.readouterr().out))
    options = {word.split("=")[0] for word in words if word.startswith("--")}
    assert options <= known


@pytest.mark.parametrize("setting", sorted(set(re.findall(r"--set ([a-z_.]+)=(\S+)", RUNBOOK))))
def test_every_setting_is_one(setting: tuple[str, str]) -> None:
    from jobs.settings import Settings

    Settings().with_values({setting[0]: setting[1]})


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https:)([^)\s]*)\)", page.read_text(encoding="utf-8"))
    assert links
    for link in links:
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_the_table_names_every_alert_with_its_section() -> None:
    table = dict(re.findall(r"^\| ([A-Z]\w+(?:, \w+)*) \| \[.*\]\(#(.*)\) \|$", RUNBOOK, re.MULTILINE))
    listed = {alert: anchor for alerts, anchor in table.items() for alert in alerts.split(", ")}
    assert listed == {rule["alert"]: rule["annotations"]["runbook_url"].split("#")[1] for rule in rules()}


def test_every_section_says_when_it_is_over() -> None:
    sections = re.split(r"^## ", RUNBOOK, flags=re.MULTILINE)[1:]
    assert [
        section.splitlines()[0] for section in sections if "**It is over** when" not in section and "**It is over**" not in section
    ] == []
    alerting = {rule["annotations"]["runbook_url"].split("#")[1] for rule in rules()}
    for section in sections:
        if section.splitlines()[0].lower().replace(" ", "-") in alerting:
            assert all(f"**{part}**" in section for part in ("You see", "Why", "Do")), section.splitlines()[0]


@pytest.mark.parametrize("line", sorted(set(re.findall(r"`(Redis (?:is|does) [^`…]*)`", RUNBOOK))))
def test_log_lines_are_ours(line: str) -> None:
    assert any(line in path.read_text(encoding="utf-8") for path in (ROOT / "udfs").glob("redis_*.py"))


def test_keys_of_flink_are_in_its_configuration() -> None:
    keys = set(re.findall(r"`((?:execution|taskmanager|jobmanager|high-availability)\.[a-z.-]+)`", RUNBOOK))
    assert keys
    assert keys <= set(read_yaml("flink-conf/config.yaml"))
