"""Logs of the Open Bandit Dataset: their files, and a truth that is known but for noise."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jobs.cli import main
from tests.unit.project import ROOT
from training.off_policy import obd
from training.off_policy.evaluate import evaluate_log
from training.off_policy.overlap import NoOverlap
from udfs.errors import SwerveError, UsageError

DATA = ROOT.parent / "shared" / "data" / "obd_zozotown"
HEAD = "timestamp,item_id,position,click,propensity_score,user_feature_0\n"
ROWS = [(item, 1 + n % 2, int(n % 7 == 0), 0.25 if n % 3 else 0.5, f"kind{n % 3}") for n, item in enumerate([0, 1, 2, 3] * 30)]


def write(path: Path, rows: Any = ROWS, head: str = HEAD) -> Path:
    lines = [f"2019-11-24 00:{n // 60:02}:{n % 60:02}.5+00:00,{','.join(map(str, row))}" for n, row in enumerate(rows)]
    path.write_bytes(gzip.compress((head + "".join(f"{line}\n" for line in lines)).encode()))
    return path


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return write(tmp_path / "log.csv.gz")


def test_a_log_is_read(log: Path) -> None:
    read = obd.read_log(log)
    assert (len(read.item), read.items, read.positions, read.user.shape, read.affinity) == (120, 4, 2, (120, 1), None)
    assert (read.item[:5].tolist(), read.position[:3].tolist(), read.reward.sum()) == ([0, 1, 2, 3, 0], [0, 1, 0], 18)
    assert (read.time[1] - read.time[0], read.time[0]) == (1000, 1_574_553_600_500)
    assert obd.read_log(log, 9).items == 9


@pytest.mark.parametrize(
    ("rows", "head", "says"),
    [
        ([(0, 1, 0, 0.0, "a")], HEAD, "line 2: a propensity is above 0"),
        ([(0, 0, 0, 0.5, "a")], HEAD, "positions count from 1"),
        ([(0, 1, 0, 0.5, "a"), (0, 1, 2, 0.5, "a")], HEAD, "line 3: click is 0 or 1"),
        ([("x", 1, 0, 0.5, "a")], HEAD, "not what its column says"),
        ([(0, 1, 0, 0.5, "a")], HEAD.replace("click", "clack"), "has no column click"),
        ([], HEAD, "has no rows"),
    ],
)
def test_what_is_no_log_is_refused(tmp_path: Path, rows: Any, head: str, says: str) -> None:
    with pytest.raises(SwerveError, match=says):
        obd.read_log(write(tmp_path / "bad.csv.gz", rows, head))


def test_more_items_than_there_are(log: Path) -> None:
    with pytest.raises(SwerveError, match="not below 3"):
        obd.read_log(log, 3)


def test_a_policy_is_read_from_a_table(tmp_path: Path, log: Path) -> None:
    table = tmp_path / "policy.csv"
    table.write_text("item_id,probability\n0,0.5\n3,0.5\n")
    assert obd.read_policy(table, obd.read_log(log)).tolist() == [[0.5, 0, 0, 0.5]] * 2
    table.write_text("item_id,position,probability\n0,1,1\n3,2,1\n")
    assert obd.read_policy(table, obd.read_log(log)).tolist() == [[1, 0, 0, 0], [0, 0, 0, 1]]
    for text, says in (
        ("item_id,probability\n0,0.5\n", "add up to 0.5, not 1"),
        ("item_id,probability\n4,1\n", "not below 4"),
        ("item_id,position,probability\n0,3,1\n", "not between 1 and 2"),
        ("item,probability\n0,1\n", "no column item_id"),
    ):
        table.write_text(text)
        with pytest.raises(SwerveError, match=says):
            obd.read_policy(table, obd.read_log(log))


def test_the_command_gives_a_document_and_a_table(log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = tmp_path / "first.csv"
    table.write_text("item_id,probability\n0,1\n")
    arguments = ["off-policy", "obd", str(log), "--policy", "uniform", "--policy", "greedy", "--policy", str(table), "--policy", str(log)]
    assert main([*arguments, "--resamples", "50", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [one["rows"] for one in document["policies"]] == [120, 60, 120, 120]
    assert document["log"]["clicks"] == 18
    only = document["policies"][2]
    rows = [row for row in ROWS if row[0] == 0]
    assert only["estimates"]["ips"]["value"] == pytest.approx(sum(row[2] / row[3] for row in rows) / 120)
    assert only["overlap"]["max_weight"] == 4
    assert document["policies"][3]["on_policy"]["value"] == pytest.approx(18 / 120)
    assert main([*arguments, "--resamples", "50"]) == 0
    text = capsys.readouterr().out
    for line in ("120 impressions of 4 items at 2 positions, 18 clicks", "clipped_dr", "in its own log", "! ", "position 2"):
        assert line in text


def test_a_policy_that_nothing_in_the_log_tells_of(log: Path, tmp_path: Path) -> None:
    table = tmp_path / "elsewhere.csv"
    table.write_text("item_id,probability\n5,1\n")
    with pytest.raises(NoOverlap, match="nothing in the log is what this policy would show"):
        evaluate_log(write(tmp_path / "other.csv.gz", [(0, 1, 0, 0.5, "a"), (6, 1, 1, 0.5, "a")] * 5), [str(table)])
    sure = write(tmp_path / "sure.csv.gz", [(0, 1, 1, 1.0, "a")] * 20)
    with pytest.raises(NoOverlap, match="every propensity"):
        evaluate_log(sure, ["uniform"])
    with pytest.raises(UsageError, match="there is no policy elsewhere"):
        evaluate_log(log, ["elsewhere"])


@pytest.mark.skipif(not DATA.exists(), reason="the slices of the dataset are not there")
@pytest.mark.parametrize("campaign", ["all", "men", "women"])
def test_the_value_of_one_policy_is_found_from_the_log_of_another(campaign: str) -> None:
    random, other = DATA / f"random_{campaign}.csv.gz", DATA / f"bts_{campaign}.csv.gz"
    items = DATA / f"random_{campaign}_item_context.csv.gz"
    document = evaluate_log(random, ["uniform", str(other)], items, resamples=300)
    own, theirs = document["policies"]
    mean = document["log"]["on_policy"]["value"]
    assert own["estimates"]["ips"]["value"] == pytest.approx(mean, rel=1e-6)
    assert own["overlap"]["effective"] == pytest.approx(10_000)
    truth = theirs["on_policy"]
    for name in ("ips", "snips", "dr"):
        estimate = theirs["estimates"][name]
        # Both are uncertain: their intervals meet.
        assert estimate["low"] < truth["high"]
        assert truth["low"] < estimate["high"]
    assert np.isfinite(theirs["estimates"]["dm"]["value"])
