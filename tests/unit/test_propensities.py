"""Models of shoppers: what they learn from, how they are calibrated and chosen, and that their ONNX file says what they say."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from models.bundle import Bundle
from tests.unit.bundles import START, make_profiles
from tests.unit.test_train import log
from training.history import History
from training.propensity.choosing import choose, halves
from training.propensity.fitting import FITS, Fitted, constant, fit
from training.propensity.horizon import churn_days
from training.propensity.impressions import shown_lists
from training.propensity.judging import brier, calibration_error, judge, log_loss, reliability
from training.propensity.onnx_file import export
from training.propensity.outcomes import NEVER, VisitTimes, outcomes
from training.propensity.samples import Parts, Samples, fold, of_categories
from training.simulator import simulate
from training.train import train
from udfs.archive import read_records
from udfs.archive_writer import ArchiveWriter
from udfs.propensity import AFFINITY, ESTIMATES, Propensities
from udfs.schemas import load
from udfs.user_features import CATEGORY_FEATURES, DAY_MS, USER_FEATURES, category_features

ROWS, CLOSE = 10_000, 1e-5
MINUTE = 60_000
U, A = len(USER_FEATURES), len(CATEGORY_FEATURES)


def samples_of(count: int, seed: int, width: int = U, noise: float = 1.0, start: int = 0) -> Samples:
    """Rows whose label hangs on two columns, one of them bent; a sample a minute, its label known five minutes later."""
    random = np.random.default_rng(seed)
    features = random.lognormal(0, 0.5, (count, width)).astype(np.float32)
    features[:, 5] = 3.0
    odds = 2 * (features[:, 0] - 1) + 4 * np.abs(features[:, 1] - 1) - 2 + noise * random.logistic(size=count)
    time = start + MINUTE * np.arange(count)
    return Samples(features, odds > 0.5, time, time + 5 * MINUTE)


SPLIT = Parts(1800 * MINUTE, 2400 * MINUTE, 10_000 * MINUTE)


def test_what_followed_an_event() -> None:
    events = log(
        (0, "view_item", 0, "a"), (1, "view_item", 1, "a"), (0, "search", 2, ""), (0, "view_item", 10, "b"), (0, "purchase", 20, "b"),
        (0, "page_view", 25, ""), (0, "view_item", 100, "c"), (1, "view_item", 40, "b"),
    )  # fmt: skip
    after = outcomes(events)
    assert after.buys.tolist() == [True, False, True, True, False, False, False, False]
    assert after.next_click.tolist() == [3, -1, 3, -1, -1, -1, -1, -1]
    minutes = [55, 31, 55, 55, 55, 55, 130, 70]
    assert after.over.tolist() == [START + minute * MINUTE for minute in minutes]
    never = int(NEVER)
    returns = [START + 100 * MINUTE] * 4
    assert after.returns.tolist() == [returns[0], START + 40 * MINUTE, *returns[1:3], returns[0], returns[0], never, never]
    assert outcomes(events[:0]).buys.tolist() == []


def test_days_of_absence_are_those_of_the_shop() -> None:
    first = np.tile(np.arange(25, dtype=np.int64) * 4 * DAY_MS, 40)
    visits = VisitTimes(np.repeat(np.arange(40), 25), first, first + 1000)
    assert churn_days(visits, Parts(60 * DAY_MS, 80 * DAY_MS, 100 * DAY_MS))[0] == 4
    days, why = churn_days(visits, Parts(60 * DAY_MS, 80 * DAY_MS, 87 * DAY_MS))
    assert (days, "too short for more than 3" in why) == (3, True)
    days, why = churn_days(visits, Parts(79 * DAY_MS, 80 * DAY_MS, 100 * DAY_MS))
    assert (days, "shorter than 2 days" in why) == (0, True)
    days, why = churn_days(visits._replace(user=np.arange(1000)), Parts(60 * DAY_MS, 80 * DAY_MS, 100 * DAY_MS))
    assert (days, "0 visits of shoppers who came back" in why) == (0, True)


def test_logged_lists() -> None:
    events = log(
        (0, "view_item_list", 0, "a"), (0, "view_item_list", 0, "b"), (0, "select_item", 1, "b"), (0, "view_item_list", 2, "c"),
        (1, "select_item", 3, "c"), (0, "view_item", 200, "c"), (1, "view_item_list", 5, "a"), (1, "view_item", 6, "a"),
    )  # fmt: skip
    of = np.array([7, 7, 7, 8, 8, 8, 9, 0], np.uint64)
    history = History(events, 2, np.zeros(8, np.int64), {}, {}, 0, 0, recommendation=of)
    shown = shown_lists(history, outcomes(events))
    # 8: a stranger's click, and one after her visit. 9: a click that names no list.
    assert (shown.row.tolist(), shown.clicked.tolist()) == ([0, 3, 6], [True, False, False])
    none = shown_lists(History(events, 2, np.zeros(8, np.int64), {}, {}, 0, 0, recommendation=np.zeros(8, np.uint64)), outcomes(events))
    assert len(none.row) == len(none.clicked) == 0


def test_no_part_knows_what_the_next_one_is_asked() -> None:
    samples = samples_of(3000, 0)
    parts = [fold(samples, 0, SPLIT.fit), fold(samples, SPLIT.fit, SPLIT.learn), fold(samples, SPLIT.learn, SPLIT.end)]
    for one, other in pairwise(parts):
        assert one.known.max() <= other.time.min()
    assert len(samples.time) - sum(len(part.time) for part in parts) == 2 * 4, "what ends in another part is left out"


def test_models_see_nothing_of_what_comes_after() -> None:
    samples = samples_of(3000, 1)
    later = samples.time + 5 * MINUTE > SPLIT.learn
    changed = samples._replace(label=np.where(later, ~samples.label, samples.label))
    one, other = choose(samples, SPLIT, 0), choose(changed, SPLIT, 0)
    assert one.report["shipped"]
    rows = samples.features[:50]
    before = [fit(kind, fold(samples, 0, SPLIT.fit), fold(samples, SPLIT.fit, SPLIT.learn), 0).probabilities(rows) for kind in FITS]
    again = [fit(kind, fold(changed, 0, SPLIT.fit), fold(changed, SPLIT.fit, SPLIT.learn), 0).probabilities(rows) for kind in FITS]
    assert np.array_equal(before, again)
    assert not other.report["shipped"], "it is turned round on the later part"


def test_categories_are_samples_of_their_own() -> None:
    profiles = make_profiles(30)
    following = profiles["categories"]["category"][:, 1].copy()
    samples = of_categories(profiles, following, np.arange(30), np.arange(30) + 7)
    rows = category_features(profiles)
    assert np.array_equal(samples.features, rows.features[: len(rows.user)])
    assert samples.label.tolist() == (rows.entry == 1).tolist()
    assert np.array_equal(samples.known - samples.time, np.full(len(rows.user), 7))


def test_the_better_one_is_chosen_and_calibrated() -> None:
    choice = choose(samples_of(6000, 2, 8, noise=0.3), Parts(3600 * MINUTE, 4800 * MINUTE, 6100 * MINUTE), 0)
    report = choice.report
    assert (choice.early.kind, choice.final.kind, report["shipped"]) == ("perceptron", "perceptron", True)
    losses = {kind: of["log_loss"] for kind, of in report["tried"].items()}
    assert losses["perceptron"] < losses["logistic"] < report["base"]["log_loss"]
    assert report["tried"]["perceptron"]["auc"] > 0.9
    fresh = samples_of(6000, 3, 8, noise=0.3)
    for model in (choice.early, choice.final):
        assert calibration_error(model.probabilities(fresh.features), fresh.label) < 0.03
    assert [row["cases"] for row in report["reliability"]] == sorted((row["cases"] for row in report["reliability"]), reverse=True)
    assert len(report["reliability"]) == 10


def test_calibration_mends_what_is_too_sure() -> None:
    learn, later = samples_of(3000, 4), samples_of(3000, 5)
    doubted = later._replace(label=np.where(np.random.default_rng(0).random(3000) < 0.3, ~later.label, later.label))
    half = np.arange(3000) < 1500
    fitted = fit("logistic", learn, doubted.only(half), 0)
    sure = Fitted("logistic", 0.5, fitted.estimator, fitted.mean, fitted.spread)
    rest = doubted.only(~half)
    before, after = (calibration_error(model.probabilities(rest.features), rest.label) for model in (sure, fitted))
    assert after < 0.5 * before


def test_a_handful_of_samples_will_do() -> None:
    few = samples_of(400, 14, 8, noise=0.1)
    choice = choose(few, Parts(150 * MINUTE, 280 * MINUTE, 410 * MINUTE), 0)
    assert set(choice.report["tried"]) == set(FITS)


@pytest.mark.parametrize(
    ("samples", "rate", "why"),
    [
        (samples_of(3000, 6)._replace(label=np.random.default_rng(1).random(3000) < 0.3), 0.3, "no better than the base rate"),
        (samples_of(3000, 6)._replace(label=np.zeros(3000, np.bool_)), 0.0, "never happens"),
        (samples_of(3000, 6)._replace(label=np.arange(3000) % 300 == 0), 10 / 3000, "fewer than 20"),
        (samples_of(0, 6), 0.0, "no case of it"),
    ],
    ids=["chance", "never", "few", "none"],
)
def test_what_is_no_better_than_the_base_rate_is_not_shipped(samples: Samples, rate: float, why: str) -> None:
    choice = choose(samples, SPLIT, 0)
    assert (choice.report["shipped"], choice.report["kind"], why in choice.report["why"]) == (False, "constant", True)
    assert choice.final.rate == pytest.approx(rate, abs=0.02)
    assert choice.report["base_rate"] == pytest.approx(choice.final.rate, abs=1e-6)
    models = dict.fromkeys((*ESTIMATES, AFFINITY), choice.final)
    profiles = make_profiles(9)
    found = Propensities(export(models)).estimate(profiles)
    assert set(found.users.reshape(-1).tolist()) == set(found.affinity.tolist()) == {float(np.float32(choice.final.rate))}
    assert not choose(samples, halves(samples, SPLIT.end), 0).report["shipped"]


def reference(kind: str, learn: Samples, calibrate: Samples, rows: Any) -> Any:
    """The same out of scikit-learn's own parts; the column that never changes left out."""
    varies = np.arange(learn.features.shape[1]) != 5
    model: Any = FITS[kind](len(learn.label), 0)
    model = make_pipeline(StandardScaler(), model).fit(learn.features[:, varies].astype(np.float64), learn.label)
    if kind == "logistic":
        odds = model.decision_function
    else:

        def odds(x: Any) -> Any:
            said = model.predict_proba(x)[:, 1]
            return np.log(said / (1 - said))

    platt = LogisticRegression(C=100.0, max_iter=500).fit(odds(calibrate.features[:, varies].astype(np.float64))[:, None], calibrate.label)
    return platt.predict_proba(odds(rows[:, varies].astype(np.float64))[:, None])[:, 1]


