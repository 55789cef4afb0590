"""The page and the list on a bundle's segments."""

from __future__ import annotations

import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from numpy.typing import NDArray

from jobs import cli
from models.bundle import Bundle
from models.manifest import Manifest
from models.write import write_bundle
from tests.unit.bundles import START, make_profiles, make_ranker, make_segments, make_tables
from training.history import read_history
from training.items import collect_items
from training.profiles import follow
from training.segmentation import Segmentation, count_moves, most_seen, segment
from training.segmentation.report import render_page, segments_document
from training.segmentation.report.svg import COLOURS, SHAPES, colour, element, percent, shape
from training.simulator import simulate
from udfs.errors import SwerveError
from udfs.events import EVENT, KIND
from udfs.features import FEATURES
from udfs.profile import empty_profiles
from udfs.segments import WARM_FROM, no_segments
from udfs.tables import BundleError
from udfs.update import VISIT_GAP_MS, Updater

HOSTILE = "<script>alert('x')</script> & \"Sons\""


def file_bundle(folder: Path, found: Segmentation, *, report: dict[str, Any] | None = None) -> Bundle:
    """A bundle with segments, and `segments.json` if there is a report."""
    manifest = Manifest(name="shop", version="7", created_at=START, features=FEATURES, segments=found.names)
    write_bundle(folder, manifest, make_ranker(), make_tables(segments=len(found.names)), found.model)
    if report is not None:
        (folder / "segments.json").write_text(json.dumps(report), encoding="utf-8")
    return Bundle.open(folder)


@pytest.fixture(scope="module")
def found() -> Segmentation:
    model = make_segments()
    names = dict.fromkeys(model.categories.tolist(), HOSTILE) | {int(model.categories[0]): "Prams"}
    return segment(make_profiles(400, events=30), model.categories, names, 0)


