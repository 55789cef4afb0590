"""`swerve evaluate`: which cases there are, what they measure, and that nothing sees what it must not see."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs import cli
from jobs.cli.evaluation import render, sentence
from jobs.evaluation import Beginnings, write_beginnings
from models.bundle import Bundle
from tests.unit.bundles import START, make_bundle, make_tables
from training.baselines import Prefixes
from training.evaluate import Evaluation, beginnings, evaluate, refuse_differences
from training.evaluate.cases import Cases, Known, find_cases, known_items, training_of
from training.evaluate.measures import gains, measure, slices
from training.evaluate.swerve import bundle_lists, numbered
from training.evaluate.tuning import BASELINES, tune
from training.history import History, read_history
from training.importers import import_file
from training.profiles import follow
from training.simulator import simulate
from udfs.archive import index
from udfs.errors import SwerveError
from udfs.hashing import hash64
from udfs.profile import RING
from udfs.rank import Ranker

MINUTE = 60_000
TRAIN = ("x abc", "y abd", "z bc", "x2 e", "y2 acb", "z2 bdc")
TEST = ("p aabzc", "q cb", "r d", "s eab")


def sessions_archive(folder: Path, name: str, sessions: tuple[str, ...], start: int = START) -> Path:
    """An archive of sessions: a name and one letter for each click, one a minute; each session an hour after the one before."""
    lines = ["session_id,item_id,event_time"]
    for number, session in enumerate(sessions):
        who, clicks = session.split()
        lines += [f"{who},{item},{start + (60 * number + at) * MINUTE}" for at, item in enumerate(clicks)]
    (folder / f"{name}.csv").write_text("\n".join(lines))
    import_file("sessions", folder / f"{name}.csv", folder / name)
    return folder / name


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """Bundle, training and test archive of the sessions above."""
    folder = Path(tmp_path_factory.mktemp("small"))
    bundle = make_bundle(folder / "shop" / "1", make_tables(ids=tuple("abcde"), neighbours=3))
    return bundle.path, sessions_archive(folder, "train", TRAIN), sessions_archive(folder, "test", TEST, START + 9_000 * MINUTE)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> tuple[Bundle, History, History, Path]:
    """A simulated shop with late events, carts and visits without end: a bundle, the earlier half, the later half and its archive."""
    folder = Path(tmp_path_factory.mktemp("shop"))
    for number in (1, 2):
        simulate(folder / str(number), events=3_000, users=150, items=80, seed=number, late_seconds=30, duplicates=0.05, poison=0.01)
    train, test = (read_history(folder / str(number)) for number in (1, 2))
    bundle = make_bundle(folder / "shop" / "1", make_tables(ids=sorted({texts.item_id for texts in train.items.values()})))
    return bundle, train, test, folder / "2"


def cases_by_name(history: History, known: Known, cases: Cases) -> list[tuple[str, str]]:
    names = {hash64(name): name for name in "abcdez"}
    letters = [names[int(item)] for item in known.hashes]
    return [
        ("".join(letters[item] for item in cases.prefixes.items[start:end]), letters[right] if right >= 0 else "?")
        for start, end, right in zip(cases.prefixes.starts, cases.prefixes.ends, cases.right.tolist(), strict=True)
    ]


def test_every_beginning_of_every_session_is_a_case(small: tuple[Path, Path, Path]) -> None:
    _, train, test = small
    known, history = known_items(read_history(train).events), read_history(test)
    cases = find_cases(history, known)
    found = cases_by_name(history, known, cases)
    expected = [[("a", "a"), ("aa", "b"), ("aab", "?"), ("aab", "c")], [("c", "b")], [("e", "a"), ("ea", "b")]]
    by_session = [[case for case, of in zip(found, cases.session.tolist(), strict=True) if of == session] for session in range(3)]
    assert sorted(by_session) == expected
    assert cases.position.tolist() == [position for of in by_session for position in range(1, len(of) + 1)]
    assert [case for case, seen in zip(found, cases.seen.tolist(), strict=True) if seen] == [("a", "a")]
    assert (history.events["event_time"][cases.row] == cases.prefixes.times).all()
    assert {part: int(of.sum()) for part, of in slices(cases, known).items()} == {"first_click": 3, "rare_item": 4, "new_in_session": 6}
    sampled = find_cases(history, known, sample=2, seed=3)
    assert sampled.sessions == 2
    assert set(cases_by_name(history, known, sampled)) <= set(found)


def test_measures() -> None:
    lists = np.array([[3, 1, 2], [3, 1, 2], [3, 1, -1], [0, 1, 2]], np.int32)
    scored = gains(lists, np.array([3, 2, -1, 9], np.int32))
    assert scored.tolist() == [[1, 1, 1], [1, 1 / 3, 1 / 2], [0, 0, 0], [0, 0, 0]]


def cases_with(session: list[int], right: list[int]) -> Cases:
    n = len(session)
    zeros, nothing = np.zeros(n, np.int64), Prefixes(np.empty(0, np.int32), *(np.zeros(n, np.int64),) * 3)
    return Cases(np.array(session), zeros + 1, zeros, np.array(right, np.int32), np.zeros(n, np.bool_), nothing)


def test_the_document_s_measures() -> None:
    known = Known(np.arange(10, dtype=np.uint64), np.array([40, 30, 20, 10, 5, 4, 3, 2, 1, 1]))
    cases = cases_with([0, 0, 1, 1], [0, 5, -1, 1])
    best, worst = np.full((4, 20), -1, np.int32), np.full((4, 20), -1, np.int32)
    best[:, :2], worst[:, 0] = [[0, 1], [5, 1], [10, 2], [1, 2]], 9
    found = measure({"swerve": best, "pop": worst}, cases, known, seed=0)
    own, other = found.methods["swerve"], found.methods["pop"]
    assert (own["hr@20"], own["mrr@20"], own["ndcg@20"], own["coverage@20"]) == (0.75, 0.75, 0.75, 0.4)
    assert own["intervals"]["hr@20"] == [0.5, 1.0], "the second session has one hit of two, and may be drawn twice"
    assert own["slices"]["rare_item"] == {**own["slices"]["rare_item"], "cases": 2, "hr@20": 0.5}
    assert (other["hr@20"], other["coverage@20"], other["popularity@20"]) == (0.0, 0.1, 0.1)
    assert found.against["hr@20"] == {"other": "pop", "difference": 0.75, "interval": [0.5, 1.0]}
    assert measure({"swerve": best, "pop": worst}, cases, known, seed=0) == found


@given(st.lists(st.lists(st.booleans(), min_size=1, max_size=5), min_size=2, max_size=8))
def test_an_interval_holds_its_mean_and_is_not_there_without_chance(hits: list[list[bool]]) -> None:
    known = Known(np.arange(2, dtype=np.uint64), np.array([2, 1]))
    cases = cases_with([s for s, of in enumerate(hits) for _ in of], [0 if hit else 1 for of in hits for hit in of])
    lists = np.full((len(cases.right), 20), -1, np.int32)
    lists[:, 0] = 0
    found = measure({"swerve": lists}, cases, known, seed=1).methods["swerve"]
    low, high = found["intervals"]["hr@20"]
    assert low <= found["hr@20"] <= high
    assert (low == high) == (len({sum(of) / len(of) for of in hits}) == 1)


@pytest.fixture
def ranked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What goes into the ranker from now on."""
    profiles: list[Any] = []
    stages = Ranker.stages

    def watched(self: Ranker, some: Any) -> Any:
        profiles.append(some.copy())
        return stages(self, some)

    monkeypatch.setattr(Ranker, "stages", watched)
    return profiles


