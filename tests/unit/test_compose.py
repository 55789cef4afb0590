"""docker-compose.yml: by the schema of the compose specification, and by what a person would look for."""

import re
import subprocess
import sys
from typing import Any

import pytest

from jobs import cli
from tests.unit.project import ROOT, read_yaml

COMPOSE = read_yaml("docker-compose.yml")
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
#: They run once and end: nobody asks for their health.
ONCE = {"topics", "job", "shop", "bundle", "publisher"}


def test_it_is_what_the_specification_allows() -> None:
    schema = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    checked = subprocess.run([*schema, "docker-compose.yml"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout


def test_the_schema_would_notice(tmp_path) -> None:  # type: ignore[no-untyped-def]
    wrong = tmp_path / "docker-compose.yml"
    wrong.write_text((ROOT / "docker-compose.yml").read_text().replace("healthcheck:", "healthchek:", 1))
    schema = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    assert subprocess.run([*schema, str(wrong)], capture_output=True, check=False).returncode == 1


@pytest.mark.parametrize("name", SERVICES)
def test_every_image_has_a_version(name: str) -> None:
    repository, _, version = SERVICES[name]["image"].partition(":")
    assert re.search(r"\d+\.\d+\.\d+", version), SERVICES[name]["image"]
    assert "latest" not in version
    assert (repository == "swerve") == ("build" in SERVICES[name])


def test_our_image_has_the_version_of_the_package() -> None:
    (version,) = re.findall(r'^version = "(.*)"', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert {service["image"] for service in SERVICES.values() if "build" in service} == {f"swerve:{version}"}


@pytest.mark.parametrize("name", SERVICES)
def test_every_port_is_on_loopback(name: str) -> None:
    assert [port for port in SERVICES[name].get("ports", []) if not str(port).startswith("127.0.0.1:")] == []


def test_no_two_services_want_the_same_port() -> None:
    ports = [port.rsplit(":", 1)[0] for service in SERVICES.values() for port in service.get("ports", [])]
    assert len(set(ports)) == len(ports) > 5


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_that_stays_says_how_it_is(name: str) -> None:
    check = SERVICES[name]["healthcheck"]
    if name in ONCE:
        assert check == {"disable": True}
        assert SERVICES[name]["restart"] in ("no", "on-failure")
    else:
        assert check["test"][0] in ("CMD", "CMD-SHELL")
        assert {"interval", "timeout", "retries"} <= set(check)
        assert SERVICES[name]["restart"] == "unless-stopped"


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_has_a_limit(name: str) -> None:
    assert set(SERVICES[name]["deploy"]["resources"]["limits"]) == {"cpus", "memory"}


@pytest.mark.parametrize("name", SERVICES)
def test_what_it_waits_for_can_come_true(name: str) -> None:
    for other, how in SERVICES[name].get("depends_on", {}).items():
        wanted = "service_completed_successfully" if other in ONCE else "service_healthy"
        assert how["condition"] == wanted, other
        # A service of a profile is not there without it.
        profiles = set(SERVICES[other].get("profiles", []))
        assert not profiles or set(SERVICES[name].get("profiles", [])) <= profiles or how.get("required") is False, other


@pytest.mark.parametrize("name", SERVICES)
def test_what_is_mounted_is_there(name: str) -> None:
    for volume in SERVICES[name].get("volumes", []):
        source = volume.split(":")[0]
        if source.startswith("."):
            assert (ROOT / source).exists(), source
            assert volume.endswith(":ro"), f"{source} could be changed from inside"
        else:
            assert source in COMPOSE["volumes"], source


def test_every_volume_is_used() -> None:
    used = {volume.split(":")[0] for service in SERVICES.values() for volume in service.get("volumes", [])}
    assert set(COMPOSE["volumes"]) <= used


@pytest.mark.parametrize("name", [name for name in SERVICES if SERVICES[name].get("command", [])[:1] == ["swerve"]])
def test_our_commands_are_ones_that_exist(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    _, command, *rest = SERVICES[name]["command"]
    assert cli.main([command, "--help"]) == 0
    known = set(re.findall(r"--[a-z-]+", capsys.readouterr().out))
    assert {part for part in rest if part.startswith("--")} <= known


def test_no_secret_stands_in_the_file() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    assert re.findall(r"(?i)^.*(?:password|secret|jaas)\w*: *\S.*$", text, re.MULTILINE) == []
    example = (ROOT / "flink-conf/compose.env.example").read_text()
    names = set(re.findall(r"^(\w+)=change-me$", example, re.MULTILINE))
    assert set(re.findall(r"\$\$(\w+)", text)) <= names
    assert names == {line.split("=")[0] for line in example.splitlines() if line and not line.startswith("#")}
    assert "/.env" in (ROOT / ".gitignore").read_text().splitlines()
    assert {path for service in SERVICES.values() for path in [env["path"] for env in service.get("env_file", [])]} == {".env"}


def test_settings_in_the_environment_are_settings() -> None:
    from jobs.settings import Settings

    for service in SERVICES.values():
        for key, value in service.get("environment", {}).items():
            if key.startswith("SWERVE__"):
                Settings().with_values({key.removeprefix("SWERVE__").lower().replace("__", "."): value})
