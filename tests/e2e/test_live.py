"""The live job over a real topic: a quiet night, a registry that is away, dead letters there and back, a replay that hands over."""

from __future__ import annotations

import io
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fastavro
import orjson
import pytest
import redis

from jobs.dev.kafka import KafkaServer
from jobs.dev.registry import RegistryServer
from jobs.embedded.redis_server import RedisServer, start_redis
from models.registry import Model
from tests.e2e.commands import PATIENCE, until
from tests.e2e.events import datum, framing, send
from tests.e2e.live_job import Job, agree
from tests.e2e.topics import read_topic
from tests.oracle.run import run as run_oracle
from tests.unit.registries import damage, point_by_hand, reverse_segments
from training.simulator import simulate
from training.train import train
from udfs.archive import ArchiveWriter, files_of, read_records
from udfs.container import read_header
from udfs.dead_letters import ATTEMPTS, REASON
from udfs.framing import SCHEMA_HEADER
from udfs.model_status import read_serving, summarise
from udfs.redis_reads import read_value
from udfs.registry import RegistrySchemas
from udfs.schemas import load

MINUTE = 60_000
EVENTS, PARTITIONS = 6_000, 2


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("live")
    simulate(folder / "shop", EVENTS, 200, 300, seed=7, late_seconds=30, duplicates=0.05, poison=0.02, partitions=PARTITIONS)
    train(folder / "shop", folder / "bundle" / "1", kinds=("perceptron",))
    model = Model(folder / "bundle")
    reverse_segments(model.add(folder / "bundle" / "1", "2"))
    damage(model.add(folder / "bundle" / "1", "3"))
    model.promote("1", lambda _: None)
    return folder


def job_of(folder: Path, kafka: KafkaServer, registry: RegistryServer, store: RedisServer, **values: object) -> Job:
    """A job that is not started yet."""
    servers = {"kafka.brokers": kafka.bootstrap, "registry.url": registry.url, "redis.url": store.url}
    return Job(folder, redis.Redis.from_url(store.url), {**servers, **values})


@pytest.fixture(scope="module")
def job(folder: Path, kafka: KafkaServer, registry: RegistryServer) -> Iterator[Job]:
    """A live job over four partitions that follows the pointer of a model; a record is late after two seconds."""
    store = start_redis(folder / "redis")
    one = job_of(folder, kafka, registry, store, **{"time.lateness_ms": 2_000, "model.path": folder / "bundle", "parallelism": 2})
    one.swerve.run("topics", "--partitions", 4)
    one.start()
    yield one
    one.kill()
    one.client.close()
    store.stop()


@pytest.fixture(scope="module")
def schema_id(job: Job, registry: RegistryServer) -> int:
    return RegistrySchemas(registry.url).register(f"{job.settings.topics.events}-value", load("shop_event"))


def test_the_last_event_needs_no_other_to_follow_and_its_deadline_fires_in_a_quiet_night(job: Job, schema_id: int) -> None:
    """Three partitions of four have no record at all, the fourth has one, and nothing comes after it."""
    now = int(time.time() * 1000)
    at = now - 11 * MINUTE
    send(job.settings, ("ana", framing(schema_id) + datum("ana", "add_to_cart", at), {}), at=at)
    assert job.seen("ana")["cart_items"] == 1
    fired = until("the abandoned cart", lambda: (profile := job.profile("ana"))["abandoned"] and profile)
    assert (fired["clock"], fired["n_events"]) == (at + 10 * MINUTE, 1)
    value = read_value(job.client, "ana")
    assert value is not None
    assert orjson.loads(value)["event_time"] == at + 10 * MINUTE


def test_a_schema_id_in_a_header_is_read(job: Job, schema_id: int) -> None:
    send(job.settings, ("bea", datum("bea"), {SCHEMA_HEADER: framing(schema_id)}))
    assert job.seen("bea")["n_events"] == 1


