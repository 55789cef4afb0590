"""Processes that a command starts and looks after: each writes a log, none outlives the command, and one that dies is told of."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from udfs.errors import SwerveError

PATIENCE_SECONDS = 20.0
LAST_LINES = 12


class ChildDied(SwerveError):
    """A process that should have gone on has ended."""


class Child:
    """A running process.

    Parameters
    ----------
    name
        For people.
    process
        It.
    log
        What it says.
    """

    def __init__(self, name: str, process: subprocess.Popen[bytes], log: Path) -> None:
        self.name, self.process, self.log = name, process, log

    def last_lines(self) -> str:
        """Give the end of its log."""
        return "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-LAST_LINES:])


class Children:
    """All of them; ends them in the reverse order when the block is left.

    Parameters
    ----------
    logs
        Folder of their logs.
    """

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._children: list[Child] = []

    def swerve(self, name: str, *arguments: object) -> Child:
        """Start a command of ours.

        Parameters
        ----------
        name
            For people, and of its log.
        *arguments
            Behind ``swerve``.
        """
        return self._start(name, [sys.executable, "-m", "jobs.cli", *map(str, arguments)])

    def check(self) -> None:
        """Look whether all are alive.

        Raises
        ------
        ChildDied
            One is not: its last lines.
        """
        for child in self._children:
            if (code := child.process.poll()) is not None:
                how = f"was killed by signal {-code}" if code < 0 else f"ended with {code}"
                raise ChildDied(f"{child.name} {how}:\n{child.last_lines()}\n", f"all of it: {child.log}")

    def stop(self) -> None:
        """End them, the last one first; who does not listen is killed."""
        for child in reversed(self._children):
            if child.process.poll() is None:
                child.process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.process.wait(PATIENCE_SECONDS)
                continue
            # What it has started belongs to its session, and goes with it.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.process.pid, signal.SIGKILL)
            child.process.wait()
        self._children.clear()

    def __enter__(self) -> Children:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _start(self, name: str, command: Sequence[str]) -> Child:
        self._logs.mkdir(parents=True, exist_ok=True)
        log = self._logs / f"{name.replace(' ', '-')}.log"
        with log.open("wb") as out:
            # A session of its own: Ctrl-C in the terminal reaches us alone, and we end them in order.
            process = subprocess.Popen(command, stdout=out, stderr=out, stdin=subprocess.DEVNULL, start_new_session=True)
        child = Child(name, process, log)
        self._children.append(child)
        return child


def wait_for(what: str, look: object, children: Children, seconds: float = 120.0) -> None:
    """Wait until something is there, while all children live.

    Raises
    ------
    ChildDied
        One of them died meanwhile.
    SwerveError
        It took too long.
    """
    assert callable(look)
    until = time.monotonic() + seconds
    while not look():
        children.check()
        if time.monotonic() > until:
            raise SwerveError(f"waited {seconds:g} s for {what}", "the logs of its processes say more")
        time.sleep(0.1)
