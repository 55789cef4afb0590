"""Following a pointer: what is good is handed over once, what is bad is refused once, and the one that serves goes on."""

from __future__ import annotations

import logging
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.approval import Terms
from models.bundle import Bundle
from models.follow import Follower, Pinned, State
from models.registry import Model
from tests.unit.registries import NAME, damage, file_bundle, make_model, point_by_hand, put_ranker, root_of_the_price_gap
from udfs.tables import BundleError

TERMS = Terms(20, 5, max_us_per_user=1e9)


@pytest.fixture
def model(tmp_path: Path) -> Model:
    model = make_model(tmp_path, "1", "2", "3")
    point_by_hand(model, "1")
    return model


class Loads:
    """What is made of a bundle: its version; and how often that was done."""

    def __init__(self) -> None:
        self.versions: list[str] = []

    def __call__(self, bundle: Bundle) -> str:
        self.versions.append(bundle.version)
        return bundle.version


def follower(model: Model, loads: Callable[[Bundle], str] | None = None, terms: Terms = TERMS) -> Follower[str]:
    return Follower(model.folder, terms, loads or Loads(), None)


def test_what_the_pointer_names_is_handed_over_once(model: Model) -> None:
    loads = Loads()
    one = follower(model, loads)
    assert one.begin() == "1"
    one.look()
    assert one.take() is None
    point_by_hand(model, "2")
    assert one.take() is None, "nobody has looked"
    one.look()
    one.look()
    assert one.state == State(NAME, "2", None)
    assert one.take() == "2"
    assert one.take() is None
    one.look()
    assert one.take() is None
    assert loads.versions == ["1", "2"]
    assert one.refusals() == 0


def test_there_and_back_between_two_batches_is_nothing(model: Model) -> None:
    one = follower(model)
    one.begin()
    point_by_hand(model, "2")
    one.look()
    point_by_hand(model, "1")
    one.look()
    assert one.take() is None
    assert one.state == State(NAME, "1", None)


def test_only_the_last_of_several_is_handed_over(model: Model) -> None:
    one = follower(model)
    one.begin()
    for version in ("2", "3"):
        point_by_hand(model, version)
        one.look()
    assert one.take() == "3"
    assert one.take() is None


def test_a_pointer_written_anew_with_the_same_version_loads_nothing(model: Model) -> None:
    loads = Loads()
    one = follower(model, loads)
    one.begin()
    point_by_hand(model, "1", note="again")
    one.look()
    assert (one.take(), loads.versions) == (None, ["1"])


def test_a_version_whose_files_were_exchanged_is_another(model: Model) -> None:
    """Nobody should; who does gets what the pointer names when it is written next."""
    one = follower(model)
    one.begin()
    shutil.rmtree(model.path_of("1"))
    file_bundle(model, "1", segments=2)
    point_by_hand(model, "1", note="again")
    one.look()
    assert one.take() == "1"


def _gone(model: Model) -> None:
    shutil.rmtree(model.path_of("2"))


def _damaged(model: Model) -> None:
    damage(model.path_of("2"))


def _nan(model: Model) -> None:
    put_ranker(model.path_of("2"), *root_of_the_price_gap())


def _misfiled(model: Model) -> None:
    shutil.rmtree(model.path_of("2"))
    model.path_of("3").rename(model.path_of("2"))


@pytest.mark.parametrize(
    ("spoil", "says"),
    [(_gone, "no model bundle"), (_damaged, "popularity.npy"), (_nan, "not finite"), (_misfiled, "calls itself shop 3")],
)
def test_what_is_bad_is_refused_once_and_the_old_one_serves(
    model: Model, spoil: Callable[[Model], None], says: str, caplog: pytest.LogCaptureFixture
) -> None:
    loads = Loads()
    one = follower(model, loads)
    one.begin()
    spoil(model)
    point_by_hand(model, "2")
    with caplog.at_level(logging.INFO, "models.follow"):
        for _ in range(3):
            one.look()
            assert one.take() is None
    (warning,) = caplog.records
    assert warning.levelno == logging.WARNING
    assert says in warning.getMessage()
    assert "version 2 is refused" in warning.getMessage()
    assert "\n" not in warning.getMessage()
    assert one.state.version == "1"
    assert one.state.refused is not None
    assert one.state.refused.version == "2"
    assert says in one.state.refused.reason
    assert (one.refusals(), one.refusals()) == (1, 0)
    assert loads.versions == ["1"]
    point_by_hand(model, "1")
    one.look()
    assert one.state == State(NAME, "1", None)
    assert one.take() is None


def test_what_is_too_slow_is_refused_and_tried_again_when_the_pointer_is_written_anew(model: Model) -> None:
    one = follower(model, terms=Terms(20, 5, max_us_per_user=1e9))
    one.begin()
    tries = 0

    def slow(bundle: Bundle) -> str:
        nonlocal tries
        tries += 1
        raise BundleError("too slow today")

    one._prepare = slow
    point_by_hand(model, "2")
    one.look()
    one.look()
    assert tries == 1
    point_by_hand(model, "2", note="please")
    one.look()
    one.look()
    assert tries == 2
    assert one.refusals() == 1, "for the same reason it is told of once"


def test_the_limit_of_the_terms_holds(model: Model) -> None:
    one = follower(model)
    one.begin()
    one._terms = Terms(20, 5, max_us_per_user=1e-3)
    point_by_hand(model, "2")
    one.look()
    assert one.take() is None
    assert "max_us_per_user" in str(one.state.refused)


