"""What a run did: the sums over the counters that the operators emit with their results."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

LABELS = ("model", "model_version", "lag_le", "lag_sum")


@dataclass
class RunReport:
    """Counters of a run.

    They travel as rows of the job and are committed with its checkpoints, so a restart counts nothing twice.
    """

    events: int = 0
    """Events accepted, those without consent included."""
    denied: int = 0
    """Events whose consent does not allow personalisation."""
    reasons: Counter[str] = field(default_factory=Counter)
    """Dead letters by reason."""
    users: int = 0
    profiles: Counter[str] = field(default_factory=Counter)
    ranks: Counter[str] = field(default_factory=Counter)
    collapse: Counter[str] = field(default_factory=Counter)
    waiting: int = 0
    """Records whose schema could not be looked up yet."""
    first_ns: int = 2**63
    last_ns: int = 0

    @property
    def seconds(self) -> float:
        """From the start of the first call to the end of the last: start-up does not count."""
        return max(0, self.last_ns - self.first_ns) / 1e9

    @property
    def rejects(self) -> int:
        """Number of dead letters."""
        return self.reasons.total()

    def add(self, line: dict[str, Any]) -> None:
        """Add the counters of one call."""
        stage = line.pop("stage")
        if at := line.pop("at_ns", None):
            self.first_ns = min(self.first_ns, at)
            self.last_ns = max(self.last_ns, at + line["busy_ns"])
        if stage == "collapse":
            self.events += line["events"]
            self.denied += line["denied"]
            self.waiting += line.get("waiting", 0) - line.get("released", 0)
            self.reasons.update(line["reasons"])
            self.collapse.update(busy_ns=line["busy_ns"])
        elif stage == "profiles":
            self.users += line.get("new_users", 0)
            self.profiles.update(line)
        else:
            self.ranks.update({name: count for name, count in line.items() if name not in LABELS})

    def stage_seconds(self) -> dict[str, float]:
        """Time by stage, summed over all parallel operators; stages overlap, so the sum is more than `seconds`."""
        ranks = {name: spent for name, spent in self.ranks.items() if name != "busy_ns"}
        named = {
            "collapse": self.collapse["busy_ns"],
            "profiles.kernel": self.profiles["kernel_ns"],
            "profiles.state": self.profiles["state_ns"],
            "profiles": self.profiles["busy_ns"],
            **{f"rank.{name.removesuffix('_ns')}": spent for name, spent in ranks.items() if name.endswith("_ns")},
            "rank": self.ranks["busy_ns"],
        }
        return {name: spent / 1e9 for name, spent in named.items()}

    def as_json(self) -> dict[str, Any]:
        """Give the report as a document."""
        return {
            "events": self.events,
            "rejects": self.rejects,
            "rejects_by_reason": dict(sorted(self.reasons.items())),
            "without_consent": self.denied,
            "duplicates": self.profiles["duplicates"],
            "too_late": self.profiles["too_late"],
            "users": self.users,
            "shifts": self.profiles["shifts"],
            "abandoned_carts": self.profiles["deadlines"],
            "recommendations": self.ranks["ranked"],
            "written": self.ranks["written"],
            "seconds": round(self.seconds, 2),
            "state_bytes": self.profiles["state_bytes"],
            "events_per_second": round((self.events + self.rejects) / self.seconds) if self.seconds else 0,
            "stage_seconds": {name: round(seconds, 3) for name, seconds in self.stage_seconds().items()},
        }


class ReportReader:
    """Reads the JSON lines that a run has written so far.

    Parameters
    ----------
    folder
        Folder of the report sink. Files that are not committed yet are hidden and are not read.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read: set[str] = set()
        self.report = RunReport()

    def update(self) -> RunReport:
        """Read the files that came since."""
        if self._folder.exists():
            for path in sorted(self._folder.iterdir()):
                if path.name.startswith((".", "_")) or path.name in self._read:
                    continue
                self._read.add(path.name)
                for line in path.read_text(encoding="utf-8").splitlines():
                    self.report.add(json.loads(line.lstrip("\x05")))
        return self.report
