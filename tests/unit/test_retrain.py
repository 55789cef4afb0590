"""A new version serves only if it is better."""

from __future__ import annotations

import fcntl
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jobs.cli import main
from models.bundle import Bundle
from models.registry import Model
from models.write import write_bundle
from tests.unit.bundles import make_ranker
from tests.unit.feedback_logs import START, event
from training.feedback import retraining
from training.feedback.contest import contest, held_out
from training.feedback.retraining import LOCK, LOG, Plan, retrain
from training.feedback.splitting import write_before
from training.history import read_history
from training.simulator import simulate
from training.train import train
from udfs.archive import ArchiveWriter, read_events
from udfs.blocks import pack_block
from udfs.errors import SwerveError, UsageError
from udfs.messages import messages
from udfs.schemas import load, local_id
from udfs.tables import BundleError

Make = Callable[[Path], None]


def anything(_: Path) -> None:
    """Pass every bundle."""


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = Path(tmp_path_factory.mktemp("shop")) / "archive"
    simulate(folder, events=6_000, users=250, items=150, seed=5, poison=0.01, partitions=2)
    return folder


@pytest.fixture(scope="module")
def good(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    earlier = tmp_path_factory.mktemp("earlier")
    write_before(archive, earlier, int(np.quantile(read_history(archive).events["event_time"], 0.9)))
    out = tmp_path_factory.mktemp("good") / "1"
    train(earlier, out, 1)
    return Bundle.open(out)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "models" / "shop"


def instead(monkeypatch: pytest.MonkeyPatch, bundle: Bundle, ranker: bytes | None = None) -> list[Path]:
    """Have this bundle come out of every training; gives the archives that it was asked to learn from."""
    asked: list[Path] = []

    def fake(archive: Path, out: Path, seed: int, progress: Any = None, previous: Bundle | None = None) -> None:
        asked.append(archive)
        assert (archive / "catalog.csv").exists()
        manifest = replace(bundle.manifest, name=out.parent.name, version=out.name)
        write_bundle(out, manifest, ranker or (bundle.path / "ranker.onnx").read_bytes(), bundle.tables, bundle.segments)

    monkeypatch.setattr(retraining, "train", fake)
    return asked


def test_first_then_no_better_then_better(archive: Path, good: Bundle, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = instead(monkeypatch, good, make_ranker(good.scorer.features, seed=3))
    first = retrain(archive, folder, anything)
    assert (first["verdict"], first["serves"], first["current"]) == ("first", first["version"], None)
    same = retrain(archive, folder, anything)
    assert (same["verdict"], same["serves"], same["current"]) == ("kept", first["version"], first["version"])
    assert same["measures"]["mrr@20"]["difference"] == {"value": 0, "low": 0, "high": 0}
    instead(monkeypatch, good)
    better = retrain(archive, folder, anything, Plan(margin=0.01))
    assert better["verdict"] == "promoted"
    assert better["measures"]["mrr@20"]["difference"]["low"] > 0.01
    pointer = Model(folder).pointer()
    assert pointer is not None
    assert (pointer.version, pointer.previous) == (better["version"], (first["version"],))
    assert pointer.note.startswith("retrain: mrr@20 0.")
    logged = [json.loads(line) for line in (folder / LOG).read_text().splitlines()]
    assert [line["verdict"] for line in logged] == ["first", "kept", "promoted"]
    assert logged[2] == json.loads(json.dumps(better))
    # What it learned from is gone, and so is what a run left that was killed.
    assert not any(path.exists() for path in asked)


def test_a_margin_that_is_not_reached(archive: Path, good: Bundle, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    instead(monkeypatch, good, make_ranker(good.scorer.features, seed=3))
    first = retrain(archive, folder, anything)
    instead(monkeypatch, good)
    kept = retrain(archive, folder, anything, Plan(margin=0.9))
    assert (kept["verdict"], kept["serves"]) == ("kept", first["version"])
    assert Model(folder).versions() == sorted([first["version"], kept["version"]])


def test_a_bundle_that_must_not_serve(archive: Path, good: Bundle, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> None:
        raise BundleError(f"{path} is too slow")

    instead(monkeypatch, good)
    with pytest.raises(BundleError, match="too slow"):
        retrain(archive, folder, refuse)
    assert Model(folder).pointer() is None
    assert json.loads((folder / LOG).read_text())["verdict"] == "refused"


def test_two_runs_do_not_meet(archive: Path, good: Bundle, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = instead(monkeypatch, good)
    folder.mkdir(parents=True)
    left = folder / ".20240101T000000Z-killed"
    left.mkdir()
    with (folder / LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert retrain(archive, folder, anything)["verdict"] == "busy"
    assert (asked, left.exists()) == ([], True)
    assert retrain(archive, folder, anything)["verdict"] == "first"
    assert not left.exists()


def test_old_versions_are_deleted_but_for_what_may_serve(
    archive: Path, good: Bundle, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    instead(monkeypatch, good)
    shutil.copytree(good.path, folder / "by-hand")
    versions = [retrain(archive, folder, anything)["version"] for _ in range(4)]
    last = retrain(archive, folder, anything, Plan(keep=2))
    assert last["deleted"] == versions[1:3]
    assert set(Model(folder).versions()) == {"by-hand", versions[0], versions[3], last["version"]}
    assert Bundle.open(Model(folder).path_of(versions[0])).version == versions[0]


def test_too_little_to_tell(tmp_path: Path, folder: Path) -> None:
    few = tmp_path / "few"
    with ArchiveWriter(few, load("shop_event")) as writer:
        writer.append_records({"event_id": f"{n}", **event("view_item", "u", n, f"i{n}")} for n in range(30))
    with pytest.raises(SwerveError, match="too few to compare on"):
        retrain(few, folder, anything)
    with pytest.raises(UsageError, match="there is no measure map"):
        retrain(few, folder, anything, Plan(measure="map"))


def test_a_current_version_that_knows_what_is_held_out_is_told_of(
    archive: Path, good: Bundle, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    instead(monkeypatch, good)
    first = retrain(archive, folder, anything)
    assert first["warnings"] == []
    end = first["held_out_until"]
    known = replace(good.manifest, training={**good.manifest.training, "until": end})
    monkeypatch.setattr(good, "manifest", known)
    retrain(archive, folder, anything, Plan(margin=-1.0))
    assert "looks better than it is" in retrain(archive, folder, anything)["warnings"][0]


def test_the_contest_is_on_sessions_that_begin_after_the_cut(archive: Path, good: Bundle) -> None:
    history = read_history(archive)
    times = history.events["event_time"]
    cut = int(np.quantile(times, 0.9))
    cases, known = held_out(history, cut, 0)
    first = np.full(int(history.session.max()) + 1, 2**62)
    clicked = history.events["item"] != 0
    np.minimum.at(first, history.session[clicked], times[clicked])
    assert (first[history.session[cases.row]] >= cut).all()
    assert set(known.hashes.tolist()) <= set(history.events["item"][times < cut].tolist())
    found = contest(good, good, history, cases, known)
    assert (found["cases"], found["sessions"]) == (len(cases.row), cases.sessions)
    for measure in found["measures"].values():
        assert measure["new"] == measure["current"]
        assert 0 < measure["new"]["low"] < measure["new"]["value"] < measure["new"]["high"] < 1
        assert measure["difference"] == {"value": 0, "low": 0, "high": 0}
    alone = contest(good, None, history, cases, known)["measures"]
    assert alone["hr@20"] == {"new": found["measures"]["hr@20"]["new"]}


def test_the_part_before_a_time(archive: Path, tmp_path: Path) -> None:
    everything = list(read_events(archive))
    cut = sorted(one["event_time"] for one in everything)[len(everything) // 2]
    written = write_before(archive, tmp_path / "part", cut)
    part, whole = read_history(tmp_path / "part"), read_history(archive)
    assert written == sum(1 for _ in read_events(tmp_path / "part"))
    wanted = whole.events[whole.events["event_time"] < cut]
    assert np.array_equal(part.events["event_id"], wanted["event_id"])
    assert (part.rejects, (tmp_path / "part" / "catalog.csv").exists()) == (0, True)


def test_the_part_of_raw_records_and_of_files_of_several_schemas(tmp_path: Path) -> None:
    rows = [{"event_id": f"{n}", **event("view_item", "u", n, f"i{n}")} for n in range(6)]
    values = [message.value for message in messages("shop_event", pack_block("shop_event", rows), local_id("shop_event"))]
    raw = [{"partition": 0, "offset": n, "timestamp": START, "key": b"u", "value": v, "headers": {"a": b"b"}} for n, v in enumerate(values)]
    newer = {**load("shop_event"), "fields": [{"name": "extra", "type": "string"}, *load("shop_event")["fields"]]}
    with ArchiveWriter(tmp_path / "raw", load("raw_record")) as writer:
        writer.append_records([*raw[:4], {**raw[4], "value": b"bad"}, raw[5]])
    for schema, some in ((load("shop_event"), rows[:2]), (newer, rows[2:4]), (load("shop_event"), rows[4:])):
        with ArchiveWriter(tmp_path / "mixed", schema) as writer:
            writer.append_records({**row, "extra": "x"} for row in some)
    for name, wanted in (("raw", ["0", "1", "2"]), ("mixed", ["0", "1", "2"])):
        write_before(tmp_path / name, tmp_path / f"{name}-part", START + 3 * 60_000)
        assert [one["event_id"] for one in read_events(tmp_path / f"{name}-part")] == wanted


def test_the_command(
    archive: Path, good: Bundle, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    instead(monkeypatch, good)
    common = ["retrain", "--source", str(archive), "--models", str(folder), "--set", "model.max_us_per_user=1000000"]
    assert main([*common, "--json"]) == 0
    first = json.loads(capsys.readouterr().out)
    assert first["verdict"] == "first"
    assert main([*common, "--hold-out", "0.2", "--measure", "hr", "--keep", "1"]) == 0
    text = capsys.readouterr().out
    assert f"does not serve: {first['version']} goes on" in text
    assert "hr@20 0." in text
    assert main([*common, "--since", "-7d"]) == 2
    assert "go with a topic" in capsys.readouterr().err
    assert main(["retrain", "--source", str(folder / "nowhere"), "--models", str(folder)]) == 1
