"""`swerve explain` and the descriptions behind it, against a real Redis."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import redis
from numpy.typing import NDArray

from jobs import cli
from jobs.embedded.redis_server import RedisServer
from jobs.runs import remember_run, with_last_run
from jobs.settings import load_settings
from models.bundle import Bundle
from tests.unit.bundles import START, category_hash, make_bundle, make_profiles, make_propensity, make_segments, make_tables
from udfs.describe import describe_profile, describe_segment, describe_shift, describe_windows
from udfs.events import EVENT, KIND
from udfs.explanation import explain_ranking
from udfs.profile import empty_profiles, pack_profiles
from udfs.rank import Ranker
from udfs.redis_writes import RedisWriter, Target
from udfs.segments import no_segments
from udfs.shift import LEAD, SHIFT_AT
from udfs.update import Updater

NAMES = {category_hash(name): name for name in ("c0", "c1", "c2", "c3")}
USERS = [b"ana", b"bo", "zoë".encode()]


def name(category: int) -> str:
    return NAMES.get(category, "?")


def views(*categories: str, gap_ms: int = 20_000) -> NDArray[np.void]:
    """The profile after views of some categories, one after the other."""
    log = np.zeros(len(categories), EVENT)
    log["kind"] = KIND["view_item"]
    log["event_time"] = START + gap_ms * np.arange(len(categories))
    log["event_id"] = np.arange(1, len(categories) + 1)
    log["category"] = [category_hash(category) for category in categories]
    log["quantity"], log["price"] = 1, 10
    profiles = empty_profiles(1)
    Updater(no_segments()).apply(profiles, log, latest_only=True)
    return profiles


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return make_bundle(tmp_path_factory.mktemp("models") / "test" / "1", propensity=make_propensity())


def write(server: RedisServer, bundle: Bundle, profiles: NDArray[np.void], prefix: str = "", keep_profile: bool = True) -> None:
    """Rank and write as the job does."""
    ranked = Ranker(bundle).rank(USERS, profiles, np.ones(len(USERS), np.uint8), START)
    versions = np.stack([profiles["clock"], 2 * profiles["n_events"]], 1).astype(np.uint64)
    with RedisWriter(Target(server.url, prefix=prefix, ttl_seconds=600, keep_profile=keep_profile)) as writer:
        assert writer.write(USERS, versions, ranked.values, pack_profiles(profiles)).written == len(USERS)


def arguments(work: Path, server: RedisServer, bundle: Bundle) -> list[str]:
    return ["--set", f"work={work}", "--redis", server.url, "--model", str(bundle.path)]


def test_what_redis_holds_is_what_comes_out_again(
    client: redis.Redis, redis_server: RedisServer, bundle: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    profiles = make_profiles(len(USERS))
    write(redis_server, bundle, profiles)
    for user, profile in zip(USERS, profiles, strict=True):
        assert cli.main(["explain", user.decode(), *arguments(tmp_path, redis_server, bundle), "--json"]) == 0
        document = json.loads(capsys.readouterr().out)
        stored = client.get(b"rec:{%b}:home" % user)
        assert isinstance(stored, bytes)
        assert document["value"]["stored"] == json.loads(stored)
        assert (document["value"]["same"], document["value"]["differs"]) == (True, [])
        assert document["ranking"]["items"] == [item["item_id"] for item in json.loads(stored)["items"]]
        assert document["profile"]["events"] == profile["n_events"]
        assert document["profile"]["bytes"] == len(client.get(b"profile:{%b}" % user) or b"") - 16  # type: ignore[arg-type]
        assert document["segment"]["name"] == json.loads(stored)["segment"]["name"]
        fields = (profile[field] for field in ("click_propensity", "purchase_propensity", "churn_risk"))
        assert [document["estimates"][name] for name in ("click", "purchase", "churn")] == [round(float(field), 4) for field in fields]
        assert 0 < document["estimates"]["purchase"] < 1
        assert any(window["affinity"] > 0 for window in document["windows"])


def test_a_value_of_another_model_is_seen(
    client: redis.Redis, redis_server: RedisServer, bundle: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(redis_server, bundle, make_profiles(len(USERS)))
    stored = json.loads(client.get("rec:{ana}:home") or b"")  # type: ignore[arg-type]
    stored["model"]["version"], stored["items"] = "0", stored["items"][::-1]
    client.set("rec:{ana}:home", json.dumps(stored, separators=(",", ":")))
    assert cli.main(["explain", "ana", *arguments(tmp_path, redis_server, bundle), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["value"]["differs"] == ["model", "items"]
    assert cli.main(["explain", "ana", *arguments(tmp_path, redis_server, bundle)]) == 0
    assert "holds something else: model, items differ" in capsys.readouterr().out
    # The same values in other bytes are not the same.
    stored = json.loads(client.get("rec:{bo}:home") or b"")  # type: ignore[arg-type]
    client.set("rec:{bo}:home", json.dumps(stored))
    assert cli.main(["explain", "bo", *arguments(tmp_path, redis_server, bundle), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["value"]["same"] is False


def test_for_people_and_after_a_run_without_options(
    client: redis.Redis, redis_server: RedisServer, bundle: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(redis_server, bundle, make_profiles(len(USERS)), "p:")
    run = load_settings(None, [f"work={tmp_path}", f"redis.url={redis_server.url}", "redis.prefix=p:", f"model.path={bundle.path}"])
    remember_run(run, tmp_path)
    assert cli.main(["explain", "zoë", "--set", f"work={tmp_path}"]) == 0
    out = capsys.readouterr().out
    for text in (
        "Profile of zoë",
        "Windows",
        "Shift",
        "Segment: ",
        "Ranking by test 1: ",
        "similar:i",
        "log_visit_events",
        "byte for byte",
        "about to buy: 0.",
    ):
        assert text in out
    assert cli.main(["explain", "zoë", "--set", f"work={tmp_path}", "--all"]) == 0
    assert len(capsys.readouterr().out.splitlines()) > len(out.splitlines())
    # Another surface has nothing of hers, and is ranked all the same.
    assert cli.main(["explain", "zoë", "--set", f"work={tmp_path}", "--surface", "cart"]) == 0
    assert "holds no recommendations of hers for cart" in capsys.readouterr().out


def test_what_cannot_be_explained_says_why(
    client: redis.Redis, redis_server: RedisServer, bundle: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(redis_server, bundle, make_profiles(len(USERS)), keep_profile=False)
    client.set("profile:{dora}", bytes(16) + b"\x63broken")
    client.set("profile:{eve}", bytes(16) + pack_profiles(make_profiles(1))[0])
    client.set("rec:{eve}:home", "no json")
    for user, says in (
        ("nobody", "holds no profile of nobody"),
        ("ana", "redis.keep_profile=false"),
        ("dora", "the profile of dora cannot be read"),
        ("eve", "are no recommendations"),
    ):
        assert cli.main(["explain", user, *arguments(tmp_path, redis_server, bundle)]) == 1
        out, err = capsys.readouterr()
        assert (out, err.count("\n")) == ("", 1)
        assert says in err
    assert cli.main(["explain", "eve", *arguments(tmp_path, redis_server, bundle), "--model", str(tmp_path / "none")]) == 1
    assert "there is no model bundle at" in capsys.readouterr().err
    assert cli.main(["explain", "eve", "--set", f"work={tmp_path}"]) == 2
    assert "give --redis URL" in capsys.readouterr().err


def test_the_last_run_counts_only_where_nothing_else_is_said(tmp_path: Path) -> None:
    run = load_settings(None, [f"work={tmp_path}", "redis.url=redis://a:1/0", "redis.prefix=p:", "rank.top=7", "rank.surfaces=cart,home"])
    remember_run(run, tmp_path)
    plain = with_last_run(load_settings(None, [f"work={tmp_path}"]))
    assert (plain.redis.url, plain.redis.prefix, plain.rank.top, plain.rank.surfaces) == ("redis://a:1/0", "p:", 7, ("cart", "home"))
    assert with_last_run(load_settings(None, [f"work={tmp_path}", "rank.top=3"])).rank.top == 3
    same = with_last_run(load_settings(None, [f"work={tmp_path}", "redis.url=redis://a:1/0"]))
    assert same.redis.prefix == "p:"
    other = load_settings(None, [f"work={tmp_path}", "redis.url=redis://b:1/0"])
    assert with_last_run(other) == other


def test_no_password_is_remembered(tmp_path: Path) -> None:
    remember_run(load_settings(None, [f"work={tmp_path}", "redis.url=redis://ana:hunter2@a:1/0"]), tmp_path)
    assert "hunter2" not in "".join(path.read_text() for path in tmp_path.iterdir())
    settings = load_settings(None, [f"work={tmp_path}"])
    assert with_last_run(settings).redis.url is None


def test_a_last_run_that_cannot_be_read_counts_for_nothing(tmp_path: Path) -> None:
    settings = load_settings(None, [f"work={tmp_path}"])
    for spoilt in ("", "[]", "{}", '{"settings": 3, "masked_url": ""}'):
        (tmp_path / "last-run.json").write_text(spoilt)
        assert with_last_run(settings) == settings


def test_a_shift_is_described_by_what_speaks_for_it() -> None:
    calm = describe_shift(views(*["c0"] * 8), name)
    assert (calm["focus"], calm["shifts"], calm["threshold"], calm["lead"]) == ("c0", 0, SHIFT_AT / 256, LEAD / 256)
    assert calm["challengers"] == []
    on_the_way = views(*["c0"] * 8, "c1", "c1")
    (challenger,) = describe_shift(on_the_way, name)["challengers"]
    entry = on_the_way[0]["categories"][1]
    assert challenger == {
        "category": "c1",
        "evidence": entry["evidence"] / 256,
        "lead": (int(on_the_way[0]["categories"][0]["own"]) - int(entry["own"]) + int(entry["evidence"])) / 256,
        "own": entry["own"] / 256,
    }
    assert 0 < challenger["evidence"] < SHIFT_AT / 256
    swerved = describe_shift(views(*["c0"] * 8, *["c1"] * 8), name)
    assert (swerved["focus"], swerved["shifts"]) == ("c1", 1)
    assert START + 8 * 20_000 < swerved["shift_time"] < START + 16 * 20_000


def test_windows_are_counted_and_ordered() -> None:
    assert describe_windows(views("c0", "c1", "c1", "c2", "c1"), name) == [
        {"category": "c1", "short": 3, "long": 3, "focus": False, "affinity": 0.0},
        {"category": "c0", "short": 1, "long": 1, "focus": True, "affinity": 0.0},
        {"category": "c2", "short": 1, "long": 1, "focus": False, "affinity": 0.0},
    ]
    # Twenty minutes apart: the first is no longer in the half hour.
    assert [one["short"] for one in describe_windows(views("c0", "c1", "c1", gap_ms=1_200_000), name)] == [2, 0]


def test_a_profile_is_described_by_its_counts() -> None:
    found = describe_profile(views("c0", "c1"))
    assert (found["events"], found["counts"], found["mean_price"], found["device"], found["country"]) == (
        2,
        {"view_item": 2},
        10,
        "unknown",
        None,
    )
    assert (found["first_time"], found["last_time"], found["cart"]["items"]) == (START, START + 20_000, 0)
    assert describe_profile(empty_profiles(1))["mean_price"] is None


def test_a_segment_is_described_by_its_distances() -> None:
    model = make_segments()
    profiles = views(*["c0"] * 6)
    profiles["segment"] = 1
    found = describe_segment(profiles, model, name, "segment {}".format)
    vector = np.array(
        [found["vector"].get(part, 0) for part in [*map(name, model.categories.tolist()), "log_price", "cart_rate", "purchase_rate"]]
    )
    assert found["vector"]["c0"] == pytest.approx(1)
    expected = {s: float(np.linalg.norm(model.centroids[s] - vector)) for s in range(len(model.centroids))}
    assert {near["id"]: near["distance"] for near in found["nearest"]} == pytest.approx(expected)
    assert [near["distance"] for near in found["nearest"]] == sorted(expected.values())
    profiles["segment"] = found["nearest"][0]["id"]
    assert describe_segment(profiles, model, name, str)["why"] == "the nearest centroid"
    profiles["segment"] = found["nearest"][1]["id"]
    assert "when her intent last changed" in describe_segment(profiles, model, name, str)["why"]
    profiles["segment"], profiles["n_events"] = 1002, 3
    assert describe_segment(profiles, model, name, str)["why"] == "cold start: 3 of 5 events"


def test_who_is_left_out_by_diversity_scored_better_than_who_is_in(tmp_path: Path) -> None:
    tables = make_tables(items=60, categories=2, segments=3, in_stock=np.ones(60, np.uint8))
    ranker = Ranker(make_bundle(tmp_path / "m" / "1", tables), 60, 10, category_percent=60)
    seen = 0
    for profile in make_profiles(30, categories=2):
        document = explain_ranking(ranker, b"ana", np.array([profile]))
        chosen = [one for one in document["candidates"] if one["place"] is not None and not one["held_back"]]
        left_out = [one for one in document["candidates"] if one["left_out"]]
        least = min(one["score"] for one in chosen)
        category = dict(zip([f"i{i}" for i in range(60)], tables.item_category.tolist(), strict=True))
        counts = {c: sum(category[one["item_id"]] == c for one in chosen) for c in set(category.values())}
        assert {one["item_id"] for one in left_out} == {
            one["item_id"] for one in document["candidates"] if one["place"] is None and one["score"] > least
        }
        assert all(counts[category[one["item_id"]]] == 6 for one in left_out)
        seen += len(left_out)
    assert seen
