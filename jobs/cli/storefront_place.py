"""Where the shop of `swerve demo --open` lies, and what it is made of before it opens: a history, and a model that was trained on it."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jobs.cli.output import progress

EVENTS, USERS, ITEMS = 40_000, 1_200, 600
RANKERS = ("boosted",)
#: What is kept between two starts; of another layout it is made anew.
LAYOUT = 1

Step = Callable[[str], None]
"""Says what is happening."""


@dataclass(frozen=True)
class Place:
    """Where things lie.

    Attributes
    ----------
    home
        The folder of it all.
    """

    home: Path

    @property
    def log(self) -> Path:
        """The archive that the collector writes and the job follows; it begins with the history, and holds the catalogue."""
        return self.home / "log"

    @property
    def bundle(self) -> Path:
        """The model."""
        return self.home / "models" / "shop" / "1"

    @property
    def ready(self) -> Path:
        """There when the two above are complete: the keys of this shop."""
        return self.home / "shop.json"

    @property
    def config(self) -> Path:
        """Settings of the job and of the server."""
        return self.home / "swerve.yaml"


def prepare(place: Place, seed: int, step: Step, *, fresh: bool = False, events: int = EVENTS) -> dict[str, str]:
    """Make history and model, unless they are there; gives the keys of the shop."""
    try:
        known = json.loads(place.ready.read_text(encoding="utf-8"))
        if not fresh and known["layout"] == LAYOUT and known["seed"] == seed:
            return dict(known["keys"])
    except (OSError, ValueError, KeyError, TypeError):
        pass
    from training.simulator import simulate
    from training.train import train

    shutil.rmtree(place.home, ignore_errors=True)
    place.home.mkdir(parents=True)
    step(f"simulating what a shop has seen until now: {events:,} events, {ITEMS} articles")
    with progress("simulating") as advance:
        users = max(100, events * USERS // EVENTS)
        simulate(place.log, events, users, ITEMS, seed, partitions=1, end=time.time_ns() // 1_000_000, progress=advance)
    step("training a model on it")
    with progress("training") as advance:
        train(place.log, place.bundle, kinds=RANKERS, progress=advance)
    keys = {name: secrets.token_hex(32) for name in ("token_secret", "admin_key")} | {"write_key": secrets.token_hex(8)}
    write_private(place.ready, json.dumps({"layout": LAYOUT, "seed": seed, "keys": keys}))
    return keys


def last_of(log: Path) -> tuple[str, int, int]:
    """Give user and time of the last event of a log that may be used to personalise, and how many such users there are."""
    from udfs.archive import read_events

    user, at, users = "", 0, set()
    for event in read_events(log):
        if event["personalization_storage"] == "GRANTED":
            user, at = event["user_id"], event["event_time"]
            users.add(user)
    return user, at, len(users)


def write_private(path: Path, text: str) -> None:
    """Write a file that nobody else can read."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)


def plain(value: Any) -> Any:
    """Give settings as YAML writes them, secrets as they are."""
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    if isinstance(value, Path):
        return str(value.resolve())
    secret = getattr(value, "get_secret_value", None)
    return secret() if secret else value
