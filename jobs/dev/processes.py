"""A server as a process of this machine: started, asked until it answers, killed, stopped, and found again by a later command."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, TypeVar

import psutil

from udfs.errors import SwerveError

LOOPBACK = "127.0.0.1"
#: Seconds that a server may take to answer, and to end when it is asked to.
PATIENCE, GRACE = 120.0, 30.0
TRIES = 3
#: What Java programs say where the port is another's.
TAKEN = ("Address already in use", "BindException", "already in use")
#: Seconds by which the start of a process may seem to differ from what was noted: it is reckoned from the clock.
SKEW = 2.0


class Identity(NamedTuple):
    """What tells a process from a later one of the same number: its id and its start, in seconds since 1970."""

    pid: int
    started: float

    def find(self) -> psutil.Process | None:
        """Give that very process if it still runs."""
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(self.pid)
            if abs(process.create_time() - self.started) < SKEW and process.status() != psutil.STATUS_ZOMBIE:
                return process
        return None


class Daemon:
    """A server's process, which goes on when the command that started it ends.

    Parameters
    ----------
    name : str
        For messages.
    command : sequence of str
        The program and its arguments.
    log : Path
        What it prints.
    answers : callable
        Tells whether it does its work; it may raise OSError for no.
    environment : mapping, optional
        Variables besides those of this process.
    folder : Path, optional
        Where it runs; default: where its log lies.

    Attributes
    ----------
    process : psutil.Process or None
        The process, once started.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        log: Path,
        answers: Callable[[], bool],
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> None:
        self.name, self.command, self.log, self.answers = name, list(command), log, answers
        self.environment = dict(environment or {})
        self.folder = folder or log.parent
        self.process: psutil.Process | None = None
        self._said = 0

    @property
    def pid(self) -> int:
        """Its process id; the process must have been started."""
        assert self.process is not None
        return int(self.process.pid)

    @property
    def identity(self) -> Identity | None:
        """What to find it by later; None where it does not run."""
        if not self.alive or self.process is None:
            return None
        return Identity(self.process.pid, self.process.create_time())

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        try:
            return self.process is not None and self.process.is_running() and self.process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False

    @property
    def works(self) -> bool:
        """Whether the process runs and answers."""
        try:
            return self.alive and self.answers()
        except OSError:
            return False

    def adopt(self, identity: Identity) -> bool:
        """Take over a process that an earlier command started; tells whether it still runs."""
        self.process = identity.find()
        return self.process is not None

    def spawn(self) -> None:
        """Start the process without waiting for it."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as out:
            self._said = out.tell()
            child = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                cwd=self.folder,
                env={**os.environ, **self.environment},
                start_new_session=True,
            )
        self.process = psutil.Process(child.pid)
        # Who waits for it is psutil: it does so for processes of an earlier command, too.
        child.returncode = 0

    def wait(self) -> None:
        """Wait until it answers.

        Raises
        ------
        SwerveError
            If it ends, or does not answer in time; it is killed then.
        """
        until = time.monotonic() + PATIENCE
        while not self.works:
            if not self.alive:
                self._reap()
                raise SwerveError(f"{self.name} did not start: {reason(self._words())}", f"see {self.log}")
            if time.monotonic() > until:
                self.kill()
                raise SwerveError(f"{self.name} did not answer within {PATIENCE:.0f} s", f"see {self.log}")
            time.sleep(0.1)

    def start(self) -> None:
        """Start it and wait until it answers; one that runs is left as it is."""
        if not self.alive:
            self.spawn()
        self.wait()

    def kill(self) -> None:
        """End it at once, as a crash would."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End it in good order; one that does not heed is killed."""
        self._end(signal.SIGTERM)

    def port_was_taken(self) -> bool:
        """Tell from what it said whether its port was another's."""
        return any(words in self._words() for words in TAKEN)

    def _end(self, how: signal.Signals) -> None:
        if self.process is None:
            return
        with suppress(psutil.NoSuchProcess):
            self.process.send_signal(how)
            try:
                self.process.wait(GRACE)
            except psutil.TimeoutExpired:
                self.process.kill()
                self.process.wait(GRACE)

    def _reap(self) -> None:
        if self.process is not None:
            with suppress(psutil.NoSuchProcess, psutil.TimeoutExpired):
                self.process.wait(1)

    def _words(self) -> str:
        return self.log.read_bytes()[self._said :].decode(errors="replace") if self.log.exists() else ""


Server = TypeVar("Server", bound=Daemon)


def start(make: Callable[[], Server], port: int | None) -> Server:
    """Start a server; where its port was not given, on other ports again if the ones it chose are taken meanwhile."""
    if port:
        refuse_taken(port)
    for left in reversed(range(1 if port else TRIES)):
        server = make()
        try:
            server.start()
        except SwerveError:
            if not left or not server.port_was_taken():
                raise
        else:
            return server
    raise AssertionError


def refuse_taken(port: int) -> None:
    """Raise a SwerveError if somebody listens at a port of loopback: that one would answer in place of what is to be started."""
    if accepts(port):
        raise SwerveError(f"port {port} is in use", "stop what runs there, or choose another port")


def reason(text: str) -> str:
    """Find the line that says why in what a Java program printed: its last exception is the one that ended it, its cause comes after.

    Examples
    --------
    >>> reason("Exception in thread main: it broke\\n\\tat A.b(A.java:1)\\n")
    'Exception in thread main: it broke'
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    telling = [line for line in lines if re.search(r"(Exception|Error)\b", line) and not line.startswith("at ")]
    return (telling or lines or ["it said nothing"])[-1][:300]


def free_port() -> int:
    """Give a port of loopback that nobody listens at."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def accepts(port: int) -> bool:
    """Tell whether somebody listens at a port of loopback."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((LOOPBACK, port)) == 0
