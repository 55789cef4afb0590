"""The servers of a running job are killed one after the other: nothing is lost, and nothing in Redis stays old."""

import json
from pathlib import Path

import pytest

from bench.chaos.faults import KINDS
from jobs import cli


def test_nothing_is_lost_and_nothing_stays_old(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["bench", "chaos", "--minutes", "0.5", "--users", "800", "--keep", str(tmp_path), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["differences"] == []
    assert (report["lost"], report["stale"]) == (0, 0)
    assert set(report["faults"]) == set(KINDS)
    # What was compared was not nothing: users with and without an event since Redis was emptied, bad values and good ones.
    assert 0 < report["silent_users"] < report["users"]
    assert report["events"] > 10_000
    assert report["dead_letters"] > 0
    assert report["segment_changes"] > 0
