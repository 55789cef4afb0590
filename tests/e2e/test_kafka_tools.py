"""Publishing, offsets and dead letters, against a real broker and a real registry."""

from __future__ import annotations

import io
import itertools
import json
import time
import uuid
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import fastavro
import pytest
from kafka import KafkaAdminClient, OffsetAndMetadata, TopicPartition

from jobs.cli import main
from jobs.kafka import offsets
from jobs.kafka.client import admin, consumer, producer
from jobs.kafka.publish import Options, publish
from jobs.kafka.topic_archive import archive_topic
from jobs.kafka.topics import create, create_all, describe, retention_warning, wanted
from jobs.settings import Settings
from tests.e2e.topics import fresh, read_topic, settings_for
from training.simulator import simulate
from udfs.archive import index, read_chunk, read_events
from udfs.collapse import Collapse, DeadLetter, Limits
from udfs.dead_letters import ATTEMPTS, error_headers
from udfs.errors import SwerveError
from udfs.framing import SCHEMA_HEADER
from udfs.registry import RegistrySchemas
from udfs.schemas import LocalSchemas, SchemaStore, UnknownSchema, load, plain

EVENTS, POISON = 1_500, 0.05
NOW = int(time.time() * 1000)


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("archive") / "events"
    simulate(folder, EVENTS, 100, 100, 1, late_seconds=30, partitions=3)
    return folder


@pytest.fixture(scope="module")
def poisoned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("poisoned") / "events"
    simulate(folder, 600, 50, 100, 2, poison=POISON, partitions=2)
    return folder


@pytest.fixture
def settings(kafka: Any) -> Settings:
    return settings_for(kafka.bootstrap)


@pytest.fixture
def client(settings: Settings) -> Iterator[KafkaAdminClient]:
    one = admin(settings)
    yield one
    one.close()


def _decode(records: list[Any], store: SchemaStore) -> Any:
    columns = ([r.value for r in records], [r.key for r in records], [dict(r.headers) for r in records])
    places = ([r.timestamp for r in records], [r.partition for r in records], [r.offset for r in records])
    return Collapse(Limits(buckets=1), store).values(*columns, *places, "events", NOW)


def _by_partition(pairs: Any) -> dict[int, list[Any]]:
    lanes: dict[int, list[Any]] = defaultdict(list)
    for partition, thing in pairs:
        lanes[partition].append(thing)
    return lanes


def _datums(archive: Path) -> dict[int, list[bytes]]:
    parsed, found = fastavro.parse_schema(plain(load("shop_event"))), []
    for chunk in index(archive, 1).chunks:
        for block in read_chunk(chunk).blocks:
            body = io.BytesIO(block.body)
            for _ in range(block.count):
                begin = body.tell()
                fastavro.schemaless_reader(body, parsed, None)
                found.append((chunk.partition, block.body[begin : body.tell()]))
    return _by_partition(found)