def test_logistic_regression_is_scikit_learns() -> None:
    learn, calibrate, fresh = samples_of(2000, 7), samples_of(1000, 8), samples_of(500, 9)
    expected = reference("logistic", learn, calibrate, fresh.features)
    assert np.abs(fit("logistic", learn, calibrate, 0).probabilities(fresh.features) - expected).max() < 1e-4


def test_the_onnx_file_is_the_fitted_models() -> None:
    user, category = samples_of(2500, 10), samples_of(2500, 11, A)
    kinds = dict(zip((*ESTIMATES, AFFINITY), ("logistic", "perceptron", "logistic", "perceptron"), strict=True))
    of = {name: category if name == AFFINITY else user for name in kinds}
    models = {name: fit(kind, of[name], of[name], 0) for name, kind in kinds.items()}
    assert isinstance(models["purchase_propensity"].estimator, MLPClassifier)
    session = Propensities(export(models))._session
    rows = {"user_features": samples_of(ROWS, 12).features, "category_features": samples_of(ROWS, 13, A).features}
    for table in rows.values():
        table[:, 5] = np.random.default_rng(0).random(ROWS)
    for (name, model), said in zip(models.items(), session.run(list(models), rows), strict=True):
        expected = model.probabilities(rows["category_features" if name == AFFINITY else "user_features"])
        assert np.abs(said[:, 0] - expected).max() <= CLOSE, name
        assert said.std() > 0.1


