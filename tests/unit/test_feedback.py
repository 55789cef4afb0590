"""Clicks, carts and purchases, and the recommendations that they came from."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.cli import main
from tests.unit.feedback_logs import MINUTE, START, event, recommendation, write
from training.feedback.attribution import WINDOWS, Attributed, Windows, attribute
from training.feedback.events import read_reactions
from training.feedback.report import feedback
from training.feedback.shown import read_shown
from training.feedback.wilson import rate
from udfs.archive import ArchiveError, ArchiveWriter
from udfs.blocks import pack_block
from udfs.decode import FRAMING_BYTES
from udfs.errors import SwerveError
from udfs.messages import messages
from udfs.schemas import load, local_id

AB = ("a", "b")


def join(folder: Path, shown: Any, events: Any, windows: Windows = WINDOWS) -> Attributed:
    write(folder, shown, events)
    return attribute(read_shown(folder)[0], read_reactions(folder), windows)


def marks(found: Attributed, name: str) -> list[tuple[str, str]]:
    """Recommendation and item of the places that have a mark."""
    return sorted((row["recommendation_id"], row["item_id"]) for row in found.places.iter_rows(named=True) if row[name])


def test_a_click_that_names_its_recommendation(tmp_path: Path) -> None:
    shown = [recommendation(1, "u", 0, AB), recommendation(2, "u", 1, AB)]
    found = join(tmp_path, shown, [event("select_item", "u", 2000, "b", "r1"), event("view_item", "u", 2001, "b", "r1")])
    assert marks(found, "clicked") == [("r1", "b")]
    assert marks(found, "assisted") == []
    assert (found.exposed, found.counts["clicks"], len(found.places)) == (False, 2, 4)


@pytest.mark.parametrize(
    ("minute", "item", "user", "attributed"),
    [
        (10, "a", "u", "r2"),  # the newest that showed it
        (10, "c", "u", "r1"),
        (34, "a", "u", "r2"),
        (36, "a", "u", None),
        (31, "c", "u", None),  # 31 minutes after r1
        (10, "a", "v", None),
        (10, "z", "u", None),
        (5, "a", "u", "r1"),  # at the moment of r2, which came after it
    ],
)
def test_a_view_that_names_none(tmp_path: Path, minute: float, item: str, user: str, attributed: str | None) -> None:
    shown = [recommendation(1, "u", 0, ("a", "c")), recommendation(2, "u", 5, AB)]
    found = join(tmp_path, shown, [event("view_item", user, minute, item)])
    assert marks(found, "assisted") == ([(attributed, item)] if attributed else [])
    assert marks(found, "clicked") == []


def test_windows_are_settings(tmp_path: Path) -> None:
    events = [event("view_item", "u", 2, "a"), event("purchase", "u", 4, "a"), event("purchase", "u", 6, "a")]
    found = join(tmp_path, [recommendation(1, "u", 0, AB)], events, Windows(2 * MINUTE, 2 * MINUTE))
    assert marks(found, "assisted_bought") == [("r1", "a")]
    assert attribute(read_shown(tmp_path)[0], read_reactions(tmp_path), Windows(MINUTE)).counts["assisted_views"] == 0


def test_a_purchase_goes_to_the_last_click_on_its_item(tmp_path: Path) -> None:
    shown = [recommendation(n, "u", n, AB) for n in (1, 2, 3)]
    events = [
        event("select_item", "u", 10, "a", "r1"),
        event("select_item", "u", 20, "a", "r2"),
        event("add_to_cart", "u", 25, "a"),
        event("purchase", "u", 30, "a", price=10.0, quantity=3),
        event("purchase", "u", 31, "b", price=5.0),
        event("select_item", "u", 40, "a", "r3"),
        event("purchase", "u", 20 + 1441, "a", price=1.0),
        event("purchase", "u", 40 + 1441, "a", price=1.0),
    ]
    found = join(tmp_path, shown, events)
    assert marks(found, "carted") == [("r2", "a")]
    assert marks(found, "bought") == [("r2", "a"), ("r3", "a")]
    assert found.places.filter(found.places["bought"])["revenue"].to_list() == [30.0, 1.0]


def test_a_purchase_that_names_its_recommendation(tmp_path: Path) -> None:
    shown = [recommendation(1, "u", 0, AB), recommendation(2, "u", 1, AB)]
    events = [event("select_item", "u", 2, "a", "r2"), event("purchase", "u", 3, "a", "r1", price=2.0)]
    found = join(tmp_path, shown, events)
    assert marks(found, "bought") == [("r1", "a")]


def test_a_click_counts_before_an_assisted_view(tmp_path: Path) -> None:
    shown = [recommendation(1, "u", 0, AB), recommendation(2, "u", 5, AB)]
    events = [event("select_item", "u", 1, "a", "r1"), event("view_item", "u", 6, "a"), event("purchase", "u", 7, "a")]
    found = join(tmp_path, shown, events)
    assert marks(found, "assisted") == [("r2", "a")]
    assert (marks(found, "bought"), marks(found, "assisted_bought")) == ([("r1", "a")], [])


def test_the_page_behind_a_click_is_no_second_one(tmp_path: Path) -> None:
    events = [event("select_item", "u", 1, "a", "r1"), event("view_item", "u", 1.1, "a")]
    found = join(tmp_path, [recommendation(1, "u", 0, AB)], events)
    assert (marks(found, "clicked"), marks(found, "assisted")) == ([("r1", "a")], [])


def test_what_cannot_be_is_counted_and_attributed_to_nothing(tmp_path: Path) -> None:
    events = [
        event("select_item", "v", 1, "a", "r1"),
        event("select_item", "u", 1, "z", "r1"),
        event("select_item", "u", 1, "a", "r9"),
        event("search", "u", 1, None, "r1"),
    ]
    found = join(tmp_path, [recommendation(1, "u", 0, AB)], events)
    assert found.counts == {"clicks": 0, "assisted_views": 0, "unknown_recommendation": 1, "of_another_user": 1, "not_in_the_list": 1}
    assert marks(found, "clicked") == []


def test_lists_that_were_seen_are_those_that_count(tmp_path: Path) -> None:
    shown = [recommendation(n, "u", n, ("a", "b", "c")) for n in range(5)]
    events = [
        event("view_item_list", "u", 10, None, "r1"),
        event("view_item_list", "u", 11, "b", "r2", recommendation_position=0),
        event("select_item", "u", 12, "c", "r3", recommendation_position=1),
        event("select_item", "u", 12, "b", "r2"),
        event("view_item_list", "u", 13, None),
    ]
    found = join(tmp_path, shown, events)
    rows = [(row["recommendation_id"], row["item_id"], row["position"], row["clicked"]) for row in found.places.iter_rows(named=True)]
    assert found.exposed
    assert rows == [("r1", "a", 0, False), ("r1", "b", 1, False), ("r1", "c", 2, False), ("r2", "b", 0, True), ("r3", "c", 1, True)]


def test_consent_to_statistics_is_asked_for(tmp_path: Path) -> None:
    shown = [recommendation(1, "u", 0, AB), recommendation(2, "v", 0, AB)]
    events = [
        event("select_item", "u", 1, "a", "r1", analytics_storage="DENIED"),
        event("select_item", "v", 1, "a", "r2", personalization_storage="DENIED"),
    ]
    found = join(tmp_path, shown, events)
    assert (marks(found, "clicked"), len(found.places)) == ([("r2", "a")], 2)
    assert feedback(tmp_path, tmp_path)["shown"]["without_consent"] == 1


def test_what_comes_twice_counts_once(tmp_path: Path) -> None:
    shown, events = [recommendation(1, "u", 0, AB)], [event("purchase", "u", 3, "a", "r1", price=2.0, event_id="same")]
    write(tmp_path, shown, events)
    write(tmp_path, shown, events)
    report = feedback(tmp_path, tmp_path)
    assert (report["shown"]["recommendations"], report["shown"]["delivered_again"]) == (1, 1)
    assert (report["total"]["shown"], report["total"]["purchases"], report["total"]["revenue"]) == (2, 1, 2.0)


def test_events_of_a_topic_and_of_another_version_of_the_schema(tmp_path: Path) -> None:
    ours = load("shop_event")
    newer = {**ours, "fields": [{"name": "extra", "type": "string"}, *ours["fields"]]}
    write(
        tmp_path / "newer",
        [recommendation(1, "u", 0, AB)],
        [event("select_item", "u", 1, "b", "r1", recommendation_position=4, extra="x")],
        newer,
    )
    assert read_reactions(tmp_path / "newer").events["position"].to_list() == [4]

    one = {"event_id": "1", **event("select_item", "u", 1, "b", "r1", recommendation_position=4)}
    values = [
        message.value
        for message in messages("shop_event", pack_block("shop_event", [one, {**one, "event_id": "2"}]), local_id("shop_event"))
    ]
    raw: list[dict[str, Any]] = [
        {"partition": 0, "offset": n, "timestamp": START, "key": b"u", "value": value, "headers": {}}
        for n, value in enumerate([*values, None, b"x", b"\0\0\0\0\1"])
    ]
    with ArchiveWriter(tmp_path / "raw", load("raw_record")) as writer:
        writer.append_records(raw)
    read = read_reactions(tmp_path / "raw")
    assert (read.read, read.rejects, read.events["position"].to_list()) == (2, 3, [4, 4])
    assert values[0] is not None
    assert len(values[0]) > FRAMING_BYTES


def test_a_damaged_block_is_left_out(tmp_path: Path) -> None:
    write(tmp_path, [recommendation(n, "u", n, AB) for n in range(6)], [])
    [path] = tmp_path.glob("recommendations-*.avro")
    data = bytearray(path.read_bytes())
    # The end of the first of three blocks: what follows is found again behind the second.
    data[data.index(data[-16:], data.index(data[-16:]) + 1)] ^= 0xFF
    path.write_bytes(data)
    assert read_shown(tmp_path)[0]["recommendation_id"].to_list() == ["r4", "r5"]


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(SwerveError, match=r"has no recommendations-\*\.avro"):
        read_shown(tmp_path)
    with ArchiveWriter(tmp_path, load("shop_event"), prefix="recommendations") as writer:
        writer.append_records([{"event_id": "1", **event("purchase", "u", 0, "a")}])
    with pytest.raises(ArchiveError, match="its schema has no surface"):
        read_shown(tmp_path)


def test_groups(tmp_path: Path) -> None:
    shown = [
        recommendation(1, "u", 0, AB),
        recommendation(2, "v", 0, AB, model_version="2", segment_name="prams", surface="cart"),
        recommendation(3, "w", 0, ("b", "a")),
    ]
    events = [
        event("select_item", "u", 1, "a", "r1"),
        event("select_item", "w", 1, "a", "r3"),
        event("select_item", "v", 1, "b", "r2"),
        event("purchase", "v", 2, "b", price=3.0),
    ]
    write(tmp_path, shown, events)
    report = feedback(tmp_path, tmp_path)
    picked = {
        group: [(row[group], row["shown"], row["clicks"], row["purchases"]) for row in report[f"by_{group}"]]
        for group in ("model", "segment", "reason", "position", "surface")
    }
    assert picked == {
        "model": [("m/1", 4, 2, 0), ("m/2", 2, 1, 1)],
        "segment": [("lamps", 4, 2, 0), ("prams", 2, 1, 1)],
        "reason": [("popular", 3, 1, 1), ("similar", 3, 2, 0)],
        "position": [(0, 3, 1, 0), (1, 3, 2, 1)],
        "surface": [("home", 4, 2, 0), ("cart", 2, 1, 1)],
    }
    total = report["total"]
    assert (total["lists"], total["lists_clicked"], total["click_through"]["value"], total["conversion"]["value"]) == (3, 3, 0.5, 1 / 3)
    assert "lists" not in report["by_position"][0]
    earlier = feedback(tmp_path, tmp_path, until=START)
    assert (earlier["total"]["shown"], earlier["total"]["click_through"], feedback(tmp_path, tmp_path, since=START)["total"]["shown"]) == (
        0,
        None,
        6,
    )


@given(st.integers(0, 500), st.integers(0, 500))
def test_an_interval_holds_its_share_and_stays_in_bounds(successes: int, more: int) -> None:
    found = rate(successes, successes + more)
    if found is None:
        assert successes + more == 0
        return
    assert 0 <= found["low"] <= found["value"] <= found["high"] <= 1
    other = rate(more, successes + more)
    assert other is not None
    assert other["low"] == pytest.approx(1 - found["high"], abs=1e-12)
    larger = rate(10 * successes, 10 * (successes + more))
    assert larger is not None
    assert larger["high"] - larger["low"] < found["high"] - found["low"]


KINDS = ("select_item", "view_item", "add_to_cart", "purchase", "view_item_list")


@settings(max_examples=40)
@given(st.data())
def test_each_event_is_attributed_at_most_once_and_order_in_the_files_is_nothing(
    tmp_path_factory: pytest.TempPathFactory, data: Any
) -> None:
    some = st.sampled_from
    shown = [
        recommendation(n, data.draw(some("uv")), data.draw(st.integers(0, 50)), data.draw(st.permutations("abcd"))[:3])
        for n in range(data.draw(st.integers(1, 5)))
    ]
    events = [
        {
            "event_id": f"e{n}",
            **event(
                data.draw(some(KINDS)), data.draw(some("uv")), n, data.draw(some("abcd")),
                data.draw(st.none() | some([one["recommendation_id"] for one in shown])), price=1.0,
            ),
        }
        for n in range(data.draw(st.integers(0, 12)))
    ]  # fmt: skip
    found = join(tmp_path_factory.mktemp("one"), shown, events)
    purchases = sum(one["event_name"] == "purchase" for one in events)
    assert found.places["revenue"].sum() <= purchases
    assert found.counts["clicks"] + found.counts["assisted_views"] <= sum(one["event_name"] in KINDS[:2] for one in events)
    assert not found.places.filter(found.places["clicked"] & found.places["assisted"]).height
    assert found.places.select("recommendation_id", "item_id").is_unique().all()
    mixed = join(tmp_path_factory.mktemp("other"), data.draw(st.permutations(shown)), data.draw(st.permutations(events)))
    for name in ("clicked", "assisted", "carted", "bought", "assisted_bought"):
        assert marks(mixed, name) == marks(found, name)
    assert set(itertools.chain(marks(found, "bought"), marks(found, "clicked"))) <= {
        (one["recommendation_id"], item["item_id"]) for one in shown for item in one["items"]
    }


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shown = [recommendation(1, "u", 0, AB), recommendation(2, "v", 1, AB)]
    write(
        tmp_path,
        shown,
        [event("select_item", "u", 1, "a", "r1"), event("purchase", "u", 2, "a", price=7.5), event("view_item", "v", 40, "a")],
    )
    assert main(["feedback", str(tmp_path), str(tmp_path), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["shown"]["counted"], document["total"]["clicks"], document["total"]["assisted"]) == ("emitted", 1, 0)
    assert main(["feedback", str(tmp_path), str(tmp_path), "--window", "1h", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["total"]["assisted"] == 1
    assert main(["feedback", str(tmp_path), str(tmp_path)]) == 0
    text = capsys.readouterr().out
    assert "2 recommendations; those emitted count: 2 lists, 4 places" in text
    assert "25.00 [4.56, 69.94]" in text
    assert "conversion %" in text
    write(tmp_path / "silent", shown, [event("view_item", "v", 2, "a"), event("purchase", "v", 3, "a")])
    assert main(["feedback", str(tmp_path / "silent"), str(tmp_path / "silent")]) == 0
    [line] = [line for line in capsys.readouterr().out.splitlines() if line.startswith("all")]
    assert line.split() == ["all", "4", "1", "25.00", "[4.56,", "69.94]", "1"]
    assert main(["feedback", str(tmp_path), str(tmp_path), "--window", "soon"]) == 2
    assert "is no duration" in capsys.readouterr().err
