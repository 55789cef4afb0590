"""Processor time of a process and all that it started, from `/proc`."""

from __future__ import annotations

import os
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


def seconds_of(process: int) -> float:
    """Give the seconds of a process and its living descendants."""
    parents: dict[int, tuple[int, int]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                fields = (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()
            except OSError:
                continue  # it has ended
            parents[int(folder.name)] = (int(fields[1]), int(fields[11]) + int(fields[12]))
    total, family = 0, {process}
    grown = True
    while grown:
        children = {one for one, (parent, _) in parents.items() if parent in family} - family
        family |= children
        grown = bool(children)
    for one in family & parents.keys():
        total += parents[one][1]
    return total / TICKS
