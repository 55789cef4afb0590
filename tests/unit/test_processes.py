"""Servers as processes: real ones, small."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from jobs.dev import processes
from jobs.dev.processes import Daemon, Identity, accepts, free_port, reason, start
from jobs.dev.state import State, alone
from udfs.errors import SwerveError

LISTENS = "import socket, time; s = socket.create_server(('127.0.0.1', {port})); time.sleep(600)"
DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    port = free_port()
    server = Daemon("the server", [sys.executable, "-c", LISTENS.format(port=port)], tmp_path / "log", lambda: accepts(port))
    yield server
    server.kill()


def test_it_is_there_when_start_returns_and_gone_when_stop_does(daemon: Daemon) -> None:
    assert not daemon.alive
    assert daemon.identity is None
    daemon.start()
    assert daemon.works
    first = daemon.pid
    daemon.start()
    assert daemon.pid == first, "one that runs is left as it is"
    daemon.stop()
    assert not daemon.alive
    assert not psutil.pid_exists(first)
    daemon.start()
    assert daemon.pid != first
    daemon.kill()
    assert not daemon.works


def test_it_outlives_the_session_of_the_shell(daemon: Daemon) -> None:
    daemon.start()
    assert os.getsid(daemon.pid) == daemon.pid != os.getsid(0)


def test_a_later_command_takes_it_over(daemon: Daemon, tmp_path: Path) -> None:
    daemon.start()
    identity = daemon.identity
    assert identity is not None
    later = Daemon("the server", [], tmp_path / "log", lambda: True)
    assert later.adopt(identity)
    assert later.works
    later.stop()
    assert not daemon.alive
    assert not later.adopt(identity)


def test_another_process_with_its_number_is_not_it(daemon: Daemon) -> None:
    daemon.start()
    identity = daemon.identity
    assert identity is not None
    assert identity.find() is not None
    assert Identity(identity.pid, identity.started - 60).find() is None


def test_one_that_does_not_heed_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "GRACE", 0.2)
    log = tmp_path / "log"
    daemon = Daemon("the deaf one", [sys.executable, "-c", DEAF], log, lambda: "deaf" in log.read_text())
    daemon.start()
    daemon.stop()
    assert not daemon.alive


def test_why_it_did_not_start_is_said(tmp_path: Path) -> None:
    daemon = Daemon("the server", [sys.executable, "-c", "raise ValueError('no such option')"], tmp_path / "log", lambda: False)
    with pytest.raises(SwerveError, match=r"^the server did not start: ValueError: no such option \(see .*log\)$"):
        daemon.start()


def test_one_that_never_answers_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "PATIENCE", 0.2)
    daemon = Daemon("the server", [sys.executable, "-c", "import time; time.sleep(600)"], tmp_path / "log", lambda: False)
    with pytest.raises(SwerveError, match=r"^the server did not answer within 0 s"):
        daemon.start()
    assert not daemon.alive


def test_a_taken_port_is_said_or_another_is_tried(tmp_path: Path) -> None:
    ports = [free_port(), free_port()]
    taken = subprocess.Popen([sys.executable, "-c", LISTENS.format(port=ports[0])])
    left = list(ports)

    def make() -> Daemon:
        port = left.pop(0)
        # Two listeners at one port: the second ends with "Address already in use".
        return Daemon(
            "the server", [sys.executable, "-c", LISTENS.format(port=port)], tmp_path / "log", lambda: port == ports[1] and accepts(port)
        )

    try:
        while not accepts(ports[0]):
            assert taken.poll() is None
        with pytest.raises(SwerveError, match=f"^port {ports[0]} is in use"):
            start(make, ports[0])
        left[:] = ports
        server = start(make, None)
        assert not left
        server.kill()
    finally:
        taken.kill()
        taken.wait()


def test_the_reason_is_the_last_exception() -> None:
    cause = "Caused by: java.net.BindException: Address already in use"
    assert (
        reason(f"INFO fine\njava.lang.RuntimeException: outer\n\tat a.ErrorHandler(A.java:1)\n{cause}\n\tat b.Error(B.java:1)\n") == cause
    )
    assert reason("just\nwords\n") == "words"
    assert reason("") == "it said nothing"


def test_what_is_noted_is_read_again_and_ended(daemon: Daemon, tmp_path: Path) -> None:
    daemon.start()
    with alone(tmp_path / "dev") as state:
        state.ports["server"] = 1
        state.note({"server": daemon, "dead": Daemon("dead", [], tmp_path / "none", lambda: False)})
    read = State.read(tmp_path / "dev")
    assert read.ports == {"server": 1}
    assert list(read.processes) == ["server"]
    read.processes["another"] = Identity(os.getpid(), 1.0)
    assert read.end() == ["server"], "this process has the number, and is not it"
    assert not daemon.alive
    assert State.read(tmp_path / "dev").processes == {}


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"ports": {}, "processes": {"x": 3}}', '{"ports": [], "processes": {}, "metrics": false}']
)
def test_a_spoilt_note_is_an_empty_one(tmp_path: Path, text: str) -> None:
    (tmp_path / "state.json").write_text(text)
    assert State.read(tmp_path) == State(tmp_path)