@pytest.fixture(scope="module")
def bundle(found: Segmentation, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return file_bundle(tmp_path_factory.mktemp("models") / "shop" / "7", found, report=found.report)


class Page(HTMLParser):
    """What is open at the end, and what the elements say."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.seen if name == tag]


def pictures(text: str) -> list[ET.Element]:
    return [ET.fromstring(svg) for svg in re.findall(r"<svg.*?</svg>", text, re.DOTALL)]


def test_the_page_needs_nothing_else_and_escapes_what_it_is_told(bundle: Bundle, found: Segmentation) -> None:
    text = render_page(segments_document(bundle))
    page = Page(text)
    assert page.open == []
    assert not page.all("script")
    assert not re.search(r"(?:src|href)=\"(?!#)|url\(|@import|https?:", text)
    assert "<script" not in text
    assert "&lt;script&gt;alert(&#x27;x&#x27;)&lt;/script&gt; &amp; &quot;Sons&quot;" in text
    cards = [one["id"] for one in page.all("article")]
    assert cards == [f"segment-{number}" for number in range(len(found.names))]
    assert {one["href"] for one in page.all("a")} == {"#segments", *(f"#{card}" for card in cards)}
    identities = [attributes["id"] for _, attributes in page.seen if "id" in attributes]
    assert len(identities) == len(set(identities))
    assert "#segments"[1:] in identities


def test_every_picture_says_what_it_shows_or_is_silent(bundle: Bundle) -> None:
    shown = pictures(render_page(segments_document(bundle)))
    told = [svg for svg in shown if svg.get("role") == "img"]
    assert all(svg.find("title") is not None and (svg.findtext("desc") or "") for svg in told)
    assert all(svg.get("aria-hidden") == "true" for svg in shown if svg.get("role") != "img")
    titles = [svg.findtext("title") for svg in told]
    assert titles.count("Map of shoppers by segment") == 1
    assert titles.count("Intent") == len(bundle.manifest.segments)
    assert "How far apart the groups of each way are (silhouette)" in titles


def test_two_dozen_segments_look_different() -> None:
    assert len({(colour(number), shape(number)) for number in range(24)}) == 24 == len(COLOURS) * len(SHAPES)


def test_parts_are_escaped() -> None:
    assert element("p", "a<b", element("b", "&"), class_='x"y', data_z=None) == '<p class="x&quot;y">a&lt;b<b>&amp;</b></p>'
    assert [percent(share) for share in (None, 0.0, 0.012, 0.5)] == ["–", "0 %", "1.2 %", "50 %"]


def test_what_training_wrote_down_is_told(bundle: Bundle, found: Segmentation) -> None:
    document = segments_document(bundle)
    assert document["bundle"] == {"name": "shop", "version": "7", "created_at": START}
    for told, one in zip(document["segments"], found.report["segments"], strict=True):
        assert {name: told[name] for name in one} == one
        assert [item["id"] for item in told["items"]] == [
            bundle.tables.item_id(item) for item in bundle.tables.segment_items[one["id"]][:5]
        ]
    assert "How shoppers move between segments is counted" in render_page(document)


def test_a_file_that_does_not_fit(bundle: Bundle, found: Segmentation, tmp_path: Path) -> None:
    for name, text, message in (
        ("a", None, "--archive ARCHIVE counts its segments"),
        ("b", "{", "cannot be read"),
        ("c", "[]", "format 1"),
        ("d", json.dumps({**found.report, "format": 2}), "format 1"),
        ("e", json.dumps({**found.report, "segments": []}), "other segments"),
    ):
        shutil.copytree(bundle.path, tmp_path / name)
        file = tmp_path / name / "segments.json"
        file.unlink()
        if text is not None:
            file.write_text(text)
        with pytest.raises(SwerveError) as caught:
            segments_document(Bundle.open(tmp_path / name))
        assert message in f"{caught.value.message} {caught.value.hint}"
        assert isinstance(caught.value, BundleError) is (text is not None)


def test_a_bundle_without_segments_has_a_page(tmp_path: Path) -> None:
    none = segment(empty_profiles(0), np.zeros(0, np.uint32), {}, 0)
    text = render_page(segments_document(file_bundle(tmp_path / "shop" / "1", none, report=none.report)))
    assert "too few shoppers" in text
    assert Page(text).open == []


# Moves


def log(*events: tuple[int, str, int]) -> NDArray[np.void]:
    """Events from (user, event name, visit)."""
    rows = np.zeros(len(events), EVENT)
    for i, (user, kind, visit) in enumerate(events):
        rows[i]["user"], rows[i]["kind"], rows[i]["event_time"] = user, KIND[kind], START + visit * (VISIT_GAP_MS + 60_000) + i
    return rows


def test_moves_and_visits_by_hand() -> None:
    events = log(
        (0, "view_item", 0), (1, "view_item", 0), (0, "view_item", 0), (0, "purchase", 0), (1, "purchase", 0),
        (0, "view_item", 1), (0, "view_item", 1), (2, "purchase", 1),
    )  # fmt: skip
    after = np.array([1000, 2, 0, 1, 1002, 1, 0, 1], np.int32)
    counted = count_moves(events, after, 3)
    assert counted["moves"] == [[0, 1, 0], [1, 0, 0], [0, 0, 0]]
    assert counted["arrivals"] == [1, 1, 1]
    assert counted["visits"] == [2, 2, 1], "a segment that the purchase only led to is not the visit's"
    assert counted["bought"] == [1, 1, 1], "of the segment in which she decided: 0 for user 0, 2 for user 1; user 2 had none before"


def test_no_moves() -> None:
    assert count_moves(np.zeros(0, EVENT), np.zeros(0, np.int32), 2) == {
        "moves": [[0, 0], [0, 0]], "arrivals": [0, 0], "visits": [0, 0], "bought": [0, 0]
    }  # fmt: skip
    assert count_moves(log((0, "view_item", 0)), np.array([1000], np.int32), 0)["moves"] == []


# Over an archive


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = Path(tmp_path_factory.mktemp("shop")) / "archive"
    simulate(folder, events=6_000, users=250, items=200, seed=4)
    return folder


@pytest.fixture(scope="module")
def of_shop(shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A bundle with the shop's segments, and without the file."""
    history = read_history(shop)
    _, names = collect_items(shop, history)
    profiles, _ = follow(history.events, history.users, no_segments(), np.ones(len(history.events), np.bool_))
    found = segment(profiles[profiles["n_events"] >= WARM_FROM], most_seen(history.events["category"]), names, 0)
    return file_bundle(tmp_path_factory.mktemp("models") / "shop" / "1", found)


def test_shoppers_are_counted_anew(shop: Path, of_shop: Bundle) -> None:
    told = list[int]()
    document = segments_document(of_shop, shop, lambda done, total: told.append(100 * done // total))
    assert told == sorted(told)
    assert told[-1] == 100
    history = read_history(shop)
    profiles = empty_profiles(history.users)
    changes = Updater(of_shop.segments).apply(profiles, history.events, latest_only=True).changes
    sizes = [int((profiles["segment"] == number).sum()) for number in range(len(of_shop.segments.centroids))]
    assert [one["size"] for one in document["segments"]] == sizes
    assert document["without"] == history.users - sum(sizes)
    assert document["profiles"] == history.users
    between = (changes["from_segment"] >= 0) & (changes["from_segment"] < len(sizes)) & (changes["from_segment"] != changes["to_segment"])
    assert sum(map(sum, document["flows"]["moves"])) == int(between.sum()) > 0
    assert [one["name"] for one in document["segments"]] == list(of_shop.manifest.segments)
    text = render_page(document)
    assert Page(text).open == []
    assert "All moves as a table" in text
    assert f"{history.users} shoppers of the archive {shop.name}" in text
    assert "How the segments were chosen" not in text, "a bundle without the file does not say"


def test_titles_come_from_the_catalogue(shop: Path, of_shop: Bundle) -> None:
    document = segments_document(of_shop, shop)
    assert all(item["title"] is None for one in document["segments"] for item in one["items"]), "the tables are of another shop"
    catalogue = shop.parent / "named"
    shutil.copytree(shop, catalogue)
    known = document["segments"][0]["items"][0]["id"]
    (catalogue / "catalog.csv").write_text(f"item_id,title\n{known},Lamp <3\n")
    named = segments_document(of_shop, catalogue)
    assert named["segments"][0]["items"][0]["title"] == "Lamp <3"
    assert "Lamp &lt;3" in render_page(named)


# The command


def test_the_commands(bundle: Bundle, found: Segmentation, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["segments", "list", str(bundle.path), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [one["name"] for one in document["segments"]] == list(found.names)
    assert "map" not in document
    assert cli.main(["segments", "list", str(bundle.path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1 + len(found.names)
    assert lines[0].split() == ["id", "name", "shoppers", "share", "price", "intent", "readiness", "bought"]
    assert all(name in line for name, line in zip(found.names, lines[1:], strict=True))

    page = tmp_path / "pages" / "segments.html"
    assert cli.main(["segments", "report", str(bundle.path), "--out", str(page), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told == {"page": str(page), "model": "shop", "version": "7", "shoppers": 400, "segments": len(found.names)}
    assert page.read_text(encoding="utf-8") == render_page(segments_document(bundle))
    assert cli.main(["segments", "report", str(bundle.path), "--out", str(tmp_path)]) == 1
    assert "cannot be written" in capsys.readouterr().err
    assert cli.main(["segments", "report", str(tmp_path), "--out", str(page)]) == 1
    assert "no model bundle" in capsys.readouterr().err
