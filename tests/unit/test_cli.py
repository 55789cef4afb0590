"""The command line: exit codes, one line for an error, JSON alone on stdout."""

import errno
import json
import subprocess
import sys

import pytest

from jobs import cli
from jobs.cli.failures import explain
from jobs.cli.output import table
from udfs.errors import SwerveError, UsageError


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--help"]) == 0
    out = capsys.readouterr().out
    assert [name for name in cli.COMMANDS if f"\n  {name} " not in out] == []


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_command_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([name, "--help"]) == 0
    assert f"swerve {name}" in capsys.readouterr().out


def test_nothing_heavy_is_imported_for_help() -> None:
    heavy = {"pyflink", "numba", "onnxruntime", "polars", "pandas", "sklearn"}
    code = "import sys; from jobs.cli import main; main(['--help']); print(sorted(sys.modules), file=sys.stderr)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stderr
    assert {name for name in heavy if f"'{name}'" in loaded} == set()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["fly"], "fly"),
        (["config", "--nope"], "--nope"),
        (["config", "--set", "rank.tpo=3"], "did you mean rank.top"),
        (["config", "--set", "rank.top"], "section.key=value"),
        (["config", "--config", "no-such-file.yaml"], "no-such-file.yaml"),
        (["config", "--redis", "shop:6379"], "redis://"),
        (["simulate"], "OUT"),
        (["simulate", "x", "--poison", "2"], "--poison"),
        (["import", "csv", "x.csv", "out", "--map", "user_id"], "FIELD=COLUMN"),
        (["import", "rees46", "x.csv", "out", "--map", "user_id=u"], "csv"),
        (["import", "xml", "x.xml", "out"], "xml"),
        (["train", "x"], "--out"),
    ],
)
def test_a_wrong_command_line_gets_one_line_and_exit_code_2(arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("swerve: ")
    assert err.count("\n") == 1
    assert says in err


def test_config_prints_one_json_document_with_secrets_masked(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["config", "--json", "--redis", "redis://ana:hunter2@shop:6379/1", "--set", "redis.password=hunter3"]) == 0
    out, err = capsys.readouterr()
    document = json.loads(out)
    assert document["redis"]["url"] == "redis://ana:********@shop:6379/1"
    assert document["redis"]["password"] == "********"
    assert "hunter" not in out + err


def test_what_config_prints_is_a_settings_file(tmp_path, capsys: pytest.CaptureFixture[str]) -> None:  # type: ignore[no-untyped-def]
    cli.main(["config", "--set", "rank.top=7"])
    first = capsys.readouterr().out
    (tmp_path / "swerve.yaml").write_text(first)
    assert cli.main(["config", "--config", str(tmp_path / "swerve.yaml")]) == 0
    assert capsys.readouterr().out == first


def test_check_fails_where_redis_does_not_answer_and_keeps_the_password(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["check", "--json", "--redis", "redis://ana:hunter2@127.0.0.1:1/0"]) == 1
    out, err = capsys.readouterr()
    by_name = {check["name"]: check for check in json.loads(out)["checks"]}
    assert not by_name["redis"]["ok"]
    assert by_name["python"]["ok"]
    assert by_name["java"]["ok"]
    assert "hunter" not in out + err


def test_an_interrupt_is_not_a_traceback(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("jobs.cli.config.settings_from", interrupt)
    assert cli.main(["config"]) == 130
    assert capsys.readouterr().err == "swerve: interrupted\n"


@pytest.mark.parametrize(
    ("error", "message", "code"),
    [
        (SwerveError("no archive\nhere", "make one"), "no archive here", 1),
        (UsageError("bad"), "bad", 2),
        (OSError(errno.ENOSPC, "No space left on device", "x.avro"), "no space left on device: x.avro", 1),
        (OSError(errno.EADDRINUSE, "Address already in use"), "address already in use", 1),
        (FileNotFoundError(errno.ENOENT, "No such file or directory", "x"), "no such file or directory: x", 1),
        (MemoryError(), "out of memory", 1),
        (ZeroDivisionError("division by zero"), "unexpected ZeroDivisionError: division by zero", 1),
    ],
)
def test_errors_are_one_line_with_a_hint(error: BaseException, message: str, code: int) -> None:
    said, hint, exit_code = explain(error)
    assert (said, exit_code) == (message, code)
    assert hint or isinstance(error, UsageError)


def test_an_unexpected_error_shows_its_place_only_when_asked(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("jobs.cli.config.settings_from", fail)
    monkeypatch.delenv("SWERVE_DEBUG", raising=False)
    assert cli.main(["config"]) == 1
    assert "Traceback" not in capsys.readouterr().err
    monkeypatch.setenv("SWERVE_DEBUG", "1")
    assert cli.main(["config"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_a_report_for_people_lines_up() -> None:
    assert table({"events": 12345, "rate": 0.5, "by_reason": {"empty": 1, "too_large": 2}, "done": True}) == (
        "events  12 345\nrate    0.500\nby reason\n  empty      1\n  too large  2\ndone    yes"
    )
