"""The baselines: numbers worked by hand, and their definitions once more in plain Python."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

from tests.unit import baseline_reference as reference
from training.baselines import AR, POP, SKNN, SR, STAN, VSKNN, Baseline, Lists, Prefixes, Training
from training.sessions import Sessions

DAY_MS = 86_400_000
#: Sessions and the day of their last click. Item 3 was clicked in a session of its own, which no method learns from.
BY_HAND = (([0, 2, 1], 0), ([2, 1], 1), ([0, 1, 0], 2))
CLICKS = [3, 3, 2, 1]


def training_of(sessions: Sequence[tuple[Sequence[int], int]], clicks: Sequence[int]) -> Training:
    """Sessions of items and the time of their last click, in ms."""
    times = np.array([time for _, time in sessions], np.int64)
    ends = np.cumsum([len(items) for items, _ in sessions]).astype(np.int64)
    items = np.array([item for session, _ in sessions for item in session], np.int32)
    return Training(Sessions(items, np.arange(len(items)), ends, times, times), np.array(clicks, np.int64))


def after(method: Baseline, training: Training, *prefixes: Sequence[int], time: int = 0, top: int = 20) -> Lists:
    method.fit(training)
    ends = np.cumsum([len(prefix) for prefix in prefixes]).astype(np.int64)
    items = np.array([item for prefix in prefixes for item in prefix], np.int32)
    return method.recommend(Prefixes(items, np.concatenate([[0], ends[:-1]]), ends, np.full(len(ends), time)), top)


E = np.exp(-1)


@pytest.mark.parametrize(
    ("method", "prefix", "scores"),
    [
        # Pairs with 0: in the first session 2 and 1; in the last 1 twice, and 0 with itself in both directions.
        (AR(), [2, 0], {1: 3, 0: 2, 2: 1}),
        # After 0 came 2, 1 and, one session later, 1, 0.
        (SR(10, "div"), [2, 0], {1: 1 / 2 + 1, 2: 1, 0: 1 / 2}),
        (SR(10, "quadratic"), [0], {1: 1 / 4 + 1, 2: 1, 0: 1 / 4}),
        (SR(10, "linear"), [0], {1: 0.8 + 0.9, 2: 0.9, 0: 0.8}),
        (SR(1, "same"), [0], {1: 1, 2: 1}),
        (SR(10, "div", pruning=1), [0], {1: 3 / 2}),
        # {0} beside {0, 2, 1} and {0, 1}.
        (SKNN(100, 500, "cosine"), [0, 0], {0: 3**-0.5 + 2**-0.5, 1: 3**-0.5 + 2**-0.5, 2: 3**-0.5}),
        (SKNN(1, 500, "cosine"), [0], {0: 2**-0.5, 1: 2**-0.5}),
        (SKNN(100, 1, "cosine"), [2], {1: 2**-0.5, 2: 2**-0.5}),
        # {0, 2} beside {0, 2, 1}, {2, 1} and {0, 1}.
        (SKNN(100, 500, "jaccard"), [0, 2], {1: 2 / 3 + 1 / 3 + 1 / 3, 0: 2 / 3 + 1 / 3, 2: 2 / 3 + 1 / 3}),
        # Weights 1/2 and 1, halved: similarities 3/4, 1/2, 1/4; the last session shares the click before the newest only.
        (VSKNN(100, 500, "div", "div"), [0, 2], {1: 3 / 4 + 1 / 2 + 1 / 8, 2: 3 / 4 + 1 / 2, 0: 3 / 4 + 1 / 8}),
        (VSKNN(100, 500, "div", "div", 2), [0, 2], {2: 5 / 4 * (1 + 2 * np.log(3 / 2)), 1: 11 / 8, 0: 7 / 8}),
        (VSKNN(100, 500, "quadratic", "quadratic"), [0, 2], {1: 5 / 8 + 1 / 2 + 1 / 32, 2: 5 / 8 + 1 / 2, 0: 5 / 8 + 1 / 32}),
        (VSKNN(100, 500, "same", "same"), [0, 2], {1: 1 + 1 / 2 + 1 / 2, 0: 1 + 1 / 2, 2: 1 + 1 / 2}),
        # On day 3. Weights 1/e and 1. The first session shares its second place, the second its first, the last its third.
        (
            STAN(100, 500, 1, 1, 1),
            [0, 2],
            {
                2: (1 + E) / np.sqrt((1 + E**2) * 3) * E**3 + E**2 / np.sqrt((1 + E**2) * 2),
                0: (1 + E) / np.sqrt((1 + E**2) * 3) * E**4 + E**2 / np.sqrt((1 + E**2) * 2),
                1: (1 + E) / np.sqrt((1 + E**2) * 3) * E**4 + 2 * E**3 / np.sqrt((1 + E**2) * 2),
            },
        ),
        (POP(), [2], {0: 3, 1: 3, 2: 2, 3: 1}),
    ],
)
def test_by_hand(method: Baseline, prefix: list[int], scores: dict[int, float]) -> None:
    training = training_of([(items, day * DAY_MS) for items, day in BY_HAND], CLICKS)
    lists = after(method, training, prefix, time=3 * DAY_MS, top=4)
    expected = sorted(scores, key=lambda item: (-round(scores[item], 9), item))
    rest = [item for item in range(4) if item not in scores]
    assert lists.items[0].tolist() == expected + rest, "what has no score is filled up by popularity"
    assert lists.scores[0, : len(expected)] == pytest.approx([scores[item] for item in expected], rel=1e-12)
    assert not lists.scores[0, len(expected) :].any()


@pytest.mark.parametrize("method", [AR(), SR(), SKNN(), VSKNN(), STAN(), POP()])
def test_of_nothing_known_the_most_popular_are_shown(method: Baseline) -> None:
    training = training_of([(items, day) for items, day in BY_HAND], CLICKS)
    lists = after(method, training, [], [3], [0], top=6)
    assert lists.items[0].tolist() == lists.items[1].tolist() == [0, 1, 2, 3, -1, -1]
    assert sorted(lists.items[2].tolist()) == [-1, -1, 0, 1, 2, 3]


def test_the_numbers_that_the_reference_implementation_stored() -> None:
    """Weights 1, 1/4 and 1/9 and so on: a list of session-rec's own SR (20 steps, quadratic), scaled to its greatest score."""
    chain = [9, 0, 1, 2, 3]
    lists = after(SR(20, "quadratic"), training_of([(chain, 0)], [1] * 10), [9], top=4)
    assert (lists.scores[0] / lists.scores[0].max()).tolist() == [1.0, 0.25, 0.1111111111111111, 0.0625]