def test_a_profile_holds_what_came_up_to_the_case_and_nothing_else(
    shop: tuple[Bundle, History, History, Path], ranked: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle, train, test, _ = shop
    cases = find_cases(test, known_items(train.events))
    monkeypatch.setattr("training.evaluate.swerve.CASES_AT_ONCE", 100)
    bundle_lists(bundle, test, cases, 100)
    profiles = np.concatenate(ranked)
    assert len(profiles) == len(cases.row) > 300
    seen = {
        (int(profile["clock"]), int(profile["n_events"]), int(profile["items"]["item"][(profile["items_n"] - 1) % RING]))
        for profile in profiles
    }
    user = test.events["user"]
    expected = set()
    for row in cases.row.tolist():
        mine = test.events[: row + 1][user[: row + 1] == user[row]]
        expected.add((int(mine["event_time"].max()), len(mine), int(test.events["item"][row])))
    assert seen == expected


def test_nothing_sees_the_future(shop: tuple[Bundle, History, History, Path]) -> None:
    """What comes after a case in the test log changes no list of it, and of the training log every method but the bundle learns."""
    bundle, train, test, _ = shop
    known = known_items(train.events)
    time = int(np.median(test.events["event_time"]))
    changed = History(test.events.copy(), test.users, test.session, test.items, test.categories, 0, 0)
    later = test.events["event_time"] > time
    changed.events["item"][later & (test.events["item"] != 0)] = known.hashes[-1]
    changed.events["price"][later] = 1e6
    # A late event stands behind newer ones in the log: who has had none of the later events is compared.
    clock = np.zeros(test.users, np.int64)
    clean = np.zeros(len(later), np.bool_)
    for row, (user, at) in enumerate(zip(test.events["user"].tolist(), test.events["event_time"].tolist(), strict=True)):
        clock[user] = max(clock[user], at)
        clean[row] = clock[user] <= time
    before, after = (find_cases(history, known) for history in (test, changed))
    assert before.row.tolist() == after.row.tolist()
    same = clean[before.row]
    assert 100 < same.sum() < len(same) - 100
    training = training_of(train.events, train.session, known)
    for name, method in BASELINES.items():
        baseline = method(**method.PUBLISHED[-1])
        baseline.fit(training)
        one, other = (baseline.recommend(cases.prefixes).items for cases in (before, after))
        assert np.array_equal(one[same], other[same]), name
        assert name == "pop" or not np.array_equal(one, other), "else this shows nothing"
    one, other = (bundle_lists(bundle, history, cases, 100) for history, cases in ((test, before), (changed, after)))
    assert np.array_equal(one[same], other[same])
    assert not np.array_equal(one, other)


def test_settings_are_chosen_on_the_training_log_alone(small: tuple[Path, Path, Path], tmp_path: Path) -> None:
    bundle, train, test = small
    other = sessions_archive(tmp_path, "other", ("p aabzc", "v edbca", "w dd"), START + 9_000 * MINUTE)
    one, two = (evaluate(bundle, train, archive) for archive in (test, other))
    shared = [np.flatnonzero(find_cases(found.history, known_items(read_history(train).events)).prefixes.ends >= 0) for found in (one, two)]
    assert len(shared[0]) == len(one.cases.row)
    settings = [{name: method.get("settings") for name, method in found.document["methods"].items()} for found in (one, two)]
    assert settings[0] == settings[1] == {"swerve": None, **tune(read_history(train), 1)}
    # The first session is the same in both, and so are its lists.
    session = [int(found.cases.session[np.argmin(found.history.events["event_time"][found.cases.row])]) for found in (one, two)]
    rows = [found.cases.session == number for found, number in zip((one, two), session, strict=True)]
    for method in one.lists:
        assert one.lists[method][rows[0]].tolist() == two.lists[method][rows[1]].tolist(), method


def test_an_item_that_only_the_bundle_knows_takes_a_place_and_is_never_right(shop: tuple[Bundle, History, History, Path]) -> None:
    bundle, _, _, _ = shop
    known = Known(bundle.tables.item_hash[[4, 2]], np.array([2, 1]))
    assert numbered(np.array([[2, 0, 4, -1]], np.int32), bundle, known).tolist() == [[1, 2, 0, -1]]


def test_the_command(small: tuple[Path, Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    bundle, train, test = map(str, small)
    arguments = ["evaluate", bundle, "--train", train, "--test", test]
    assert cli.main([*arguments, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["cases"], document["sessions"], document["items"], document["unknown_next"]) == (7, 3, 5, 1)
    assert list(document["methods"]) == ["swerve", "stan", "vsknn", "sknn", "ar", "sr", "pop"]
    for method in document["methods"].values():
        assert 0 <= method["mrr@20"] <= method["ndcg@20"] <= method["hr@20"] <= 6 / 7 + 1e-4
    assert document["methods"]["pop"]["hr@20"] == pytest.approx(6 / 7, abs=1e-4), "five items: popularity shows them all"
    assert cli.main(arguments) == 0
    out, err = capsys.readouterr()
    assert err == ""
    for text in ("7 cases of 3 sessions, 1 of them with", "stan", "◀", sentence(document)[:40]):
        assert text in out
    assert render(document) == out.rstrip("\n")


def test_the_sentence_says_whether_it_is_chance() -> None:
    def document(difference: float, low: float, high: float) -> dict[str, Any]:
        against = {"other": "stan", "difference": difference, "interval": [low, high]}
        return {"methods": {"swerve": {"hr@20": 0.5, "mrr@20": 0.25}}, "swerve_against_best": {"hr@20": against, "mrr@20": against}}

    assert "2.0 points more than stan, the best of the others (+1.0 to +3.0)" in sentence(document(0.02, 0.01, 0.03))
    assert "2.0 points less than stan" in sentence(document(-0.02, -0.03, -0.01))
    assert "no difference from stan, the best of the others, that these sessions can tell" in sentence(document(0.02, -0.01, 0.03))


@pytest.mark.parametrize(("sessions", "says"), [(("p a", "q b"), "no session with two items")])
def test_what_cannot_be_evaluated(small: tuple[Path, Path, Path], tmp_path: Path, sessions: tuple[str, ...], says: str) -> None:
    bundle, train, _ = small
    with pytest.raises(SwerveError, match=says):
        evaluate(bundle, train, sessions_archive(tmp_path, "other", sessions))


def test_beginnings_of_their_own_are_the_users_of_the_job(shop: tuple[Bundle, History, History, Path], tmp_path: Path) -> None:
    """The archive for the job holds, for every case, a user whose profile is the one that is ranked directly."""
    bundle, train, test, archive = shop
    cases = find_cases(test, known_items(train.events), sample=25, seed=1)
    found = Evaluation({}, bundle, test, cases, {})
    asked = Beginnings(*beginnings(found))
    write_beginnings(archive, asked, tmp_path / "beginnings")
    written = read_history(tmp_path / "beginnings")
    assert (len(written.events), written.users, written.rejects) == (asked.size, len(cases.row), 0)
    last = np.zeros(len(written.events), np.bool_)
    last[[int(np.flatnonzero(written.events["user"] == user)[-1]) for user in range(written.users)]] = True
    wanted = np.zeros(len(test.events), np.bool_)
    wanted[cases.row] = True
    # Event ids differ, and with them what duplicates are known by.
    mine = {profile["items"].tobytes() + profile["categories"].tobytes() + profile["counts"].tobytes()
            for profile in follow(written.events, written.users, bundle.segments, last)[0]}  # fmt: skip
    theirs = {profile["items"].tobytes() + profile["categories"].tobytes() + profile["counts"].tobytes()
              for profile in follow(test.events, test.users, bundle.segments, wanted)[0]}  # fmt: skip
    assert mine == theirs
    replayed = np.concatenate([asked.events[start:end] for start, end in zip(asked.starts, asked.ends, strict=True)])
    newest = test.events["event_time"][np.isin(test.events["event_id"], replayed)].max()
    assert index(tmp_path / "beginnings", 1000).max_time == newest


def test_another_list_of_the_job_is_an_error_that_names_the_case(shop: tuple[Bundle, History, History, Path]) -> None:
    bundle, train, test, _ = shop
    cases = find_cases(test, known_items(train.events), sample=5, seed=1)
    found = Evaluation({}, bundle, test, cases, {})
    tables = bundle.tables
    direct = [[tables.item_id(item) for item in row if item >= 0] for row in bundle_lists(bundle, test, cases, 100, 0).tolist()]
    assert refuse_differences(found, direct, 0, 100) == 1.0
    direct[2] = direct[2][::-1]
    with pytest.raises(
        SwerveError, match=f"in 1 of {len(direct)} cases; the first: session {cases.session[2]} after click {cases.position[2]},"
    ):
        refuse_differences(found, direct, 0, 100)


def test_a_deadline_that_has_passed_by_the_end_has_fired(shop: tuple[Bundle, History, History, Path], ranked: list[Any]) -> None:
    """As in a replay that ends at that time."""
    bundle, train, test, _ = shop
    cases = find_cases(test, known_items(train.events))
    end = int(np.median(test.events["event_time"]))
    bundle_lists(bundle, test, cases, 100)
    before = np.concatenate(ranked)
    ranked.clear()
    bundle_lists(bundle, test, cases, 100, end)
    after = np.concatenate(ranked)
    passed = (before["cart_deadline"] > 0) & (before["cart_deadline"] < end)
    assert 10 < passed.sum() < (before["cart_deadline"] > 0).sum()
    assert (after["abandoned"] - before["abandoned"]).tolist() == passed.astype(int).tolist()
    assert after["cart_deadline"].tolist() == np.where(passed, 0, before["cart_deadline"]).tolist()
