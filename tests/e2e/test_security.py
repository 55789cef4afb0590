"""TLS and logins of a real broker and a real registry: what is right works, what is wrong is one clear line, and no secret is shown."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import redis
import yaml
from kafka import KafkaAdminClient
from kafka.admin import UserScramCredentialUpsertion

from jobs.cli import main
from jobs.kafka.client import admin
from jobs.kafka.topics import create_all
from tests.e2e.commands import until
from tests.e2e.live_job import Job
from tests.e2e.secure import ANA, BOB, EVA, PASSWORD, PLAIN, SCRAM, Certificates, secure_kafka, secure_registry
from tests.e2e.tls_redis import tls_redis
from tests.e2e.topics import read_topic, settings_for
from training.simulator import simulate
from training.train import train
from udfs.archive import read_events
from udfs.redis_acl import Login, acl_line, admin_line

WRONG = "Wort-Falsch_8"
EVENTS = 200


class House(NamedTuple):
    """The servers, the certificates, and an archive."""

    brokers: str
    plain: str
    registry: str
    certificates: Certificates
    archive: Path


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("secure")
    certificates = Certificates(folder)
    simulate(folder / "archive", EVENTS, 20, 50, 1)
    with secure_kafka(folder / "kafka", certificates) as (kafka, port), secure_registry(folder / "registry", certificates) as registry:
        _scram_user(kafka.bootstrap)
        yield House(f"127.0.0.1:{port}", kafka.bootstrap, registry.url, certificates, folder / "archive")


def _scram_user(brokers: str) -> None:
    client = KafkaAdminClient(bootstrap_servers=brokers)
    assert client.alter_user_scram_credentials([UserScramCredentialUpsertion(EVA, "SCRAM-SHA-512", PASSWORD)]) == {EVA: None}
    client.close()


def _document(house: House, **changes: Any) -> dict[str, Any]:
    user, password, mechanism = changes.pop("user", ANA), changes.pop("password", PASSWORD), changes.pop("mechanism", "PLAIN")
    module = SCRAM if mechanism.startswith("SCRAM") else PLAIN
    properties = {
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": mechanism,
        "sasl.jaas.config": f'{module} required username="{user}" password="{password}";',
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(changes.pop("ca", house.certificates.ca)),
        **changes.pop("properties", {}),
    }
    registry = {"url": house.registry, "user": ANA, "password": PASSWORD, "ca": str(house.certificates.ca), "cache": None}
    registry |= changes.pop("registry", {})
    assert not changes
    return {"kafka": {"brokers": house.brokers, "properties": properties}, "registry": registry}


def _run(document: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, Any], str]:
    config = tmp_path / "settings.yaml"
    config.write_text(yaml.safe_dump(document))
    code = main([*arguments, f"--config={config}", "--json"])
    out = capsys.readouterr()
    assert PASSWORD not in out.out + out.err
    assert WRONG not in out.out + out.err
    return code, json.loads(out.out or "{}"), out.err


@pytest.mark.parametrize(("user", "mechanism"), [(ANA, "PLAIN"), (EVA, "SCRAM-SHA-512")])
def test_whoever_may_gets_through(house: House, user: str, mechanism: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    topic = f"secure.{mechanism}"
    document = _document(house, user=user, mechanism=mechanism)
    code, out, err = _run(document, tmp_path, capsys, "publish", str(house.archive), "--topic", topic)
    assert (code, out.get("events"), err) == (0, EVENTS, "")
    document["topics"] = {"dead_letters": topic}
    code, out, err = _run(document, tmp_path, capsys, "dlq", "list")
    assert (code, out.get("letters"), err) == (0, EVENTS, "")


# The broker hangs up with its answer: the client sees the one or the other first.
LOGIN_FAILS = "(refuses the login|ends the connection during the login) .*sasl.jaas.config"
KAFKA_TROUBLES = {
    "wrong password": ({"password": WRONG}, LOGIN_FAILS),
    "wrong user": ({"user": "mallory"}, LOGIN_FAILS),
    "wrong password by SCRAM": ({"user": EVA, "password": WRONG, "mechanism": "SCRAM-SHA-512"}, LOGIN_FAILS),
    "a mechanism that it does not offer": (
        {"mechanism": "SCRAM-SHA-256"},
        "(does not know this sasl.mechanism|ends the connection during the login)",
    ),
    "wrong authority": ({"ca": "other"}, "its certificate is not signed by an authority that is trusted"),
    "without TLS": ({"properties": {"security.protocol": "SASL_PLAINTEXT"}}, "ends the connection during the login .*security.protocol"),
    "TLS where there is none": ({"plain": True}, "it does not speak TLS on this port"),
    "no rights": ({"user": BOB}, "does not allow this user topic letters"),
}


@pytest.mark.parametrize(("changes", "says"), KAFKA_TROUBLES.values(), ids=list(KAFKA_TROUBLES))
def test_what_is_wrong_with_the_broker_is_one_line(
    house: House, changes: dict[str, Any], says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    changes = dict(changes)
    plain = changes.pop("plain", False)
    if "ca" in changes:
        changes["ca"] = house.certificates.other_ca
    document = _document(house, **changes) | {"topics": {"dead_letters": "letters"}}
    settings = settings_for(house.plain, topics__dead_letters="letters")
    client = admin(settings)
    create_all(client, settings, 1)
    client.close()
    if plain:
        document["kafka"]["brokers"] = house.plain
    code, _, err = _run(document, tmp_path, capsys, "dlq", "list")
    assert (code, err.count("\n")) == (1, 1), err
    assert re.search(says, err), err


def test_a_missing_topic_is_one_line(house: House, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = _document(house) | {"topics": {"dead_letters": "no.such.topic"}}
    code, _, err = _run(document, tmp_path, capsys, "dlq", "list")
    assert (code, err.count("\n")) == (1, 1)
    assert "has no topic no.such.topic" in err


REGISTRY_TROUBLES = {
    "wrong password": ({"password": WRONG}, "refuses the login"),
    "no login": ({"user": None, "password": None}, "asks for a login"),
    "wrong authority": ({"ca": "other"}, "its certificate is not signed by an authority that is trusted"),
    "no authority": ({"ca": None}, "its certificate is not signed by an authority that is trusted"),
    "another path": ({"url": "/apis"}, "is no schema registry"),
    "not TLS": ({"url": "plain"}, "the registry"),
}


@pytest.mark.parametrize(("changes", "says"), REGISTRY_TROUBLES.values(), ids=list(REGISTRY_TROUBLES))
def test_what_is_wrong_with_the_registry_is_one_line(
    house: House, changes: dict[str, Any], says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    changes = dict(changes)
    if changes.get("ca") == "other":
        changes["ca"] = str(house.certificates.other_ca)
    if changes.get("url") == "/apis":
        changes["url"] = house.registry.removesuffix("/ccompat/v7")
    if changes.get("url") == "plain":
        changes["url"] = house.registry.replace("https", "http")
    code, _, err = _run(_document(house, registry=changes), tmp_path, capsys, "publish", str(house.archive), "--topic", "t")
    assert (code, err.count("\n")) == (1, 1), err
    assert re.search(says, err), err


def test_the_job_goes_through_all_of_it(house: House, tmp_path: Path) -> None:
    """Source, sinks, registry and Redis: TLS and a login at each, and no secret in what the job logs and prints."""
    train(house.archive, tmp_path / "bundle" / "1", kinds=("perceptron",))
    login, prefix = Login("swerve-job", PASSWORD), "shop:"
    (tmp_path / "users.acl").write_text(f"{admin_line(PASSWORD)}\n{acl_line('job', login, (prefix,))}\n")
    document = _document(house)
    with tls_redis(tmp_path, PASSWORD, {"aclfile": str(tmp_path / "users.acl")}) as store:
        client = redis.Redis.from_url(store.url(f":{PASSWORD}"))
        values = {
            "kafka.brokers": house.brokers,
            "kafka.properties": json.dumps(document["kafka"]["properties"]),
            **{f"registry.{name}": value for name, value in document["registry"].items() if value is not None},
            "redis.url": store.url(f"{login.name}:{PASSWORD}"),
            "redis.prefix": prefix,
        }
        job = Job(tmp_path, client, values)
        job.swerve.run("topics", "--partitions", 2)
        job.start()
        try:
            job.swerve.run("publish", house.archive, "--topic", job.settings.topics.events)
            users = {event["user_id"] for event in read_events(house.archive) if event["personalization_storage"] == "GRANTED"}
            until("every user in Redis", lambda: len(list(client.scan_iter(f"{prefix}profile:*"))) == len(users))
            assert read_topic(job.settings, job.settings.topics.recommendations, 1)
            printed = json.dumps(job.stop())
        finally:
            job.kill()
            client.close()
    logs = [path.read_text(errors="replace") for path in (tmp_path / "work" / "log").iterdir()]
    assert any("SASL_SSL" in text for text in logs)
    assert not any(PASSWORD in text for text in (*logs, printed))