def test_an_archive_is_published_whole(archive: Path, kafka: Any, registry: Any, tmp_path: Path) -> None:
    settings = settings_for(kafka.bootstrap, registry.url)
    done = publish(archive, settings, Options(settings.topics.events, partitions=2))
    store = RegistrySchemas(registry.url)
    assert (done.events, done.partitions, done.created, done.damaged_blocks) == (EVENTS, 2, True, 0)
    assert store.get(done.schema_ids["ShopEvent"])["name"] == "ShopEvent"

    records = read_topic(settings, settings.topics.events, EVENTS)
    framing = b"\0" + done.schema_ids["ShopEvent"].to_bytes(4, "big")
    assert {record.value[:5] for record in records} == {framing}
    # Partition 2 of the archive lies with 0, and of each the order is kept.
    sent, wanted = _by_partition((record.partition, record.value[5:]) for record in records), _datums(archive)
    lanes = {partition: set(datums) for partition, datums in wanted.items()}
    assert [datum for datum in sent[0] if datum in lanes[0]] == wanted[0]
    assert [datum for datum in sent[0] if datum in lanes[2]] == wanted[2]
    assert sent[1] == wanted[1]
    events = {event["event_id"]: event for event in read_events(archive)}
    keys = sorted((record.key.decode(), record.timestamp) for record in records)
    assert keys == sorted((event["user_id"], event["event_time"]) for event in events.values())
    collapsed = _decode(records, store)
    assert (collapsed.events, collapsed.dead_letters) == (EVENTS, [])

    # And back into an archive, which needs no registry.
    assert archive_topic(settings, settings.topics.events, tmp_path / "back") == EVENTS
    assert sorted(_by_id(tmp_path / "back")) == sorted(_by_id(archive))
    since = sorted(record.timestamp for record in records)[EVENTS // 2]
    assert EVENTS // 2 <= archive_topic(settings, settings.topics.events, tmp_path / "since", since=since) < EVENTS


def _by_id(archive: Path) -> list[tuple[str, int]]:
    return [(event["event_id"], event["event_time"]) for event in read_events(archive)]


def test_partitions_are_interleaved_by_time(archive: Path, settings: Settings) -> None:
    publish(archive, settings, Options(settings.topics.events, partitions=1))
    times = [record.timestamp for record in read_topic(settings, settings.topics.events, EVENTS)]
    # What is late is late by what the simulator says, not by a partition or a block.
    assert max(before - after for before, after in itertools.pairwise(times)) <= 60_000


def test_a_rate_is_kept(poisoned: Path, settings: Settings, client: KafkaAdminClient) -> None:
    done = publish(poisoned, settings, Options(settings.topics.events, rate=500, partitions=1))
    assert done.seconds >= (done.events - 1) / 500
    assert done.events == index(poisoned, 1).events
    assert describe(client, settings, settings.topics.events).config["retention.ms"] == "-1"


def test_raw_records_stay_as_they_are(poisoned: Path, settings: Settings) -> None:
    done = publish(poisoned, settings, Options(settings.topics.events, partitions=2))
    records = read_topic(settings, settings.topics.events, done.events)
    sent = _by_partition((r.partition, (r.key, r.value, r.timestamp, dict(r.headers))) for r in records)
    wanted: dict[int, list[Any]] = defaultdict(list)
    for chunk in index(poisoned, 1).chunks:
        raw = read_chunk(chunk).raw
        for partition, *record in zip(raw.partition, raw.key, raw.value, raw.timestamp, raw.headers):
            wanted[partition].append(tuple(record))
    assert sent == wanted
    reasons = _decode(records, LocalSchemas()).reasons
    assert {"bad_framing", "truncated", "bad_price", "unknown_schema", "empty"} <= set(reasons)


def test_times_are_moved_to_now(archive: Path, poisoned: Path, kafka: Any) -> None:
    parsed = fastavro.parse_schema(plain(load("shop_event")))
    for folder in (archive, poisoned):
        settings, begin = settings_for(kafka.bootstrap), int(time.time() * 1000)
        done = publish(folder, settings, Options(settings.topics.events, partitions=1, now=True))
        end = int(time.time() * 1000)
        records = read_topic(settings, settings.topics.events, done.events)
        [shift] = _shifts(sorted(record.timestamp for record in records), sorted(_stamps(folder)))
        assert begin <= index(folder, 1).max_time + shift <= end
        bad = {(letter.partition, letter.offset) for letter in _decode(records, LocalSchemas()).dead_letters}
        good = [record.value for record in records if (record.partition, record.offset) not in bad]
        events: list[Any] = [fastavro.schemaless_reader(io.BytesIO(value[5:]), parsed, None) for value in good]
        assert len(events) > 500
        assert {_text(event, -shift) for event in events} <= {_text(event) for event in read_events(folder)}


def _text(event: dict[str, Any], shift: int = 0) -> str:
    return json.dumps({**event, "event_time": event["event_time"] + shift}, sort_keys=True)


def _stamps(folder: Path) -> list[int]:
    chunks = [read_chunk(chunk) for chunk in index(folder, 1).chunks]
    if chunks[0].kind == "raw":
        return [stamp for chunk in chunks for stamp in chunk.raw.timestamp]
    return [event["event_time"] for event in read_events(folder)]


def _shifts(after: list[int], before: list[int]) -> set[int]:
    return {one - other for one, other in zip(after, before, strict=True)}


def test_reframed_raw_records_have_the_registrys_ids(poisoned: Path, kafka: Any, registry: Any) -> None:
    settings = settings_for(kafka.bootstrap, registry.url)
    done = publish(poisoned, settings, Options(settings.topics.events, reframe=True))
    records = read_topic(settings, settings.topics.events, done.events)
    ids = {record.value[:5] for record in records if record.value and not record.value[0]}
    assert b"\0" + done.schema_ids["ShopEvent"].to_bytes(4, "big") in ids
    assert _decode(records, RegistrySchemas(registry.url)).events > 500


def test_the_command_says_what_it_did(archive: Path, kafka: Any, capsys: pytest.CaptureFixture[str]) -> None:
    topic = fresh("command")
    assert main(["publish", str(archive), "--brokers", kafka.bootstrap, "--topic", topic, "--json"]) == 0
    out = json.loads(capsys.readouterr().out)
    assert (out["topic"], out["events"], out["schema_ids"]) == (topic, EVENTS, {"ShopEvent": 1})


def test_a_topic_that_forgets_is_named(settings: Settings, client: KafkaAdminClient) -> None:
    topic = settings.topics.events
    assert create(client, settings, topic, 1, {"retention.ms": "604800000"})
    assert not create(client, settings, topic, 3)
    found = describe(client, settings, topic)
    assert found.partitions == [0]
    warning = retention_warning(found)
    assert warning
    assert "older than 7 days" in warning
    assert settings.topics.dead_letters in create_all(client, settings, 1)
    assert retention_warning(describe(client, settings, settings.topics.dead_letters)) is None


def test_a_missing_topic_is_named_with_those_near(settings: Settings, client: KafkaAdminClient) -> None:
    create(client, settings, settings.topics.events, 1)
    with pytest.raises(SwerveError, match=f"has no topic .*did you mean.*{settings.topics.events}"):
        describe(client, settings, settings.topics.events[:-1])


def test_offsets_and_lag(settings: Settings, client: KafkaAdminClient) -> None:
    topic = settings.topics.events
    create(client, settings, topic, 3)
    sender = producer(settings)
    times = [1_000_000, 3_000_000, 2_000_000]
    for stamp in times:
        sender.send(topic, b"v", partition=1, timestamp_ms=stamp)
    sender.close()
    parts = [0, 1, 2]
    assert offsets.begins(client, settings, topic, parts) == {0: 0, 1: 0, 2: 0}
    assert offsets.ends(client, settings, topic, parts) == {0: 0, 1: 3, 2: 0}
    assert offsets.at_time(client, settings, topic, parts, 1_500_000) == {0: 0, 1: 1, 2: 0}
    assert offsets.at_time(client, settings, topic, parts, 4_000_000) == {0: 0, 1: 3, 2: 0}
    reader = consumer(settings, group_id="readers-" + uuid.uuid4().hex)
    try:
        assert offsets.greatest_time(client, reader, settings, topic, {0: (0, 0), 1: (0, 3)}) == 3_000_000
        assert offsets.greatest_time(client, reader, settings, topic, {1: (0, 1)}) == 1_000_000
        assert offsets.greatest_time(client, reader, settings, topic, {1: (2, 3)}) == 2_000_000
        assert offsets.greatest_time(client, reader, settings, topic, {1: (3, 3)}) is None
        group = reader.config["group_id"]
        assert offsets.committed(client, settings, topic, group) == {}
        reader.commit({TopicPartition(topic, 1): OffsetAndMetadata(1, "", -1)})
        assert offsets.committed(client, settings, topic, group) == {1: 1}
        assert offsets.lag(client, settings, topic, parts, group)[1] == (1, 3, 2)
        assert offsets.lag(client, settings, topic, parts, group)[0] == (None, 0, 0)
    finally:
        reader.close()


# --- the registry


def test_the_registry(registry: Any, tmp_path: Path) -> None:
    store = RegistrySchemas(registry.url, cache=tmp_path)
    store.check()
    subject = fresh("tools")
    schema_id = store.register(subject, load("shop_event"))
    store.set_compatibility(subject)
    fetched = RegistrySchemas(registry.url, cache=tmp_path).get(schema_id)
    assert fetched["fields"] == load("shop_event")["fields"]
    with pytest.raises(UnknownSchema):
        store.get(1_999_999)
    with pytest.raises(UnknownSchema):
        store.get_by_guid(uuid.uuid4())
    broken = {**load("shop_event"), "fields": [*load("shop_event")["fields"], {"name": "store", "type": "string"}]}
    with pytest.raises(SwerveError, match="does not take it"):
        store.register(subject, broken)
    away = RegistrySchemas(registry.url, cache=tmp_path)
    away._http._session.close()
    assert away.get(schema_id) == fetched


def test_what_is_no_registry_is_named(registry: Any) -> None:
    with pytest.raises(SwerveError, match="is no schema registry"):
        RegistrySchemas(registry.url.removesuffix("/apis/ccompat/v7")).check()


# --- dead letters


@pytest.fixture(scope="module")
def letters(poisoned: Path, kafka: Any) -> tuple[Settings, list[DeadLetter]]:
    """Poison in a topic, and what the job makes of it in the topic of dead letters; tests read it only."""
    settings = settings_for(kafka.bootstrap)
    _topics(settings, 2)
    done = publish(poisoned, settings, Options(settings.topics.events))
    found: list[DeadLetter] = _decode(read_topic(settings, settings.topics.events, done.events), LocalSchemas()).dead_letters
    found = [letter._replace(topic=settings.topics.events, headers={"trace": b"\xff\x00"}) for letter in found]
    _put(settings, found)
    return settings, found


def _topics(settings: Settings, partitions: int) -> None:
    client = admin(settings)
    for name in (settings.topics.events, settings.topics.dead_letters):
        create(client, settings, name, partitions, wanted(settings)[name])
    client.close()


def _put(settings: Settings, letters: list[DeadLetter]) -> None:
    sender = producer(settings, max_request_size=2**24)
    for letter in letters:
        headers: Mapping[str, Any] = {**letter.headers, **error_headers(letter)}
        sender.send(
            settings.topics.dead_letters, letter.value, letter.key, list(headers.items()), letter.partition, max(0, letter.timestamp)
        )
    sender.close()


def _dlq(settings: Settings, capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> Any:
    flags = [f"--set=kafka.brokers={settings.kafka.brokers}", f"--set=topics.dead_letters={settings.topics.dead_letters}", "--json"]
    capsys.readouterr()
    assert main(["dlq", *arguments, *flags]) == code
    out = capsys.readouterr()
    return json.loads(out.out) if code == 0 else out.err


def test_letters_are_counted_and_listed(letters: tuple[Settings, list[DeadLetter]], capsys: pytest.CaptureFixture[str]) -> None:
    settings, bad = letters
    reasons: dict[str, int] = defaultdict(int)
    for letter in bad:
        reasons[letter.reason] += 1
    found = _dlq(settings, capsys, "list", "--limit", "3")
    assert (found["letters"], found["reasons"]) == (len(bad), dict(reasons))
    assert len(found["last"]) == 3
    last = max((letter for letter in bad if letter.partition == 0), key=lambda letter: letter.offset)
    assert last.key is not None
    assert last.key.decode() not in json.dumps(found)
    one = _dlq(settings, capsys, "list", "--reason", "bad_price", "--limit", "0")
    assert one == {
        "topic": settings.topics.dead_letters,
        "letters": reasons["bad_price"],
        "reasons": {"bad_price": reasons["bad_price"]},
        "last": [],
    }
    since = sorted(letter.timestamp for letter in bad)[len(bad) // 2]
    late = _dlq(settings, capsys, "list", "--since", str(since))["letters"]
    assert late == sum(letter.timestamp >= since for letter in bad)
    assert _dlq(settings, capsys, "list", "--until", str(since))["letters"] == len(bad) - late
    assert "there is no reason 'worse'" in _dlq(settings, capsys, "list", "--reason", "worse", code=2)


def test_all_of_a_letter_is_shown(letters: tuple[Settings, list[DeadLetter]], capsys: pytest.CaptureFixture[str]) -> None:
    settings, bad = letters
    listed = _dlq(settings, capsys, "list", "--reason", "bad_price")["last"][0]
    [letter] = [one for one in bad if (one.partition, one.offset) == (listed["origin"]["partition"], listed["origin"]["offset"])]
    shown = _dlq(settings, capsys, "show", listed["position"])
    assert letter.value is not None
    assert letter.key is not None
    assert bytes.fromhex(shown["value_hex"]) == letter.value
    assert (shown["key"], shown["timestamp"], shown["detail"]) == (letter.key.decode(), letter.timestamp, letter.detail)
    assert {"name": "trace", "value": "0xff00"} in shown["headers"]
    assert (shown["content"]["schema"], shown["content"]["problem"]) == ("ShopEvent", None)
    assert shown["content"]["fields"]["user_id"] == letter.key.decode()
    cut = _dlq(settings, capsys, "list", "--reason", "truncated")["last"][0]
    content = _dlq(settings, capsys, "show", cut["position"])["content"]
    assert "does not decode" in content["problem"]
    assert (
        main(
            [
                "dlq",
                "show",
                listed["position"],
                f"--set=kafka.brokers={settings.kafka.brokers}",
                f"--set=topics.dead_letters={settings.topics.dead_letters}",
            ]
        )
        == 0
    )
    assert letter.value[:16].hex(" ") in capsys.readouterr().out
    assert "has no letter at 0:99999" in _dlq(settings, capsys, "show", "0:99999", code=1)
    assert "is no position" in _dlq(settings, capsys, "show", "last", code=2)


def test_letters_are_sent_back_as_they_came(letters: tuple[Settings, list[DeadLetter]], capsys: pytest.CaptureFixture[str]) -> None:
    settings, bad = letters
    topic = settings.topics.events
    before = len(read_topic(settings, topic))
    chosen = [letter for letter in bad if letter.reason == "bad_price"]
    would = _dlq(settings, capsys, "replay", "--reason", "bad_price", "--dry-run")
    assert (would["letters"], would["topics"]) == (len(chosen), {topic: len(chosen)})
    assert "nobody is there" in _dlq(settings, capsys, "replay", "--reason", "bad_price", code=2)
    assert len(read_topic(settings, topic)) == before
    done = _dlq(settings, capsys, "replay", "--reason", "bad_price", "--yes")
    assert {**done, "dry_run": True} == would
    records = read_topic(settings, topic, before + len(chosen))
    back = [record for record in records if dict(record.headers).get(ATTEMPTS)]
    assert len(records) == before + len(chosen)
    assert sorted((r.partition, r.timestamp, r.key, r.value) for r in back) == sorted(
        (x.partition, x.timestamp, x.key, x.value) for x in chosen
    )
    assert all(dict(record.headers) == {"trace": b"\xff\x00", ATTEMPTS: b"1"} for record in back)


def test_a_letter_that_fails_again_is_counted_and_left_alone_in_the_end(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    _topics(settings, 1)
    headers = {ATTEMPTS: b"2", SCHEMA_HEADER: b"\0"}
    _put(settings, [DeadLetter("bad_framing", "", settings.topics.events, 0, 7, 1_000, b"k", b"v", headers)])
    [listed] = _dlq(settings, capsys, "list")["last"]
    assert listed["attempts"] == 2
    assert _dlq(settings, capsys, "replay", "0:0", "--max-attempts", "2", "--yes")["skipped"] == {"tried too often": 1}
    assert _dlq(settings, capsys, "replay", "0:0", "--yes")["letters"] == 1
    [back] = read_topic(settings, settings.topics.events, 1)
    assert (back.value, back.timestamp, dict(back.headers)) == (b"v", 1_000, {SCHEMA_HEADER: b"\0", ATTEMPTS: b"3"})


def test_a_record_that_is_no_letter_is_passed_over(
    settings: Settings, client: KafkaAdminClient, capsys: pytest.CaptureFixture[str]
) -> None:
    _topics(settings, 1)
    sender = producer(settings)
    sender.send(
        settings.topics.dead_letters, b"from elsewhere", headers=[("__connect.errors.topic", b"x"), ("__connect.errors.partition", b"one")]
    )
    sender.close()
    assert _dlq(settings, capsys, "replay", "--yes")["skipped"] == {"does not say where it came from": 1}
    assert _dlq(settings, capsys, "list")["last"][0]["origin"] is None
