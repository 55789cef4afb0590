"""The report of a run is the sum of its lines, in whatever files and order they come; and what parts the rows of the job."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.reports import ReportReader, RunReport
from jobs.rows import Tag, row, where
from udfs.update import COUNTERS

SECOND = 1_000_000_000
LINES: list[dict[str, Any]] = [
    {"stage": "collapse", "at_ns": 10 * SECOND, "busy_ns": SECOND, "events": 90, "denied": 7, "reasons": {"empty": 1}},
    {"stage": "collapse", "at_ns": 11 * SECOND, "busy_ns": SECOND, "events": 95, "denied": 0, "reasons": {"empty": 2, "malformed": 2}},
    {
        "stage": "profiles", **dict.fromkeys(COUNTERS, 3),
        "new_users": 4, "state_bytes": 1000, "at_ns": 12 * SECOND, "busy_ns": 3 * SECOND, "kernel_ns": SECOND, "state_ns": SECOND,
    },
    {"stage": "profiles", **dict.fromkeys(COUNTERS, 2)},
    {
        "stage": "profiles", **dict.fromkeys(COUNTERS, 1),
        "new_users": 1, "state_bytes": -400, "at_ns": 13 * SECOND, "busy_ns": SECOND, "kernel_ns": SECOND, "state_ns": 0,
    },
    {"stage": "rank", "at_ns": 14 * SECOND, "busy_ns": 2 * SECOND, "ranked": 9, "written": 8, "stale": 1, "redis_ns": SECOND, "rank_ns": 1},
]  # fmt: skip


def report_of(lines: list[dict[str, Any]]) -> RunReport:
    report = RunReport()
    for line in lines:
        report.add(dict(line))
    return report


def test_the_sums() -> None:
    found = report_of(LINES).as_json()
    stages = found.pop("stage_seconds")
    assert found == {
        "events": 185,
        "rejects": 5,
        "rejects_by_reason": {"empty": 3, "malformed": 2},
        "without_consent": 7,
        "duplicates": 6,
        "too_late": 6,
        "users": 5,
        "shifts": 6,
        "abandoned_carts": 6,
        "recommendations": 9,
        "written": 8,
        "seconds": 6.0,
        "state_bytes": 600,
        "events_per_second": 32,
    }
    assert {name: stages[name] for name in ("collapse", "profiles.kernel", "profiles", "rank.redis", "rank")} == {
        "collapse": 2.0,
        "profiles.kernel": 2.0,
        "profiles": 4.0,
        "rank.redis": 1.0,
        "rank": 2.0,
    }


@given(st.permutations(LINES))
def test_the_order_of_lines_does_not_matter(lines: list[dict[str, Any]]) -> None:
    assert report_of(lines) == report_of(LINES)


def test_a_run_that_did_nothing() -> None:
    found = RunReport().as_json()
    assert (found["seconds"], found["events_per_second"], found["rejects"]) == (0.0, 0, 0)


def test_files_are_read_once_when_they_are_committed(tmp_path: Path) -> None:
    reader = ReportReader(tmp_path / "report")
    assert reader.update() == RunReport()
    folder = tmp_path / "report"
    folder.mkdir()
    tag = chr(Tag.REPORT)
    (folder / "part-0").write_text("".join(f"{tag}{json.dumps(line)}\n" for line in LINES[:3]), encoding="utf-8")
    (folder / ".part-1.inprogress").write_text(f"{tag}{json.dumps(LINES[3])}\n", encoding="utf-8")
    (folder / "_SUCCESS").write_text("", encoding="utf-8")
    assert reader.update() == report_of(LINES[:3])
    (folder / ".part-1.inprogress").rename(folder / "part-1")
    assert reader.update() == report_of(LINES[:4])
    assert reader.update() == report_of(LINES[:4])


def bounds(condition: str) -> tuple[bytes, bytes]:
    """The bytes between which `where` looks."""
    least, above = (bytes.fromhex(part.split("X'")[1].split("'")[0]) for part in condition.split(" AND "))
    return least, above


@pytest.mark.parametrize("tag", list(Tag))
@pytest.mark.parametrize("body", [b"", b"\x00", b"\xff\xff"])
def test_rows_are_parted_by_their_first_byte(tag: Tag, body: bytes) -> None:
    least, above = bounds(where(tag))
    assert [other for other in Tag if least <= row(other, body) < above] == [tag]


@pytest.mark.parametrize(("first", "last"), list(pairwise(Tag)))
def test_a_range_of_tags_holds_both_its_ends(first: Tag, last: Tag) -> None:
    least, above = bounds(where(first, last))
    assert [tag for tag in Tag if least <= row(tag, b"\xff") < above] == [first, last]
