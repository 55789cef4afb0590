"""The oracle's constants are the ones of the page that it was written from."""

import re
from pathlib import Path

from tests.oracle import constants as c

PAGE = (Path(__file__).parents[2] / "docs" / "semantics.md").read_text()


def table(header: str) -> list[list[str]]:
    """The rows of the table of the page whose header row starts with some text."""
    lines = PAGE.splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith(header))
    rows: list[list[str]] = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            return rows
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows


def number(text: str) -> float:
    found = re.match(r"[\d ]+(\.\d+)?", text)
    assert found, text
    return float(found[0].replace(" ", ""))


def test_kinds_are_those_of_the_table() -> None:
    rows = {name: (int(kind), int(group), interest == "yes", ring == "yes") for kind, name, group, interest, ring in table("| kind |")}
    assert rows == c.KINDS


def test_windows_are_those_of_the_table() -> None:
    rows = {name: (number(pane), number(panes)) for name, pane, panes in table("| window |")}
    assert rows == {"short": (c.SHORT_PANE, c.SHORT_PANES), "long": (c.LONG_PANE, c.LONG_PANES)}


def test_the_shift_rule_has_the_numbers_of_the_table() -> None:
    (row,) = table("| a | beta |")
    constants = (c.INTENT_SHARE, c.TASTE_PRIOR, c.TASTE_SLOTS, c.LEAST_SHARE, c.GLANCE, c.ACT, c.LEAD, c.SHIFT_AT)
    assert [float(cell) for cell in row] == list(constants)
    assert f"Evidence and own are at most {c.EVIDENCE_MAX:_}".replace("_", " ") in PAGE


def test_the_profile_has_the_fields_of_the_table() -> None:
    from dataclasses import fields

    from tests.oracle.profile import Profile

    named: list[str] = []
    sizes: dict[str, int] = {}
    for cell, _ in table("| field | meaning |"):
        for name in cell.split(", "):
            found = re.fullmatch(r"(\w+)(?:\[(\d+)\])?", name)
            assert found, name
            named.append(found[1])
            if found[2]:
                sizes[found[1]] = int(found[2])
    assert named == [field.name for field in fields(Profile)]
    assert sizes == {name: len(getattr(Profile(), name)) for name in sizes}
    assert sizes == {"counts": c.GROUPS, "items": c.ITEMS, "bought": c.BOUGHT, "categories": c.CATEGORIES, "seen": c.SEEN}


def test_rejects_have_the_limits_of_the_table() -> None:
    meanings = dict(table("| reason | when |"))
    assert f"{c.TOO_LARGE:_}".replace("_", " ") in meanings["too_large"]
    assert f"{c.YEAR_2000:_}".replace("_", " ") in meanings["time_too_old"]
    assert f"{c.FUTURE:_}".replace("_", " ") in meanings["time_in_future"]