def test_a_registry_that_is_away_holds_back_only_what_is_new(job: Job, schema_id: int, registry: RegistryServer) -> None:
    job.seen("ana")
    newer = {**load("shop_event"), "fields": [*load("shop_event")["fields"], {"name": "mood", "type": "string", "default": ""}]}
    new_id = RegistrySchemas(registry.url).register(f"{job.settings.topics.events}-value", newer)
    registry.kill()
    try:
        send(job.settings, ("cleo", framing(new_id) + datum("cleo", schema=newer), {}))
        send(job.settings, ("dora", framing(schema_id) + datum("dora"), {}))
        job.seen("dora")
        assert job.profile("cleo") is None
    finally:
        registry.start()
    job.seen("cleo")
    letters = read_topic(job.settings, job.settings.topics.dead_letters, 0)
    assert [letter.key for letter in letters] == []


def test_a_dead_letter_goes_back_and_counts_its_tries(job: Job, schema_id: int) -> None:
    key, value, headers = "eve", framing(schema_id) + datum("eve")[:-4], {"trace": b"\x00\xff"}
    at = int(time.time() * 1000) - 5_000
    send(job.settings, (key, value, headers), ("fay", framing(schema_id) + datum("fay"), {}), at=at)
    job.seen("fay")
    topic = job.settings.topics.dead_letters
    (letter,) = until("the dead letter", lambda: read_topic(job.settings, topic, 1))
    assert (letter.key, letter.value, letter.timestamp) == (key.encode(), value, at)
    found = dict(letter.headers)
    assert found["trace"] == b"\x00\xff"
    assert (found[REASON], found["__connect.errors.topic"].decode()) == (b"truncated", job.settings.topics.events)
    listed = job.swerve.json("dlq", "list")
    assert listed["reasons"] == {"truncated": 1}
    job.swerve.run("dlq", "replay", "--reason", "truncated", "--yes")
    again = until("it comes back", lambda: (letters := read_topic(job.settings, topic, 2))[1:] and letters[1])
    assert (again.key, again.value, again.timestamp, dict(again.headers)[ATTEMPTS]) == (key.encode(), value, at, b"1")


def test_a_new_model_serves_within_seconds_and_a_bad_one_never(job: Job, schema_id: int, folder: Path) -> None:
    """Events flow all the time, the process stays the same, and both subtasks end with the same version."""
    users, process, model = ["gil", "hal", "ina", "jo", "kim", "lea"], job.process, Model(folder / "bundle")
    assert process is not None
    seen: dict[str, list[str]] = {user: [] for user in users}

    def events_of(user: str) -> int:
        profile = job.profile(user)
        return 0 if profile is None else int(profile["n_events"])

    def serves(version: str) -> bool:
        """Send an event of each, and look whether that version made all that is written."""
        before = {user: events_of(user) for user in users}
        send(job.settings, *((user, framing(schema_id) + datum(user), {}) for user in users))
        until("the events in Redis", lambda: all(events_of(user) > before[user] for user in users))
        for user in users:
            seen[user].append(orjson.loads(read_value(job.client, user) or b"{}")["model"]["version"])
        return all(versions[-1] == version for versions in seen.values())

    def said() -> dict[str, Any]:
        model: dict[str, Any] = summarise(read_serving(job.client))["bundle"]
        return model

    def everywhere(version: str) -> dict[str, Any]:
        return {name: {"instances": 2, "versions": {version: 2}} for name in ("rank", "profiles")}

    def moved_by(version: str) -> set[str]:
        """Who is in another segment because of that version."""
        letters = read_topic(job.settings, job.settings.topics.segments)
        changes: list[Any] = [fastavro.schemaless_reader(io.BytesIO(letter.value[5:]), schema, None) for letter in letters]
        return {change["user_id"] for change in changes if (change["cause"], change["model_version"]) == ("model", version)}

    schema = fastavro.parse_schema(load("segment_change"))
    assert all(serves("1") for _ in range(5)), "and she is in a segment of the model after five events"
    job.swerve.run("models", "promote", "bundle/2", "--models", folder)
    until("version 2 everywhere", lambda: serves("2"))
    assert all(versions == sorted(versions) for versions in seen.values()), "nobody gets the old one after the new one"
    until("all say so", lambda: said()["operators"] == everywhere("2"))
    fallback: Any = job.client.get("rec:default:home")
    assert orjson.loads(fallback)["model"]["version"] == "2"
    assert serves("2"), "and with this event, the segments are chosen anew"
    until("that is told", lambda: moved_by("2") == set(users))

    point_by_hand(model, "3", previous=["2", "1"])
    ((reason,),) = until("version 3 is refused", lambda: said()["refused"]).values()
    assert "popularity.npy is not the file" in reason
    assert serves("2")
    assert said()["operators"] == everywhere("2")
    job.swerve.run("models", "rollback", "bundle", "--models", folder)
    until("nothing is refused any more", lambda: not said()["refused"])
    assert said()["operators"] == everywhere("2")
    job.swerve.run("models", "rollback", "bundle", "--models", folder)
    until("version 1 everywhere", lambda: serves("1"))
    until("all say so", lambda: said()["operators"] == everywhere("1"))
    assert process.poll() is None