def test_measures() -> None:
    said, label = np.array([0.0, 0.5, 0.5, 1.0]), np.array([False, True, False, True])
    assert brier(said, label) == 0.125
    assert log_loss(said, label) == pytest.approx(np.log(2) / 2, abs=1e-6)
    assert judge(said, label)["auc"] == 0.875
    wide, came = np.repeat([0.2, 0.6], 50), np.tile([True, False], 50)
    assert calibration_error(wide, came) == pytest.approx(0.2)
    assert [(row["said"], row["came"]) for row in reliability(wide, came)] == [(0.2, 0.5)] * 5 + [(0.6, 0.5)] * 5
    assert constant(np.zeros(0, np.bool_)).rate == 0.0


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = Path(tmp_path_factory.mktemp("shop")) / "archive"
    simulate(folder, events=6_000, users=300, items=200, seed=5)
    return folder


def test_a_bundle_has_them_and_says_how_good_they_are(archive: Path, tmp_path: Path) -> None:
    report = train(archive, tmp_path / "shop" / "1", 1, kinds=("linear",))
    bundle = Bundle.open(tmp_path / "shop" / "1")
    assert bundle.propensity is not None
    document = json.loads((bundle.path / "propensity.json").read_text())
    assert set(document) == set(report.propensities) == {*ESTIMATES, AFFINITY}
    assert document[AFFINITY]["shipped"]
    assert document[AFFINITY]["tried"][document[AFFINITY]["kind"]]["auc"] > 0.8
    assert document["click_propensity"]["from"] == "the ranker's first 20"
    assert document["click_propensity"]["base_rate"] > 0.2
    assert bundle.manifest.training["churn_days"] == document["churn_risk"]["days"]
    assert "category_affinity" in bundle.manifest.features
    for name, one in document.items():
        assert one["shipped"] or f"always {one['base_rate']:g}" in report.propensities[name]


