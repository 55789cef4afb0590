"""A model is swapped under running profiles: segments are chosen anew, and nothing else notices."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.bundle import Bundle
from tests.oracle import logs
from tests.oracle.compare import profile_differences, value_differences
from tests.oracle.events import Event
from tests.oracle.ranking import Ranker
from tests.oracle.run import OracleResult, apply_events
from tests.oracle.segments import SegmentChange, Segments, for_ranking
from tests.oracle.user import User
from tests.unit.bundles import make_bundle, make_profiles, make_segments, make_tables
from tests.unit.kernel import KernelRun, model_of
from tests.unit.test_oracle_profiles import TRAIL, assert_same
from udfs import rank
from udfs.fallbacks import replacing
from udfs.keys import fallback_key
from udfs.profile import PROFILE
from udfs.segments import COLD_START, SegmentModel, choose_anew, mark_of, no_segments
from udfs.update import Updater

#: What a swap may change of a profile.
OF_THE_MODEL = {"segment", "segments_of"}
OLD = Segments(tuple(sorted(logs.CATEGORIES[:4])), tuple(tuple(float(i == k) for i in range(7)) for k in range(4)))
NEW = Segments(tuple(sorted(logs.CATEGORIES[1:3])), tuple(tuple(float(i != k) for i in range(5)) for k in range(2)))
CUT = 25


def swapped(log: list[Event], at: int, old: Segments, new: Segments, **more: Any) -> KernelRun:
    kernel = KernelRun(old, **more)
    kernel.apply(log[:at])
    kernel.swap(new)
    kernel.apply(log[at:])
    return kernel


def oracle_swapped(log: list[Event], at: int, old: Segments, new: Segments) -> OracleResult:
    users: dict[str, User] = {}
    for segments, part in ((old, log[:at]), (new, log[at:])):
        for user in users.values():
            user.segments = segments
        for event in part:
            if event.granted:
                users.setdefault(event.user_id, User(event.user_id, segments)).apply(event)
    return OracleResult(
        profiles={name: user.profile for name, user in users.items()},
        changes=[change for user in users.values() for change in user.changes],
        requests=[request for user in users.values() for request in user.requests],
        counts={name: sum(getattr(user, name) for user in users.values()) for name in ("duplicates", "too_late")},
    )


def without_segments(record: np.void) -> dict[str, bytes]:
    return {name: record[name].tobytes() for name in PROFILE.names or () if name not in OF_THE_MODEL}


def shifts(changes: list[SegmentChange]) -> list[tuple[str, int, int, int]]:
    return [(c.user_id, c.sequence, c.focus_before, c.focus_after) for c in changes if c.cause == "shift"]


@given(logs.logs(), st.integers(0, 60), logs.segments(), logs.segments())
@settings(max_examples=150)
def test_a_swap_changes_nothing_but_the_segment(log: list[Event], at: int, old: Segments, new: Segments) -> None:
    one, other = swapped(log, at, old, old), swapped(log, at, old, new)
    assert one.users == other.users
    for name in one.users:
        assert without_segments(one.profile(name)) == without_segments(other.profile(name))
    assert one.counters == other.counters, "no shift more, and none less"
    assert shifts(one.changes) == shifts(other.changes)
    assert [(user, reasons) for user, reasons, _ in one.requests] == [(user, reasons) for user, reasons, _ in other.requests]
    for (_, _, before), (_, _, after) in zip(one.requests, other.requests, strict=True):
        assert without_segments(before) == without_segments(after)


@given(logs.logs(), st.integers(0, 60), logs.segments(), logs.segments())
@settings(max_examples=150)
def test_kernel_and_oracle_agree_on_a_swap(log: list[Event], at: int, old: Segments, new: Segments) -> None:
    assert_same(oracle_swapped(log, at, old, new), swapped(log, at, old, new))


@given(logs.logs(), st.integers(0, 60), logs.segments(), logs.segments())
def test_after_a_swap_every_segment_is_one_of_the_new_model(log: list[Event], at: int, old: Segments, new: Segments) -> None:
    kernel, (mark, old_mark) = swapped(log, at, old, new), (mark_of(model_of(new)), mark_of(model_of(old)))
    for name in kernel.users:
        profile = kernel.profile(name)
        if profile["segment"] >= COLD_START or profile["segment"] < 0:
            assert profile["segments_of"] == 0
        elif profile["segments_of"] == mark:
            assert profile["segment"] < len(new.centroids)
        else:
            assert profile["segments_of"] == old_mark, "she has had no event that counts since"


def test_her_next_event_tells_of_the_new_segment_once() -> None:
    kernel = swapped(TRAIL, CUT, OLD, NEW)
    assert mark_of(model_of(OLD)) != mark_of(model_of(NEW))
    (told,) = [change for change in kernel.changes if change.cause == "model"]
    assert told.sequence == CUT + 1
    assert told.focus_before == told.focus_after != 0
    assert kernel.profile("u")["segments_of"] == mark_of(model_of(NEW))


def test_a_segment_of_the_same_number_is_told_of_too() -> None:
    """Number 0 of the new model is another segment than number 0 of the old one."""
    old, new = Segments((), ((0.0, 0.0, 0.0),)), Segments((), ((9.0, 9.0, 9.0),))
    told = [change for change in swapped(TRAIL, CUT, old, new).changes if change.cause == "model"]
    assert [(change.segment_from, change.segment_to, change.sequence) for change in told] == [(0, 0, CUT + 1)]


def test_the_same_segments_in_another_bundle_are_no_change() -> None:
    one, other = swapped(TRAIL, CUT, OLD, OLD), swapped(TRAIL, CUT, OLD, replace(OLD))
    assert one.changes == other.changes
    assert one.stored() == other.stored()
    assert not [change for change in other.changes if change.cause == "model"]


def test_a_bundle_without_segments_takes_them_away_and_the_next_brings_them_back() -> None:
    kernel = swapped(TRAIL[:30], CUT, OLD, Segments())
    assert kernel.profile("u")["segment"] == COLD_START + TRAIL[0].device
    assert kernel.profile("u")["segments_of"] == 0
    kernel.swap(NEW)
    kernel.apply(TRAIL[30:])
    assert kernel.changes[-1].cause in ("warm", "shift")
    assert kernel.profile("u")["segment"] < len(NEW.centroids)


def test_the_profile_of_a_savepoint_of_before_gets_a_segment_with_its_next_event() -> None:
    """Version 1 did not know whose segment it held."""
    profiles = make_profiles(20)
    profiles["segments_of"] = 0
    before, warm = profiles.copy(), profiles["segment"] < COLD_START
    assert warm.any()
    choose_anew(profiles, make_segments())
    assert (profiles["segments_of"][warm] == mark_of(make_segments())).all()
    assert profiles[~warm].tobytes() == before[~warm].tobytes()


@pytest.mark.parametrize("number", [3, 999])
def test_a_number_that_the_model_does_not_have_breaks_nothing(number: int, tmp_path: Path) -> None:
    """Neither in what is ranked as it is, nor in what is chosen anew."""
    profiles = make_profiles(20)
    profiles["segment"] = number
    ranker = rank.Ranker(make_bundle(tmp_path / "1"), 20, 5)
    values = ranker.rank([b"u"] * 20, profiles, np.zeros(20, np.uint8), 0).values
    assert all(b'"name":"unknown"' in value for (value,) in values)
    profiles["segments_of"] = 1
    choose_anew(profiles, make_segments())
    assert set(profiles["segment"].tolist()) <= {0, 1, 2, *range(COLD_START, COLD_START + 5)}


@given(st.integers(0, 10_000))
@settings(max_examples=30)
def test_what_is_ranked_is_in_a_segment_of_the_bundle_that_ranks(seed: int) -> None:
    profiles = make_profiles(15, seed)
    before, model = profiles.copy(), make_segments(seed=1 + seed, segments=5)
    choose_anew(profiles, make_segments())
    assert profiles.tobytes() == before.tobytes(), "they are in its segments"
    choose_anew(profiles, model)
    for one, other in zip(before, profiles, strict=True):
        assert without_segments(one) == without_segments(other)
    again = profiles.copy()
    choose_anew(again, model)
    assert again.tobytes() == profiles.tobytes()
    choose_anew(profiles, no_segments())
    assert (profiles["segment"] >= COLD_START).all()


def test_the_oracle_ranks_a_profile_of_another_bundle_alike(tmp_path: Path) -> None:
    old = Bundle.open(make_bundle(tmp_path / "1").path)
    new = make_bundle(tmp_path / "2", make_tables(seed=4, segments=2), segments=2)
    oracle, core = Ranker(new.path, 20, 5), rank.Ranker(new, 20, 5)
    segments = Segments(tuple(old.segments.categories.tolist()), tuple(map(tuple, old.segments.centroids.tolist())))
    users = apply_events(TRAIL, segments, "every_event", 8)
    kernel = KernelRun(segments)
    kernel.apply(TRAIL)
    profiles = np.array([kernel.profile("u")])
    assert profile_differences(users["u"].profile, profiles[0]) == []
    assert profiles["segments_of"][0] == mark_of(old.segments) != mark_of(new.segments)
    choose_anew(profiles, new.segments)
    assert profile_differences(for_ranking(users["u"].profile, oracle.bundle.segments), profiles[0]) == []
    ((value,),) = core.rank([b"u"], profiles, np.ones(1, np.uint8), 0).values
    assert value_differences(oracle.value("u", users["u"].profile, "home"), value.decode()) == []


def test_a_mark_is_of_categories_and_centroids() -> None:
    model = make_segments()
    assert mark_of(model) == mark_of(SegmentModel(model.categories.copy(), model.centroids.copy()))
    assert mark_of(no_segments()) == 0
    others = [
        SegmentModel(model.categories + np.uint32(1), model.centroids),
        SegmentModel(model.categories, model.centroids[:2]),
        SegmentModel(model.categories, np.nextafter(model.centroids, 2)),
    ]
    assert 0 not in (marks := {mark_of(model), *map(mark_of, others)})
    assert len(marks) == 4


def test_a_page_that_asks_for_a_segment_of_the_old_model_gets_what_everybody_gets(tmp_path: Path) -> None:
    surfaces = ("home", "cart")
    old, new = (
        rank.Ranker(make_bundle(tmp_path / str(segments), make_tables(segments=segments), segments=segments), 20, 5, surfaces).fallbacks()
        for segments in (3, 2)
    )
    both = replacing(old, new)
    assert set(both) == set(old)
    assert {key: both[key] for key in new} == new
    for surface in surfaces:
        assert both[fallback_key(surface, 2)] == new[fallback_key(surface)]
    assert replacing(both, old) == old


def test_an_updater_of_another_model_is_as_quick_to_make_as_it_is_small() -> None:
    """It compiles nothing: a swap costs the hot path no more than this."""
    first = Updater(make_segments())
    first.warm_up()
    from udfs.update import _apply

    before = len(_apply.signatures)
    Updater(make_segments(segments=7, categories=9)).warm_up()
    assert len(_apply.signatures) == before
