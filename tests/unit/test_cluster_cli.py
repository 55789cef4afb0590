"""The commands of a cluster where there is none, or where they are called wrongly."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobs import cli

NOWHERE = ["--cluster", "http://127.0.0.1:1"]
REDIS = ["--redis", "redis://127.0.0.1:1/0"]


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["deploy"], "no cluster is named"),
        (["status"], "no cluster is named"),
        (["savepoint"], "no cluster is named"),
        (["upgrade"], "no cluster is named"),
        (["stop", "swerve"], "no cluster is named"),
        (["status", "--cluster", "127.0.0.1:8081"], "is no address of a cluster"),
        (["status", *NOWHERE, "--watch", "--json"], "--watch and --json"),
        (["deploy", *NOWHERE, "--source", "archive"], "--source archive is no topic"),
        (["savepoint", *NOWHERE, "--format", "tar"], "canonical"),
    ],
)
def test_a_wrong_command_line(arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(arguments) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert says in err


@pytest.mark.parametrize("command", ["deploy", "status", "savepoint", "upgrade", "stop"])
def test_no_cluster_answers(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    more = REDIS if command in ("deploy", "upgrade") else []
    assert cli.main([command, *NOWHERE, *more]) == 1
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert "no Flink cluster answers at http://127.0.0.1:1" in err


def test_stop_without_a_cluster_is_about_the_embedded_redis(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["stop"]) == 0
    assert capsys.readouterr().out == "none was running\n"
