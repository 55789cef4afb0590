"""How much features and scores have moved."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.cli import main
from models.bundle import Bundle
from tests.unit.bundles import make_bundle, make_profiles
from training.feedback.drift import MUCH, SOME, Observed, chance, compare, observe, reference, stability
from training.simulator import simulate
from udfs.rank import Ranker

RANDOM = np.random.default_rng(0)


def seen(rows: int = 20_000, seed: int = 0, shift: float = 0.0, users: int | None = None) -> Observed:
    """A normal feature that may be shifted, a flag, a constant, one that is mostly 0."""
    random = np.random.default_rng(seed)
    normal = random.normal(shift, 1, rows)
    flag, mostly = random.random(rows) < 0.3, np.where(random.random(rows) < 0.8, 0, random.random(rows))
    features = np.column_stack([normal, flag, np.ones(rows), mostly]).astype(np.float32)
    return Observed(features, ("normal", "flag", "constant", "mostly"), normal.astype(np.float32), users or rows)


SHARES = st.lists(st.floats(0.0, 1.0), min_size=2, max_size=8).filter(lambda shares: sum(shares) > 0.1)


@given(SHARES, st.randoms(use_true_random=False))
def test_the_index_is_symmetric_never_negative_and_0_for_the_same(drawn: list[float], random: Any) -> None:
    p = np.array(drawn) / sum(drawn)
    q = np.array(random.sample(p.tolist(), len(p)))
    assert stability(p, p) == 0
    assert stability(p, q) >= 0
    assert stability(p, q) == pytest.approx(stability(q, p))


def test_the_index_as_it_is_worked_out_by_hand() -> None:
    p, q = np.array([0.2, 0.3, 0.5]), np.array([0.3, 0.3, 0.4])
    assert stability(p, q) == pytest.approx(0.1 * np.log(1.5) - 0.1 * np.log(0.8))
    assert np.isfinite(stability(np.array([1.0, 0.0]), np.array([0.0, 1.0])))


def test_a_reference_is_json_with_deciles() -> None:
    before = reference(*seen())
    assert json.loads(json.dumps(before)) == before
    spread = {one["name"]: one for one in before["features"]}
    assert spread["normal"]["shares"] == pytest.approx([0.1] * 10, abs=1e-3)
    assert spread["flag"]["edges"] == [0.0]
    assert spread["flag"]["shares"] == pytest.approx([0.7, 0.3], abs=0.01)
    assert (spread["constant"]["edges"], spread["constant"]["shares"]) == ([], [1.0])
    assert spread["mostly"]["shares"][0] == pytest.approx(0.8, abs=0.01)
    assert (before["rows"], before["users"], before["scores"]["dropped"]) == (20_000, 20_000, 0)


def test_what_has_not_moved_and_what_has() -> None:
    before = reference(*seen())
    same = compare(before, seen(seed=1))
    assert (same["moved"], same["scores"]["change"]) == ([], "none")
    some, much = compare(before, seen(seed=1, shift=0.4)), compare(before, seen(seed=1, shift=0.8))
    assert (some["moved"], some["scores"]["change"], much["features"][0]["change"]) == (["normal"], "some", "much")
    assert SOME < some["greatest"] < MUCH < much["greatest"] == much["features"][0]["psi"]
    assert much["features"][0]["mean_now"] - much["features"][0]["mean_before"] == pytest.approx(0.8, abs=0.05)


def test_chance_alone_moves_nothing() -> None:
    before = reference(*seen(seed=2, rows=400))
    indices = np.array([compare(before, seen(seed=seed, rows=400))["features"] for seed in range(3, 103)])
    normal = np.array([next(one for one in row if one["name"] == "normal")["psi"] for row in indices])
    assert np.mean(normal < chance(10, 400, 400)) >= 0.85
    # The same shares of few shoppers are no news.
    few = compare(reference(*seen(users=30)), seen(seed=1, shift=0.4, users=30))
    assert few["features"][0]["psi"] > SOME
    assert (few["moved"], few["greatest"]) == ([], 0)


def test_scores_that_are_not_finite_are_counted() -> None:
    one = seen()
    broken = one._replace(scores=np.where(np.arange(len(one.scores)) % 4 == 0, np.nan, one.scores).astype(np.float32))
    found = compare(reference(*one), broken)
    assert (found["scores"]["dropped_now"], found["scores"]["dropped_before"]) == (0.25, 0)
    assert found["scores"]["change"] == "none"
    nothing = compare(reference(*one), one._replace(scores=np.full(len(one.scores), np.nan, np.float32)))
    assert nothing["scores"]["dropped_now"] == 1


def test_features_that_only_one_side_has() -> None:
    one = seen()
    found = compare(reference(*one), one._replace(names=("normal", "flag", "other", "mostly")))
    assert (found["only_before"], found["only_now"], len(found["features"])) == (["constant"], ["other"], 3)


def test_only_real_candidates_are_looked_at(tmp_path: Path) -> None:
    ranker = Ranker(make_bundle(tmp_path / "test" / "1"), 50)
    profiles = make_profiles(20)
    found, rows, scores, _ = ranker.stages(profiles)
    observed = observe(ranker, profiles)
    assert len(observed.scores) == found.filled.sum() < len(scores)
    assert observed.users == 20
    assert np.array_equal(observed.features[: found.filled[0]], rows[: found.filled[0]])


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    archive, bundle = tmp_path / "shop", tmp_path / "m" / "1"
    simulate(archive, events=3_000, users=150, items=100, seed=5)
    make_bundle(bundle)
    assert main(["drift", str(bundle), str(archive)]) == 1
    assert "has no reference.json" in capsys.readouterr().err
    assert main(["drift", str(bundle), str(archive), "--reference", str(archive), "--fail-above", "0", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["greatest"], document["moved"]) == (0, [])
    assert [one["name"] for one in document["features"]] == list(Bundle.open(bundle).scorer.features)
    # Of another shop.
    document = reference(*seen())
    document["features"] = [{**one, "name": name} for name, one in zip(("popularity", "log_price"), document["features"])]
    make_bundle(bundle, documents={"reference": document})
    assert main(["drift", str(bundle), str(archive), "--fail-above", "0.25"]) == 1
    text = capsys.readouterr().out
    assert "▲▲" in text
    assert "not in the reference: " in text
    make_bundle(bundle, documents={"reference": {"version": 9}})
    assert main(["drift", str(bundle), str(archive)]) == 1
    assert "is of another version" in capsys.readouterr().err