def test_a_refused_version_is_tried_again_when_its_files_change(model: Model) -> None:
    one = follower(model)
    one.begin()
    shutil.move(model.path_of("2"), model.folder.parent / "aside")
    point_by_hand(model, "2")
    one.look()
    assert one.state.refused is not None
    shutil.move(model.folder.parent / "aside", model.path_of("2"))
    one.look()
    assert one.take() == "2"
    assert one.state.refused is None


@pytest.mark.parametrize("text", ["{", "{}", '{"version": "../2"}', None])
def test_a_pointer_that_is_none_is_refused(model: Model, text: str | None) -> None:
    one = follower(model)
    one.begin()
    if text is None:
        (model.folder / "current").unlink()
    else:
        (model.folder / "current").write_text(text)
    one.look()
    one.look()
    assert one.take() is None
    assert one.state.version == "1"
    assert one.state.refused is not None
    assert one.state.refused.version == ""
    assert one.refusals() == 1
    point_by_hand(model, "3")
    one.look()
    assert one.take() == "3"


def test_something_else_goes_wrong_with_a_bundle(model: Model) -> None:
    one = follower(model)
    one.begin()

    def fails(bundle: Bundle) -> str:
        raise ZeroDivisionError("nobody\nthought of this")

    one._prepare = fails
    point_by_hand(model, "2")
    one.look()
    assert one.take() is None
    assert "ZeroDivisionError: nobody thought of this" in str(one.state.refused)


def test_a_start_with_a_bad_version_takes_the_one_before_it(model: Model, caplog: pytest.LogCaptureFixture) -> None:
    damage(model.path_of("3"))
    damage(model.path_of("2"))
    point_by_hand(model, "3", previous=["2", "1"])
    one = follower(model)
    assert one.begin() == "1"
    assert one.state.version == "1"
    assert one.state.refused is not None
    assert one.state.refused.version == "3"
    assert one.refusals() == 1
    assert [record.getMessage() for record in caplog.records][-1] == f"model {NAME}: version 1 serves"
    one.look()
    assert one.take() is None
    damage(model.path_of("1"))
    with pytest.raises(BundleError, match=r"3/popularity\.npy"):
        follower(model).begin()


def test_all_who_follow_end_with_the_same_whenever_they_looked(model: Model) -> None:
    """One looked at every version, one slept through the second, one has had no batch since the first, one starts now."""
    ones = [follower(model) for _ in range(3)]
    serving = [one.begin() for one in ones]
    damage(model.path_of("3"))
    point_by_hand(model, "2", previous=["1"])
    for n in (0, 2):
        ones[n].look()
    serving[0] = ones[0].take() or serving[0]
    point_by_hand(model, "3", previous=["2", "1"])
    for n, one in enumerate(ones):
        one.look()
        serving[n] = one.take() or serving[n]
    assert serving == ["2", "2", "2"]
    late = follower(model)
    assert late.begin() == "2"
    assert {one.state for one in (*ones, late)} == {ones[0].state}


def test_a_start_without_a_pointer_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="current cannot be read"):
        follower(make_model(tmp_path, "1")).begin()


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(["1", "2", "3", "bad", "gone", "{", "batch", "look"]), max_size=12))
def test_whatever_happens_to_the_pointer_a_good_version_serves(model: Model, steps: list[str]) -> None:
    """And after a look and a batch it is the last good one that was looked at."""
    if not model.path_of("bad").exists():
        damage(file_bundle(model, "bad"))
    point_by_hand(model, "1")
    one = follower(model)
    serving = expected = one.begin()
    named = "1"
    for step in [*steps, "look", "batch"]:
        if step == "look":
            one.look()
            expected = named if named in ("1", "2", "3") else expected
        elif step == "batch":
            serving = one.take() or serving
            assert serving == one.state.version
        else:
            named = step
            if step == "{":
                (model.folder / "current").write_text("{")
            else:
                point_by_hand(model, step)
        assert one.state.version in ("1", "2", "3")
    assert serving == expected


def test_the_thread_looks_by_itself_and_ends(model: Model) -> None:
    looked = threading.Semaphore(0)
    states: list[State] = []

    def on_look(state: State) -> None:
        states.append(state)
        looked.release()

    one = Follower(model.folder, TERMS, Loads(), 0.01, on_look)
    before = threading.active_count()
    assert one.begin() == "1"
    assert threading.active_count() == before + 1
    point_by_hand(model, "2")
    while states[-1].version != "2":
        assert looked.acquire(timeout=60)
    assert one.take() == "2"
    one.close()
    assert threading.active_count() == before


def test_a_look_that_fails_does_not_end_the_thread(model: Model, caplog: pytest.LogCaptureFixture) -> None:
    looked = threading.Semaphore(0)
    calls = 0

    def on_look(_: State) -> None:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise OSError("Redis is away")
        looked.release()

    one = Follower(model.folder, TERMS, Loads(), 0.01, on_look)
    one.begin()
    for _ in range(3):
        assert looked.acquire(timeout=60)
    one.close()
    assert [record.getMessage() for record in caplog.records if record.exc_info] == [f"model {NAME}: could not look at its pointer"]


def test_a_pinned_bundle_stays(model: Model) -> None:
    for path in (model.folder, model.path_of("1")):
        one = Pinned(path, Loads())
        assert one.begin() == "1"
        assert one.take() is None
        assert one.refusals() == 0
        one.close()
