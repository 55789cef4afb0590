"""`swerve check` looks at what the settings name."""

import json

import pytest

from jobs import cli
from tests.unit.registry_server import Registry, serve

NAMED = ("kafka", "registry", "cluster")


def checks(capsys: pytest.CaptureFixture[str], *sets: str) -> dict[str, dict[str, object]]:
    code = cli.main(["check", "--json", *(word for one in sets for word in ("--set", one))])
    out, err = capsys.readouterr()
    assert err == ""
    document = json.loads(out)
    assert (code == 0) == document["ok"] == all(check["ok"] for check in document["checks"])
    return {check["name"]: check for check in document["checks"]}


def test_what_is_not_named_is_not_asked(capsys: pytest.CaptureFixture[str]) -> None:
    assert [name for name in NAMED if name in checks(capsys)] == []


def test_what_does_not_answer_is_said_without_secrets(capsys: pytest.CaptureFixture[str]) -> None:
    sets = (
        "kafka.brokers=127.0.0.1:1",
        "registry.url=http://ana:hunter2@127.0.0.1:1",
        "registry.password=hunter2",
        "cluster.url=http://127.0.0.1:1",
    )
    found = checks(capsys, *sets)
    assert [found[name]["ok"] for name in NAMED] == [False] * 3
    for name in NAMED:
        assert "127.0.0.1:1" in str(found[name]["detail"])
        assert "unexpected" not in str(found[name]["detail"])
    assert "hunter2" not in str(found)


def test_a_registry_that_answers(capsys: pytest.CaptureFixture[str]) -> None:
    with serve(Registry()) as registry:
        assert checks(capsys, f"registry.url={registry.url}")["registry"] == {
            "name": "registry",
            "ok": True,
            "detail": f"answers at {registry.url}",
        }
