"""TLS and logins of a real broker and a real registry: what is right works, what is wrong is one clear line, and no secret is shown."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from kafka import KafkaAdminClient
from kafka.admin import UserScramCredentialUpsertion

from jobs.cli import main
from jobs.kafka.client import admin
from jobs.kafka.topics import create_all
from tests.e2e.secure import ANA, BOB, EVA, PASSWORD, PLAIN, SCRAM, Certificates, secure_kafka, secure_registry
from tests.e2e.topics import settings_for
from training.simulator import simulate

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
    "a mechanism that it does not offer": ({"mechanism": "SCRAM-SHA-256"}, "does not know this sasl.mechanism"),
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
