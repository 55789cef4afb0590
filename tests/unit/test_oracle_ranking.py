"""Rankings of the core and of the oracle are the same text, over random bundles and logs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.bundle import Bundle
from tests.oracle.candidates import candidates, ring, similar_items
from tests.oracle.compare import assert_profiles_equal, value_differences
from tests.oracle.events import Event
from tests.oracle.hashes import category_hash, event_id_hash, item_hash
from tests.oracle.ranking import Ranker, score_text, text
from tests.oracle.run import apply_events
from tests.unit.bundles import START, make_bundle, make_propensity, make_tables
from tests.unit.kernel import KernelRun
from udfs import rank

NAMES = [f"i{i}" for i in range(58)] + ['"\\\n\x01', "Kopfhörer 🎧"]
KINDS = ("view_item", "view_item", "select_item", "add_to_cart", "add_to_wishlist", "purchase", "search", "page_view")
SEEDS = (1, 2, 3)


@pytest.fixture(scope="module", params=SEEDS)
def bundle(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    tables = make_tables(seed=request.param, ids=NAMES, repeats=request.param == SEEDS[0])
    if request.param == SEEDS[-1]:
        # Equal scores and equal similarities: the order among equals counts.
        tables = tables._replace(similarity=np.round(tables.similarity * 2) / np.float32(2))
    propensity = make_propensity(request.param) if request.param != SEEDS[0] else None
    return make_bundle(Path(tmp_path_factory.mktemp("bundle")) / "b", tables, propensity=propensity)


def event(n: int, item: int, kind: str, wait: int, device: int, price: float) -> Event:
    name = NAMES[item] if item < len(NAMES) else f"unknown {item}"
    return Event(
        user_id=f'u{n % 4} ä"',
        event_name=kind,
        time=START + wait,
        event_id=event_id_hash(f"e{n}"),
        item=item_hash(name),
        category=category_hash(f"c{item % 5}"),
        device=device,
        price=price,
    )


@st.composite
def logs(draw: st.DrawFn) -> list[Event]:
    log, now = [], 0
    favourite = draw(st.integers(0, 4))
    for n in range(draw(st.integers(1, 100))):
        now += draw(st.sampled_from([1_000, 1_000, 90_000, 400_000, 4_000_000]))
        item = draw(st.integers(0, 63) if n % 3 == 0 else st.integers(0, 11).map(lambda i: i * 5 + favourite))
        log.append(event(n, item, draw(st.sampled_from(KINDS)), now, draw(st.integers(0, 4)), draw(st.sampled_from([0.0, 9.99, 120.5]))))
    return log


@given(log=logs(), k=st.sampled_from([100, 60, 21, 7]), data=st.data())
def test_values_are_the_same_text(bundle: Bundle, log: list[Event], k: int, data: st.DataObject) -> None:
    n = data.draw(st.integers(1, min(k, 20)))
    percent = data.draw(st.sampled_from([100, 60, 5]))
    oracle = Ranker(bundle.path, k, n, percent)
    core = rank.Ranker(bundle, k, n, ("home", "cart"), percent)
    kernel = KernelRun(oracle.bundle.segments)
    kernel.apply(log)
    users = apply_events(log, oracle.bundle.segments, "every_event", 8)
    names = sorted(users)
    records = np.array([kernel.profile(name) for name in names])
    ranked = core.rank([name.encode() for name in names], records, np.ones(len(names), np.uint8), 0)
    for name, record in zip(names, records, strict=True):
        assert_profiles_equal(oracle.served(users[name].profile), record, name)
    for name, values in zip(names, ranked.values, strict=True):
        for surface, value in zip(("home", "cart"), values, strict=True):
            expected = oracle.value(name, users[name].profile, surface)
            assert value_differences(expected, value.decode()) == []


def test_a_user_without_a_ring_gets_the_lists_of_her_segment(bundle: Bundle) -> None:
    oracle = Ranker(bundle.path)
    profile = apply_events([event(0, 1, "page_view", 0, 2, 0.0)], oracle.bundle.segments, "every_event", 8)['u0 ä"'].profile
    places = ring(profile, oracle.bundle)
    found = candidates(profile, oracle.bundle, places, similar_items(places, oracle.bundle), 100)
    assert not places
    assert {candidate.source for candidate in found} == {2, 3, 4, 6, 7}
    assert len(oracle.rank(profile)) == 20


@given(st.floats(-(2.0**40), 2.0**40, width=32))
def test_a_score_has_four_decimals(score: float) -> None:
    assert abs(float(score_text(score)) - max(-999_999_999, min(999_999_999, score))) <= 0.5e-4 + 1e-6
    assert score_text(score)[-5] == "."


@pytest.mark.parametrize(("given_text", "json"), [('a"\\', '"a\\"\\\\"'), ("\x1f\b ü", '"\\u001f\\b ü"')])
def test_texts(given_text: str, json: str) -> None:
    assert text(given_text) == json


def test_the_comparison_sees_a_difference(bundle: Bundle) -> None:
    oracle: Any = Ranker(bundle.path)
    profile = apply_events([event(0, 1, "view_item", 0, 2, 0.0)], oracle.bundle.segments, "every_event", 8)['u0 ä"'].profile
    value = oracle.value("u", profile, "home")
    assert value_differences(value, oracle.value("u", profile, "home", generated_at=123)) == []
    assert value_differences(value, oracle.value("v", profile, "home"))[0].startswith(".recommendation_id: oracle ")
    assert value_differences(value, value.replace('"reason":"', '"reason":"x', 1)) != []
    assert value_differences(value, value.replace(":", ": ", 1)) == ["the same content, but not the same text"]
