"""Sessions: which events belong together, and the item sequences that they make."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.bundles import START
from training.history import read_history
from training.importers import import_file
from training.sessions import clicks, item_numbers, item_sessions, next_clicks, number_sessions
from udfs.events import EVENT, GOES_TO_RING, KIND
from udfs.hashing import hash64

MINUTE = 60_000


def log(*events: tuple[int, int, str, str]) -> Any:
    """Events from (user, minute, event name, item)."""
    rows = np.zeros(len(events), EVENT)
    for i, (user, minute, kind, item) in enumerate(events):
        rows[i]["user"], rows[i]["event_time"], rows[i]["kind"], rows[i]["item"] = user, START + MINUTE * minute, KIND[kind], hash64(item)
    return rows


def test_a_session_is_a_user_s_and_an_id_s_or_else_a_visit() -> None:
    minutes = ((0, 0), (1, 0), (0, 5), (0, 40), (0, 71), (1, 90), (0, 99), (0, 120))
    events = log(*((user, minute, "view_item", "a") for user, minute in minutes))
    ids = np.array([7, 7, 7, 0, 0, 7, 0, 8], np.uint64)
    # 40 is one visit, for 71 lies 31 minutes later; 71 and 99 are one; an id holds over a gap, and for its user alone.
    assert number_sessions(events, ids).tolist() == [0, 1, 0, 2, 3, 1, 3, 4]
    assert number_sessions(events[:0], ids[:0]).tolist() == []


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 40), st.integers(0, 3)), max_size=40))
def test_numbers_against_a_dictionary(rows: list[tuple[int, int, int]]) -> None:
    events = log(*((user, 0, "view_item", "a") for user, _, _ in rows))
    events["event_time"] = START + MINUTE * np.cumsum([gap for _, gap, _ in rows])
    seen: dict[tuple[int, bool, int], int] = {}
    last: dict[int, tuple[int, int]] = {}
    expected = []
    for (user, _, name), time in zip(rows, events["event_time"].tolist(), strict=True):
        before, visit = last.get(user, (time, 0))
        visit += time - before > 30 * MINUTE
        last[user] = (time, visit)
        expected.append(seen.setdefault((user, name == 0, name or visit), len(seen)))
    assert number_sessions(events, np.array([name for _, _, name in rows], np.uint64)).tolist() == expected


def test_item_sequences() -> None:
    events = log(
        (0, 0, "view_item", "a"), (1, 1, "view_item", "b"), (0, 2, "search", "a"), (0, 3, "view_item", "x"),
        (0, 2, "view_item", "a"), (1, 9, "page_view", ""), (2, 9, "page_view", ""),
    )  # fmt: skip
    session = np.array([0, 1, 0, 0, 0, 1, 2])
    items = np.array([hash64("b"), hash64("a")], np.uint64)
    found = item_sessions(events, session, items)
    assert found.items.tolist() == [1, -1, 1, 0]
    assert found.rows.tolist() == [0, 3, 4, 1]
    assert (found.ends.tolist(), found.starts.tolist(), found.lengths.tolist()) == ([3, 4], [0, 3], [3, 1])
    assert ((found.first_time - START) // MINUTE).tolist() == [0, 1]
    assert ((found.last_time - START) // MINUTE).tolist() == [3, 1]
    assert item_sessions(events, session, items, least=2).items.tolist() == [1, -1, 1]
    assert item_sessions(events[:0], session[:0], items).ends.tolist() == []
    assert item_numbers(events["item"], items[:0]).tolist() == [-1] * 7


def test_clicks_are_views_where_there_are_any() -> None:
    events = log(
        (0, 0, "view_item", "a"), (0, 1, "add_to_cart", "a"), (0, 2, "purchase", "a"), (0, 3, "view_item", ""), (0, 4, "search", "a")
    )
    assert clicks(events).tolist() == [True, False, False, False, False]
    assert clicks(events[1:]).tolist() == [True, True, False, False], "a log of carts and purchases"


def test_what_follows_a_click() -> None:
    events = log(
        (0, 0, "view_item", "a"), (1, 1, "view_item", "x"), (0, 2, "view_item", "a"), (0, 3, "view_item", "b"), (1, 9, "search", "")
    )
    found = next_clicks(events, item_sessions(events, events["user"].astype(np.int64), np.zeros(0, np.uint64)))
    assert found.row.tolist() == [0, 2]
    assert found.item.tolist() == [hash64("a"), hash64("b")]
    assert ((found.begun - START) // MINUTE).tolist() == [0, 0]


def test_the_sessions_of_an_archive(tmp_path: Path) -> None:
    rows = [("u1", "s1", 0), ("u2", "s1", 1), ("u1", "", 2), ("u1", "s1", 70), ("u1", "", 71), ("u1", "", 90)]
    text = "user_id,session_id,item_id,event_time\n" + "".join(f"{u},{s},i{m},{START + MINUTE * m}\n" for u, s, m in rows)
    (tmp_path / "rows.csv").write_text(text)
    import_file("csv", tmp_path / "rows.csv", tmp_path / "archive")
    history = read_history(tmp_path / "archive")
    groups: dict[int, list[int]] = {}
    for number, minute in zip(history.session.tolist(), ((history.events["event_time"] - START) // MINUTE).tolist(), strict=True):
        groups.setdefault(number, []).append(minute)
    assert sorted(groups.values()) == [[0, 70], [1], [2], [71, 90]]
    assert np.all(GOES_TO_RING[history.events["kind"]])
