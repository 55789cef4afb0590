"""What is read by the job: an archive, the bundle that ranks it, and a process that publishes it at a steady rate."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from jobs.settings import Settings
from udfs.errors import SwerveError

TRAINING_EVENTS = 20_000
LATE_SECONDS, DUPLICATES, POISON = 120, 0.02, 0.005
#: A broker may be away for so long until the publisher gives up.
PATIENCE_SECONDS = 600
Say = Callable[[str], None]


def prepare(folder: Path, say: Say, events: int, users: int, items: int, seed: int, partitions: int) -> tuple[Path, Path]:
    """Simulate a shop and train a bundle, unless they are there.

    Returns
    -------
    tuple of Path
        Archive and bundle.
    """
    from training.simulator import simulate
    from training.train import train

    archive, history, bundle = folder / f"archive-{events}", folder / "history", folder / "models" / "chaos" / "1"
    if not bundle.exists():
        if not history.exists():
            say(f"simulate {TRAINING_EVENTS:,} events to learn from")
            simulate(history, TRAINING_EVENTS, users, items, seed=seed + 1, shop_seed=seed)
        say("train a bundle")
        train(history, bundle, kinds=("perceptron",))
    if not archive.exists():
        say(f"simulate {events:,} events to publish")
        simulate(
            archive, events, users, items, seed=seed, late_seconds=LATE_SECONDS, duplicates=DUPLICATES, poison=POISON, partitions=partitions
        )
    return archive, bundle


def user_ids(users: int) -> list[str]:
    """Name the shoppers of a simulated shop."""
    digits = max(6, len(str(users - 1)))
    return [f"u{number:0{digits}d}" for number in range(users)]


class Publisher:
    """`swerve publish` in a process of its own.

    Parameters
    ----------
    archive : Path
        What.
    settings : Settings
        Brokers, registry and topic.
    rate : float
        Events a second.
    log : Path
        What it says.
    """

    def __init__(self, archive: Path, settings: Settings, rate: float, log: Path) -> None:
        assert settings.registry.url is not None
        options = {
            "--brokers": settings.kafka.brokers,
            "--registry": settings.registry.url,
            "--topic": settings.topics.events,
            "--rate": rate,
            "--patience": PATIENCE_SECONDS,
        }
        command = [sys.executable, "-m", "jobs.cli", "publish", str(archive), "--reframe"]
        self._log = log
        with log.open("wb") as out:
            self._process = subprocess.Popen(
                [*command, *(str(part) for option in options.items() for part in option)],
                stdin=subprocess.DEVNULL, stdout=out, stderr=out,
            )  # fmt: skip

    def check(self) -> None:
        """Raise a SwerveError if it has ended."""
        code = self._process.poll()
        if code is not None:
            last = self._log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:]
            what = "there are no more events to publish" if code == 0 else f"the publisher ended: {last[0] if last else code}"
            raise SwerveError(what, f"see {self._log}")

    def stop(self) -> None:
        """End it: the log is what the topic holds then."""
        if self._process.poll() is None:
            self._process.terminate()
        self._process.wait()