SESSIONS = st.lists(st.tuples(st.lists(st.integers(0, 7), min_size=2, max_size=7), st.integers(0, 5)), min_size=1, max_size=12)
DECAYS = st.sampled_from(sorted(reference.DECAY))
NEIGHBOURS: dict[str, Any] = {"k": st.sampled_from([1, 3, 100]), "sample_size": st.sampled_from([2, 5, 100])}
METHODS: list[tuple[Any, Callable[..., dict[int, float]], Any]] = [
    (AR, reference.ar, st.just({})),
    (SR, reference.sr, st.fixed_dictionaries({"steps": st.integers(1, 8), "weighting": DECAYS})),
    (SKNN, reference.sknn, st.fixed_dictionaries({**NEIGHBOURS, "similarity": st.sampled_from(["cosine", "jaccard"])})),
    (
        VSKNN,
        reference.vsknn,
        st.fixed_dictionaries({**NEIGHBOURS, "weighting": DECAYS, "weighting_score": DECAYS, "idf_weighting": st.sampled_from([0, 2, 5])}),
    ),
    (
        STAN,
        reference.stan,
        st.fixed_dictionaries(
            {
                **NEIGHBOURS,
                **{name: st.sampled_from([0.00001, 2.05, 20]) for name in ("lambda_spw", "lambda_inh")},
                "lambda_snh": st.sampled_from([0.5, 20]),
            }
        ),
    ),
]


@pytest.mark.parametrize(("method", "slow", "settings"), METHODS)
@given(data=st.data(), days=SESSIONS, prefixes=st.lists(st.lists(st.integers(0, 7), max_size=14), min_size=1, max_size=4))
def test_against_plain_python(
    method: Any, slow: Any, settings: Any, data: st.DataObject, days: list[tuple[list[int], int]], prefixes: list[list[int]]
) -> None:
    chosen = data.draw(settings)
    sessions = [(items, day * DAY_MS) for items, day in days]
    lists = after(method(**chosen), training_of(sessions, [1] * 8), *prefixes, time=6 * DAY_MS, top=5)
    for prefix, items, scores in zip(prefixes, lists.items.tolist(), lists.scores.tolist(), strict=True):
        try:
            expected = {item: score for item, score in slow(sessions, prefix, 6 * DAY_MS, **chosen).items() if score > 0}
        except reference.Unclear:
            reject()
        assert len(set(items)) == len(items) == 5
        scored = min(5, len(expected))
        assert scores[:scored] == pytest.approx([expected[item] for item in items[:scored]], rel=1e-9)
        assert scores[:scored] == pytest.approx(sorted(expected.values(), reverse=True)[:scored], rel=1e-9)
        assert items[scored:] == [item for item in range(8) if item not in items[:scored]][: 5 - scored]


@given(data=st.data(), days=SESSIONS)
def test_a_case_is_ranked_by_its_own_clicks(data: st.DataObject, days: list[tuple[list[int], int]]) -> None:
    """Neither what follows in the session nor the other cases of the call change a list."""
    training = training_of([(items, day * DAY_MS) for items, day in days], [1] * 8)
    clicks = data.draw(st.lists(st.integers(0, 7), min_size=2, max_size=12))
    at = data.draw(st.integers(1, len(clicks) - 1))
    for method in (AR(), SR(), SKNN(), VSKNN(), STAN()):
        method.fit(training)
        zeros = np.zeros(at, np.int64)
        together = method.recommend(Prefixes(np.array(clicks, np.int32), zeros, np.arange(1, at + 1), zeros), 5)
        alone = method.recommend(Prefixes(np.array(clicks[:at], np.int32), zeros[:1], np.array([at]), zeros[:1]), 5)
        assert together.items[-1].tolist() == alone.items[0].tolist()
        assert together.scores[-1].tolist() == alone.scores[0].tolist()


def test_every_published_setting_can_be_had() -> None:
    training = training_of([(items, day) for items, day in BY_HAND], CLICKS)
    for method in (AR, SR, SKNN, VSKNN, STAN, POP):
        for settings in method.PUBLISHED:
            one = method(**settings)
            assert settings.items() <= one.settings.items()
            assert set(after(one, training, [0], top=4).items[0].tolist()) == {0, 1, 2, 3}
