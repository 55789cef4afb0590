"""Estimates from logs of bandits whose truth is known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.unit.bandits import World
from training.off_policy import bandit
from training.off_policy.bandit import BanditLog, Policy
from training.off_policy.estimators import (
    Estimate,
    Sample,
    Terms,
    all_terms,
    bootstrap,
    direct,
    doubly_robust,
    ips,
    normal,
    snips,
    switch,
)
from training.off_policy.examination import examination, examination_intervals, position_based_weights
from training.off_policy.overlap import NoOverlap, examine, require_chance
from training.off_policy.reward_model import Predictions, predict_reward, sample_of

WORLD = World.make()
LOGGING, TARGET = WORLD.policy(1, 0.7), WORLD.policy(2, 0.9)
TRUTH = WORLD.value(TARGET)
CAP = 4.0


def model(log: BanditLog, wrong: bool = False) -> Predictions:
    each = WORLD.expected(log)
    if wrong:
        each = np.tile(each[:, ::-1].mean(0), (len(each), 1)) * 0.3
    return Predictions(each[np.arange(len(each)), log.item], each)


def sample(rows: int, seed: int, wrong: bool = False, policy: Policy = TARGET) -> Sample:
    log = WORLD.log(LOGGING, rows, seed)
    return sample_of(log, policy, model(log, wrong), bandit.weights(log, policy))


def value(terms: Terms) -> float:
    return float(terms.above.sum() / terms.below.sum())


def changed(of: Sample, change: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> Sample:
    assert of.predicted is not None
    assert of.expected is not None
    return Sample(change(of.reward), change(of.weight), change(of.predicted), change(of.expected))


@st.composite
def samples(draw: Any) -> Sample:
    rows = draw(st.integers(2, 30))
    numbers = st.floats(-3, 3, allow_nan=False)
    kinds = (numbers, st.floats(0.01, 20), numbers, numbers)
    reward, weight, predicted, expected = (np.array(draw(st.lists(of, min_size=rows, max_size=rows))) for of in kinds)
    return Sample(reward, weight, predicted, expected)


@given(samples())
def test_a_target_that_is_the_logging_policy_has_the_mean_reward(drawn: Sample) -> None:
    same = drawn._replace(weight=np.ones(len(drawn.reward)), expected=drawn.predicted)
    for terms in all_terms(same, 1.0).values():
        if terms.above is not same.expected:
            assert value(terms) == pytest.approx(drawn.reward.mean(), abs=1e-12)


@given(samples(), st.floats(0.1, 10), st.randoms(use_true_random=False))
def test_scale_and_order(drawn: Sample, factor: float, random: Any) -> None:
    larger = changed(drawn, lambda column: factor * column)._replace(weight=drawn.weight)
    order = np.array(random.sample(range(len(drawn.reward)), len(drawn.reward)))
    mixed = changed(drawn, lambda column: column[order])
    before, scaled, after = (all_terms(one, CAP) for one in (drawn, larger, mixed))
    for name in before:
        first, second, third = (normal(one[name]) for one in (before, scaled, after))
        assert second.value == pytest.approx(factor * first.value, rel=1e-9, abs=1e-9)
        assert second.high - second.low == pytest.approx(factor * (first.high - first.low), rel=1e-6, abs=1e-9)
        assert third.value == pytest.approx(first.value, rel=1e-9, abs=1e-9)
        assert third.low == pytest.approx(first.low, rel=1e-6, abs=1e-9)


@given(samples(), st.floats(-5, 5))
def test_self_normalised_follows_a_shift_of_all_rewards(drawn: Sample, shift: float) -> None:
    assert value(snips(drawn._replace(reward=drawn.reward + shift))) == pytest.approx(value(snips(drawn)) + shift, abs=1e-9)


@given(samples())
def test_caps_lie_between_the_estimators_that_they_mix(drawn: Sample) -> None:
    assert value(switch(drawn, 0.0)) == pytest.approx(value(direct(drawn)))
    assert value(switch(drawn, np.inf)) == pytest.approx(value(doubly_robust(drawn)))
    assert value(doubly_robust(drawn, 0.0)) == pytest.approx(value(direct(drawn)))
    assert value(ips(drawn, 20.0)) == pytest.approx(value(ips(drawn)))


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    runs = 200
    held: dict[str, int] = {}
    for seed in range(runs):
        terms = all_terms(sample(800, seed), np.inf)
        drawn = bootstrap({name: terms[name] for name in ("ips", "snips", "dr")}, resamples=200, seed=seed)
        intervals = {name: normal(terms[name]) for name in ("ips", "snips", "dr")} | {f"{name}*": one for name, one in drawn.items()}
        for name, one in intervals.items():
            assert one.low <= one.value <= one.high
            held[name] = held.get(name, 0) + (one.low <= TRUTH <= one.high)
    # 95 % of 200 is 190, give or take 3.
    assert all(178 <= count < runs for count in held.values()), held


def errors(rows: int, estimator: Any, runs: int = 120, **changes: Any) -> NDArray[np.float64]:
    return np.array([value(estimator(sample(rows, seed, **changes))) - TRUTH for seed in range(runs)])


def unbiased(found: NDArray[np.float64]) -> bool:
    return bool(abs(found.mean()) < 4 * found.std() / np.sqrt(len(found)))


def test_the_error_of_inverse_propensity_shrinks_with_the_root_of_the_log() -> None:
    small, large = errors(200, ips), errors(3200, ips)
    assert unbiased(small)
    assert unbiased(large)
    assert 3 < small.std() / large.std() < 5.3


def test_doubly_robust_has_less_variance_with_a_good_model_and_no_bias_with_a_bad_one() -> None:
    weighted, good, bad = errors(500, ips), errors(500, doubly_robust), errors(500, doubly_robust, wrong=True)
    assert good.var() < 0.85 * weighted.var()
    assert unbiased(good)
    assert unbiased(bad)
    assert not unbiased(errors(500, direct, wrong=True))


def test_clipping_trades_variance_for_a_bias_towards_nothing() -> None:
    sharp = WORLD.policy(9, 2.5)
    free = np.array([value(ips(sample(500, seed, policy=sharp))) for seed in range(80)])
    clipped = np.array([value(ips(sample(500, seed, policy=sharp), 2.0)) for seed in range(80)])
    assert clipped.std() < free.std()
    assert clipped.mean() < free.mean()


def test_rows_of_one_group_do_not_count_as_more_than_one() -> None:
    once = sample(300, 0)
    twice = changed(once, lambda column: np.repeat(column, 2))
    group = np.repeat(np.arange(300), 2)
    for name, terms in all_terms(once, CAP).items():
        alone, together = normal(terms), normal(all_terms(twice, CAP)[name], group)
        assert (together.low, together.high) == pytest.approx((alone.low, alone.high))
    alone, apart = normal(ips(once)), normal(ips(twice))
    assert apart.high - apart.low < 0.8 * (alone.high - alone.low)


def test_a_draw_is_the_same_for_the_same_seed_and_for_all_estimators() -> None:
    terms = all_terms(sample(200, 3), CAP)
    assert bootstrap(terms, seed=1, resamples=100) == bootstrap(terms, seed=1, resamples=100)
    assert bootstrap(terms, seed=1, resamples=100) != bootstrap(terms, seed=2, resamples=100)
    pair = bootstrap({"a": terms["ips"], "b": terms["ips"]}, seed=5, resamples=100)
    assert pair["a"] == pair["b"]


def test_nothing_to_divide_by() -> None:
    nothing = Terms(np.zeros(3), np.zeros(3))
    assert all(np.isnan(bound) for bound in (normal(nothing).value, bootstrap({"a": nothing})["a"].high))


def test_a_reward_model_learns_what_there_is_to_learn() -> None:
    log = WORLD.log(LOGGING, 6000, 4)
    fitted = predict_reward(log, None, seed=1)
    # It knows items, positions and shoppers, not who likes what.
    found, truth = (np.stack([each[log.position == k].mean(0) for k in range(3)]) for each in (fitted.each, WORLD.expected(log)))
    assert np.corrcoef(found.ravel(), truth.ravel())[0, 1] > 0.95
    assert fitted.under(log, TARGET).mean() == pytest.approx(TRUTH, rel=0.1)
    assert np.array_equal(fitted.each, predict_reward(log, None, seed=1).each)


def test_a_reward_model_without_a_click_expects_none() -> None:
    log = WORLD.log(LOGGING, 50, 4)._replace(reward=np.zeros(50))
    assert not predict_reward(log).each.any()


def test_no_row_is_predicted_by_itself() -> None:
    log = WORLD.log(LOGGING, 60, 4)
    # Each row has a feature of its own: a model that saw it would lean towards its reward.
    own = log._replace(
        user=np.arange(60, dtype=np.int32)[:, None], item=np.zeros(60, np.int32), position=np.zeros(60, np.int32), positions=1
    )
    shown = predict_reward(own, folds=60).shown
    assert shown[own.reward == 1].mean() < shown[own.reward == 0].mean()


def test_overlap_of_a_policy_with_itself() -> None:
    found = examine(np.ones(500), np.ones(500), 0.0)
    assert (found.effective, found.max_weight, found.mean_weight, found.warnings) == (500, 1, 1, [])


def test_warnings_say_what_makes_an_estimate_doubtful() -> None:
    reward = np.ones(2000)
    few = examine(np.where(np.arange(2000) < 50, 40.0, 0.0), reward)
    assert few.effective == 50
    assert "50 of its 2,000 rows" in few.warnings[0]
    one = examine(np.where(np.arange(2000) == 0, 200.0, 0.9), reward)
    assert any("one row has 10% of all the weight" in warning for warning in one.warnings)
    assert any("not 1" in warning for warning in examine(np.full(2000, 0.5), reward).warnings)
    assert any(
        "30% of what this policy shows is never in the log" in warning for warning in examine(np.full(2000, 0.7), reward, 0.3).warnings
    )
    assert any(
        "3 of the rows that count were clicked" in warning
        for warning in examine(np.ones(2000), np.where(np.arange(2000) < 3, 1.0, 0.0)).warnings
    )


def test_a_log_that_tells_nothing_is_refused_with_what_to_do() -> None:
    with pytest.raises(NoOverlap) as caught:
        examine(np.zeros(10), np.ones(10))
    assert "by chance" in caught.value.hint
    with pytest.raises(NoOverlap, match="every propensity in the log is 1"):
        require_chance(np.ones(4))
    require_chance(np.array([1.0, 0.5]))


def test_policies() -> None:
    log = WORLD.log(LOGGING, 5000, 1)
    for policy in (bandit.uniform(log), bandit.popular(log), bandit.greedy(log), bandit.shares(log)):
        assert policy.shape == (3, 8)
        assert policy.sum(1) == pytest.approx(np.ones(3))
    assert bandit.shares(log) == pytest.approx(LOGGING, abs=0.04)
    best = WORLD.attraction.mean(0)
    assert np.corrcoef(bandit.click_through(log), best)[0, 1] > 0.8
    assert WORLD.value(bandit.greedy(log)) > WORLD.value(bandit.popular(log)) > WORLD.value(bandit.uniform(log))
    assert len(set(bandit.greedy(log).argmax(1))) == 3


def test_unseen_items_are_told() -> None:
    log = WORLD.log(LOGGING, 5000, 1)
    without = log.rows(log.item != 2)
    assert bandit.unseen(log, TARGET) == 0
    lost = (TARGET[:, 2] * np.bincount(without.position) / len(without.item)).sum()
    assert bandit.unseen(without, TARGET) == pytest.approx(lost)


def test_examination_is_found_from_a_log_made_by_chance() -> None:
    truth = WORLD.examined / WORLD.examined[0]
    by_chance = WORLD.log(bandit.uniform(WORLD.log(LOGGING, 2, 0)), 40_000, 7)
    assert examination(by_chance) == pytest.approx(truth, rel=0.1)
    # Items that differ by position would be taken for a position effect if rows were not weighted.
    assert examination(WORLD.log(LOGGING, 60_000, 7)) == pytest.approx(truth, rel=0.12)
    intervals = examination_intervals(by_chance, resamples=200)
    assert all(one.low <= true <= one.high for one, true in zip(intervals, truth.tolist(), strict=True))
    assert intervals[0] == Estimate(1.0, 1.0, 1.0)


def test_examination_without_a_click_is_even() -> None:
    log = WORLD.log(LOGGING, 30, 7)
    assert examination(log._replace(reward=np.zeros(30))).tolist() == [1, 1, 1]


def test_position_based_weights_are_unbiased_and_vary_less() -> None:
    examined = WORLD.examined / WORLD.examined[0]
    by_place, by_item = [], []
    for seed in range(80):
        log = WORLD.log(LOGGING, 600, seed)
        by_place.append(float((bandit.weights(log, TARGET) * log.reward).mean()) - TRUTH)
        by_item.append(float((position_based_weights(log, TARGET, examined) * log.reward).mean()) - TRUTH)
    assert unbiased(np.array(by_item))
    assert np.std(by_item) < np.std(by_place)


@settings(max_examples=30)
@given(st.integers(0, 1000))
def test_weights_of_the_shares_of_a_log_have_the_mean_one(seed: int) -> None:
    log = WORLD.log(LOGGING, 300, seed)
    own = bandit.shares(log)
    same = log._replace(propensity=own[log.position, log.item])
    assert bandit.weights(same, own) == pytest.approx(np.ones(300))
