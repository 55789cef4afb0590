"""The servers of a running job are killed one after the other: nothing is lost, and nothing in Redis stays old."""

from pathlib import Path

from bench.chaos.faults import KINDS
from bench.chaos.run import run


def test_nothing_is_lost_and_nothing_stays_old(tmp_path: Path) -> None:
    """The short form, at a rate that the oracle, which is slow, goes through in seconds."""
    report = run(print, minutes=0.25, users=500, rate=200, keep=tmp_path)
    assert report["differences"] == []
    assert (report["lost"], report["stale"]) == (0, 0)
    assert set(report["faults"]) == set(KINDS)
    # What was compared was not nothing: users with and without an event since Redis was emptied, bad values and good ones.
    assert 0 < report["silent_users"] < report["users"]
    assert report["events"] > 3_000
    assert report["dead_letters"] > 0
    assert report["segment_changes"] > 0
