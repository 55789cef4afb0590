"""What another bundle would have earned, from lists whose clicks follow a law that is known."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from jobs.cli import main
from models.bundle import Bundle
from tests.unit.bundles import START, make_bundle, make_ranker, make_tables
from training.feedback.attribution import attribute
from training.feedback.events import read_reactions
from training.feedback.shown import read_shown
from training.history import read_history
from training.off_policy.click_model import fit_clicks, placing_chances
from training.off_policy.lists import evaluate_lists
from training.off_policy.overlap import NoOverlap
from training.off_policy.requests import rank_again
from training.profiles import follow
from udfs.archive import ArchiveWriter
from udfs.blocks import unpack_block
from udfs.errors import SwerveError, UsageError
from udfs.rank import Ranker
from udfs.schemas import load

ITEMS, USERS, VIEWS, TOP = 25, 150, 8, 6
#: What the rankers see: numbers of one size, so that no single one decides every list.
SEES = ("brand_match", "subcategory_match", "popularity", "category_popularity", "trend", "conversion", "category_short", "seen_place")
EXAMINED = np.array([1.0, 0.8, 0.6, 0.45, 0.35, 0.3])


@dataclass
class Shop:
    """A log, the bundle that made it, and the law of its clicks."""

    folder: Path
    bundle: Bundle
    random: np.random.Generator

    def attraction(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        popular, matches = features[..., SEES.index("popularity")], features[..., SEES.index("brand_match")]
        return np.asarray(1 / (1 + np.exp(1.5 - 2.0 * popular - matches)), np.float64)

    def profiles(self, bundle: Bundle) -> NDArray[np.void]:
        history = read_history(self.folder)
        found, _ = follow(history.events, history.users, bundle.segments, np.ones(len(history.events), np.bool_))
        return found

    def value(self, bundle: Bundle) -> float:
        """The clicks a list that a bundle would have, by the law."""
        ranker = Ranker(bundle, ITEMS, TOP)
        _, rows, _, chosen = ranker.stages(self.profiles(bundle))
        rows = rows.reshape(-1, ranker.rows, rows.shape[1])
        shown = np.take_along_axis(rows, np.maximum(chosen.position, 0)[:, :, None], 1)
        return float((np.where(chosen.position >= 0, self.attraction(shown), 0) * EXAMINED).sum(1).mean())


def views(random: np.random.Generator) -> list[dict[str, Any]]:
    rows = [(START + 60_000 * n + user, user, int(random.integers(0, ITEMS))) for user in range(USERS) for n in range(VIEWS)]
    return [
        {
            "event_id": f"v{time}", "user_id": f"u{user}", "event_name": "view_item", "event_time": time, "item_id": f"i{item}",
            "item_category": f"c{item % 4}", "price": 10.0, "analytics_storage": "GRANTED", "personalization_storage": "GRANTED",
        }
        for time, user, item in sorted(rows)
    ]  # fmt: skip


def make_shop(folder: Path, *, order: str = "ranked", told: bool = True, seed: int = 0) -> Shop:
    """Views, what a bundle recommends after each, and clicks by the law."""
    random = np.random.default_rng(seed)
    tables = make_tables(items=ITEMS, in_stock=np.ones(ITEMS, np.uint8))
    bundle = make_bundle(folder / "m" / "1", tables, make_ranker(SEES, seed), SEES)
    shop = Shop(folder, bundle, random)
    events = views(random)
    with ArchiveWriter(folder, load("shop_event"), 0) as writer:
        writer.append_records(events)
    ranker, profiles = Ranker(bundle, ITEMS, TOP), shop.profiles(bundle)
    ranked = ranker.rank([event["user_id"].encode() for event in events], profiles, np.ones(len(events), np.uint8), 0)
    with ArchiveWriter(folder, load("recommendation"), prefix="recommendations") as writer:
        count, body = unpack_block(ranked.block())
        writer.append(body, count)
    _, rows, _, chosen = ranker.stages(profiles)
    rows = rows.reshape(len(events), ranker.rows, rows.shape[1])
    reactions: list[dict[str, Any]] = []
    for number, (event, value) in enumerate(zip(events, ranked.values)):
        document = json.loads(value[0])
        places = random.permutation(len(document["items"])) if order == "shuffled" else np.arange(len(document["items"]))
        chance = shop.attraction(rows[number, chosen.position[number, : len(places)]]) * EXAMINED[places]
        for item, place, clicked in zip(document["items"], places.tolist(), random.random(len(places)) < chance):
            for name in ("view_item_list", "select_item")[not told :][: 1 + bool(clicked)] if told or clicked else ():
                reactions.append(
                    {
                        # The click itself is no part of her profile: she has not consented to that.
                        **event, "event_id": f"r{len(reactions)}", "event_name": name, "event_time": event["event_time"] + 10_000_000,
                        "item_id": item["item_id"], "recommendation_id": document["recommendation_id"],
                        "recommendation_position": place, "personalization_storage": "DENIED",
                    }
                )  # fmt: skip
    with ArchiveWriter(folder, load("shop_event"), 1) as writer:
        writer.append_records(reactions)
    return shop


def other(shop: Shop, seed: int = 4) -> Bundle:
    """A bundle of the same tables that ranks otherwise."""
    return make_bundle(shop.folder / "m" / str(seed), shop.bundle.tables, make_ranker(SEES, seed), SEES)


def estimate(shop: Shop, bundle: Bundle, **changes: Any) -> dict[str, Any]:
    return evaluate_lists(shop.folder, shop.folder, bundle.path, candidates=ITEMS, resamples=200, **changes)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    return make_shop(tmp_path_factory.mktemp("shop"))


def holds(found: dict[str, float], truth: float) -> bool:
    return found["low"] <= truth <= found["high"]


def test_the_bundle_that_made_the_log_has_its_value(shop: Shop) -> None:
    found = estimate(shop, shop.bundle)
    assert found["overlap"]["covered"] == pytest.approx(1)
    assert found["overlap"]["same_place"] == found["overlap"]["places"] == found["overlap"]["shared"]
    for name in ("ips", "snips"):
        assert found["estimates"][name] == pytest.approx(found["estimates"]["logged"])
        assert found["difference"][name] == pytest.approx({"value": 0, "low": 0, "high": 0}, abs=1e-9)
    assert found["overlap"]["warnings"] == []
    assert (found["log"]["unmatched"], found["log"]["lists"], found["log"]["models"]) == (0, USERS * VIEWS, ["test/1"])
    assert found["log"]["counted"] == "exposed"


def test_another_bundle_has_the_value_that_the_law_says(shop: Shop) -> None:
    second = other(shop)
    truth, logged = shop.value(second), shop.value(shop.bundle)
    found = estimate(shop, second, examined=EXAMINED)
    assert holds(found["estimates"]["logged"], logged)
    assert 0.2 < found["overlap"]["covered"] < 0.9
    for name in ("dm", "dr", "clipped_dr"):
        assert found["estimates"][name]["value"] == pytest.approx(truth, rel=0.08)
    assert holds(found["estimates"]["dr"], truth)
    assert holds(found["difference"]["dr"], truth - logged)
    # What the log never showed counts as nothing, or as the rest.
    assert found["estimates"]["ips"]["value"] == pytest.approx(truth * found["overlap"]["covered"], rel=0.2)
    assert found["estimates"]["snips"]["value"] == pytest.approx(truth, rel=0.2)
    assert "ips takes the rest as never clicked" in found["overlap"]["warnings"][0]


def test_an_order_by_chance_gives_examination_and_needs_no_click_model(tmp_path: Path) -> None:
    shop = make_shop(tmp_path, order="shuffled")
    found = estimate(shop, shop.bundle, temperature=np.inf)
    assert found["examination"] == pytest.approx(EXAMINED, rel=0.25)
    truth = shop.value(shop.bundle)
    assert holds(found["estimates"]["by_placing"], truth)
    assert holds(found["estimates"]["ips"], truth) or found["estimates"]["ips"]["value"] == pytest.approx(truth, rel=0.1)
    # In the shuffled log itself the best places are not for the best items.
    assert found["estimates"]["dr"]["value"] == pytest.approx(truth, rel=0.1)


def test_without_exposures_there_is_a_warning_and_no_order_by_chance(tmp_path: Path) -> None:
    shop = make_shop(tmp_path, told=False)
    found = estimate(shop, shop.bundle)
    assert found["log"]["counted"] == "emitted"
    assert "no view_item_list" in found["overlap"]["warnings"][0]
    with pytest.raises(UsageError, match="no view_item_list"):
        estimate(shop, shop.bundle, temperature=1.0)


def test_what_tells_nothing_is_refused(tmp_path: Path, shop: Shop) -> None:
    strangers = make_tables(items=ITEMS, ids=[f"x{i}" for i in range(ITEMS)], in_stock=np.ones(ITEMS, np.uint8))
    with pytest.raises(NoOverlap, match="shows nothing of what the log shows") as caught:
        estimate(shop, make_bundle(tmp_path / "m" / "2", strangers))
    assert "to a share of the shoppers" in caught.value.hint
    with pytest.raises(SwerveError, match="no recommendation counts"):
        estimate(shop, shop.bundle, until=5)
    with pytest.raises(UsageError, match="one number above 0"):
        estimate(shop, shop.bundle, examined=[1.0, 0.5])
    # Later events alone give other profiles.
    late = tmp_path / "late"
    with ArchiveWriter(late, load("shop_event")) as writer:
        writer.append_records([event for event in views(np.random.default_rng(0)) if event["event_time"] > START + 300_000])
    with pytest.raises(SwerveError, match="have a profile in these events"):
        evaluate_lists(shop.folder, late, shop.bundle.path, candidates=ITEMS)


def test_little_in_common_leaves_the_model_alone(tmp_path: Path, shop: Shop) -> None:
    ids = [f"i{i}" if i < 4 else f"x{i}" for i in range(ITEMS)]
    tables = make_tables(items=ITEMS, ids=ids, in_stock=np.ones(ITEMS, np.uint8))
    bundle = make_bundle(tmp_path / "m" / "2", tables, make_ranker(SEES), SEES)
    found = estimate(shop, bundle)
    assert found["overlap"]["covered"] < 0.2
    assert set(found["estimates"]) == {"logged", "dm"}
    assert "only dm is given" in found["overlap"]["warnings"][0]


def test_profiles_are_those_of_the_log(shop: Shop) -> None:
    places = attribute(read_shown(shop.folder)[0], read_reactions(shop.folder)).places
    again = rank_again(Ranker(shop.bundle, ITEMS, TOP), read_history(shop.folder), places, TOP)
    assert np.array_equal(again.place, again.position)
    assert np.isfinite(again.features).all()
    assert np.array_equal(np.nan_to_num(again.target[again.list, again.place]), again.features)
    deadline = places.with_columns(reasons=32)
    assert rank_again(Ranker(shop.bundle, ITEMS, TOP), read_history(shop.folder), deadline, TOP).unmatched == USERS * VIEWS


def test_the_click_model_finds_examination_and_attraction() -> None:
    random = np.random.default_rng(3)
    features = random.normal(size=(60_000, 3)).astype(np.float32)
    attraction = 1 / (1 + np.exp(1.0 - features @ np.array([1.0, -0.5, 0.0])))
    # As a ranker does: what attracts stands higher, but not always.
    position = np.clip(np.round(3 - 1.2 * features[:, 0] + random.normal(size=60_000)), 0, 5).astype(np.int64)
    clicked = random.random(60_000) < attraction * EXAMINED[position]
    found = fit_clicks(features, position, clicked, 6)
    assert found.examined == pytest.approx(EXAMINED, rel=0.12)
    assert np.abs(found.attraction(features) - attraction).mean() < 0.03
    given = fit_clicks(features, position, clicked, 6, EXAMINED)
    assert given.examined.tolist() == EXAMINED.tolist()
    assert np.abs(given.attraction(features) - attraction).mean() < 0.01


def test_chances_of_places() -> None:
    assert placing_chances(np.array([3.0, 1.0]), np.inf, 1, 0).tolist() == [[0.5, 0.5], [0.5, 0.5]]
    chances = placing_chances(np.log([1.0, 2.0, 5.0]), 1.0, 20_000, 0)
    assert chances.sum(0) == pytest.approx(np.ones(3))
    assert chances.sum(1) == pytest.approx(np.ones(3))
    assert chances[:, 0] == pytest.approx([1 / 8, 2 / 8, 5 / 8], abs=0.015)
    assert chances[0, 1] == pytest.approx(2 / 8 * 1 / 6 + 5 / 8 * 1 / 3, abs=0.015)


def test_the_command(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    common = ["off-policy", "log", "--recommendations", str(shop.folder), "--events", str(shop.folder), "--bundle", str(shop.bundle.path)]
    common += ["--resamples", "50", "--set", f"rank.candidates={ITEMS}"]
    assert main([*common, "--examination", ",".join(map(str, EXAMINED)), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["examination"] == EXAMINED.tolist()
    assert main([*common, "--shuffled", "--softmax", "2"]) == 2
    assert main([*common, "--examination", "1,x"]) == 2
    capsys.readouterr()
    assert main([*common, "--softmax", "0.1"]) == 0
    text = capsys.readouterr().out
    for part in ("by_placing", "difference to the log", "the log shows 100% of what this bundle would"):
        assert part in text
