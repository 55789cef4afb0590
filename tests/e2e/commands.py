"""The command line as its users call it: a process of its own, in a folder of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from udfs.errors import SwerveError

PATIENCE = 240.0


class Commands:
    """Calls `swerve` with the same settings each time.

    Parameters
    ----------
    folder
        Where it is called.
    settings
        By key, such as ``redis.url``.
    """

    def __init__(self, folder: Path, settings: Mapping[str, object]) -> None:
        self.folder = folder
        self.environment = {**os.environ, **{f"SWERVE__{key.replace('.', '__').upper()}": str(value) for key, value in settings.items()}}

    def start(self, *arguments: object) -> subprocess.Popen[str]:
        """Start a command; stdout and stderr are pipes."""
        command = [sys.executable, "-m", "jobs.cli", *map(str, arguments)]
        pipe = subprocess.PIPE
        return subprocess.Popen(
            command, cwd=self.folder, env=self.environment, stdout=pipe, stderr=pipe, stdin=subprocess.DEVNULL, text=True
        )

    def run(self, *arguments: object, expect: int = 0) -> str:
        """Run a command; gives what it printed on stdout."""
        process = self.start(*arguments)
        try:
            out, errors = process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            out, errors = process.communicate()
            raise AssertionError(f"swerve {arguments[0]} did not end: {out}\n{errors}") from None
        assert process.returncode == expect, f"swerve {' '.join(map(str, arguments))} ended with {process.returncode}: {out}\n{errors}"
        return out

    def json(self, *arguments: object, expect: int = 0) -> Any:
        """Run a command with ``--json``; gives its document."""
        return json.loads(self.run(*arguments, "--json", expect=expect))


def until(what: str, look: Callable[[], Any], patience: float = PATIENCE) -> Any:
    """Look again and again until there is something; gives it. A server that does not answer is asked again."""
    end = time.monotonic() + patience
    while True:
        answer = "nothing"
        try:
            if found := look():
                return found
        except SwerveError as error:
            answer = error.message
        assert time.monotonic() < end, f"waited for {patience:g} s: {what}; the last answer: {answer}"
        time.sleep(0.2)