def test_a_stop_is_a_savepoint_and_the_next_run_goes_on(job: Job, schema_id: int) -> None:
    job.seen("ana")
    savepoint = job.stop()["savepoint"]
    send(job.settings, ("ana", framing(schema_id) + datum("ana"), {}))
    job.start("--from-savepoint", savepoint)
    profile = job.seen("ana", 2)
    assert (profile["n_events"], profile["abandoned"], profile["visits"]) == (2, 1, 1)
    job.stop()


def test_a_replay_hands_over_without_gap_or_overlap(folder: Path, kafka: KafkaServer, registry: RegistryServer) -> None:
    """A third of a log is replayed, one comes meanwhile, one after it: together it is what the oracle makes of all of it."""
    store = start_redis(folder / "redis-handed-over")
    job = job_of(folder, kafka, registry, store, work=folder / "handed-over")
    source = f"kafka:{job.settings.topics.events}"
    try:
        before, meanwhile, after = thirds(folder / "shop", folder)
        publish = ("--reframe", "--partitions", PARTITIONS, "--topic", job.settings.topics.events)
        job.swerve.run("publish", before, *publish)
        replay = job.swerve.start("replay", "--source", source, "--hand-over", folder / "over", "--json")
        assert replay.stderr
        assert replay.stderr.readline().startswith("replaying"), replay.stderr.read()
        job.swerve.run("publish", meanwhile, *publish)
        out, errors = replay.communicate(timeout=PATIENCE)
        assert replay.returncode == 0, errors
        report = orjson.loads(out)
        assert report["events"] + report["rejects"] >= EVENTS // 3
        assert not list(job.client.scan_iter("profile:*")), "the replay should hold its requests back"
        job.start("--from-savepoint", report["savepoint"])
        job.swerve.run("publish", after, *publish)

        now = int(time.time() * 1000)
        oracle = run_oracle(folder / "shop", job.settings.model.path, now=now, end=now)
        until("all of the log in Redis", lambda: agree(oracle, job.client))
        # A record that both had read, or neither, would show here: a dead letter has no id that makes a second one harmless.
        topic = job.settings.topics.dead_letters
        letters = read_topic(job.settings, topic, len(oracle.rejects) - report["rejects"])
        reasons = Counter(dict(letter.headers)[REASON].decode() for letter in letters) + Counter(report["rejects_by_reason"])
        # The id of another schema, a wrong type to the ids of an archive, is one that this registry does not know.
        expected = Counter("unknown_schema" if reject.reason == "wrong_type" else reject.reason for reject in oracle.rejects)
        reasons["unknown_schema"] += reasons.pop("wrong_type", 0)
        assert reasons == expected
        job.stop()
    finally:
        job.kill()
        job.client.close()
        store.stop()


def thirds(archive: Path, folder: Path) -> list[Path]:
    """Cut the files of an archive in three, each third an archive of its own."""
    parts = [folder / f"part-{n}" for n in range(3)]
    for _, path in files_of(archive):
        partition = int(path.name.split("-")[1])
        schema = read_header(path.read_bytes(), path).schema
        records = list(read_records(archive, f"events-{partition}"))
        for n, part in enumerate(parts):
            with ArchiveWriter(part, schema, partition) as writer:
                writer.append_records(records[n * len(records) // 3 : (n + 1) * len(records) // 3])
    return parts