def test_a_shop_without_purchases_categories_or_returning_users(archive: Path, tmp_path: Path) -> None:
    """And with lists whose showing was logged."""
    schema, records = load("shop_event"), []
    for record in read_records(archive, "events"):
        if record["event_name"] in ("purchase", "add_to_cart"):
            continue
        record["item_category"] = None
        record["user_id"] = f"{record['user_id']}-{record['session_id']}"
        if record["event_name"] == "view_item":
            number = str(record["event_id"])
            records.append({**record, "event_name": "view_item_list", "event_id": f"{number}-list", "recommendation_id": number})
            record["recommendation_id"] = number if len(records) % 3 == 0 else None
        records.append(record)
    folder = tmp_path / "archive"
    with ArchiveWriter(folder, schema) as writer:
        writer.append_records(records)
    train(folder, tmp_path / "shop" / "1", 1, kinds=("linear",))
    document = json.loads((tmp_path / "shop" / "1" / "propensity.json").read_text())
    assert "never happens" in document["purchase_propensity"]["why"]
    assert "no case of it" in document[AFFINITY]["why"]
    assert (document["churn_risk"]["days"], "who came back" in document["churn_risk"]["why_days"]) == (0, True)
    assert document["click_propensity"]["from"] == "logged impressions"
    assert 0.2 < document["click_propensity"]["base_rate"] < 0.8
