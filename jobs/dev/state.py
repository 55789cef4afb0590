"""What one command notes of the servers it started, for the commands that come after it: their ports and their processes."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from jobs.dev.processes import Daemon, Identity

FILE, LOCK = "state.json", ".lock"


@dataclass
class State:
    """The note, one file in a folder.

    Attributes
    ----------
    ports : dict
        Name of a server to the port that was chosen for it; kept while nothing runs.
    processes : dict
        Name of a server to its process, in the order in which they lean on each other.
    metrics : bool
        Whether Flink's processes have ports for Prometheus.
    """

    folder: Path
    ports: dict[str, int] = field(default_factory=dict)
    processes: dict[str, Identity] = field(default_factory=dict)
    metrics: bool = False

    @classmethod
    def read(cls, folder: Path) -> State:
        """Read it; where there is none, or it is spoilt, nothing runs."""
        with suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
            document: dict[str, Any] = json.loads((folder / FILE).read_text(encoding="utf-8"))
            processes = {name: Identity(int(pid), float(started)) for name, (pid, started) in document["processes"].items()}
            ports = {name: int(port) for name, port in document["ports"].items()}
            return cls(folder, ports, processes, bool(document["metrics"]))
        return cls(folder)

    def write(self) -> None:
        """Write it, as a whole or not at all."""
        document = asdict(self)
        del document["folder"]
        new = self.folder / f".{FILE}"
        new.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
        os.replace(new, self.folder / FILE)

    def note(self, daemons: Mapping[str, Daemon]) -> None:
        """Write which of these run."""
        self.processes = {name: identity for name, daemon in daemons.items() if (identity := daemon.identity)}
        self.write()

    def end(self) -> list[str]:
        """End the processes that still run, those that lean on others first; gives their names."""
        ended = []
        for name, identity in reversed(self.processes.items()):
            daemon = Daemon(name, [], self.folder / name, lambda: False)
            if daemon.adopt(identity):
                daemon.stop()
                ended.append(name)
        self.processes = {}
        self.write()
        return ended

    def wipe(self) -> None:
        """Delete all that the servers kept, and the ports that were chosen."""
        for path in self.folder.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif path.name != LOCK:
                path.unlink()
        self.ports, self.processes, self.metrics = {}, {}, False


@contextmanager
def alone(folder: Path) -> Iterator[State]:
    """Read the note of a folder, which is made, while no other command changes it."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield State.read(folder)
