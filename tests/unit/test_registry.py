"""Schemas of a registry: what is known is never asked for again, and a registry that is away holds up only what is new."""

from __future__ import annotations

import base64
import json
import socket
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.registry_server import Registry, serve
from udfs import registry_http
from udfs.decode_program import compile_program
from udfs.errors import SwerveError
from udfs.framing import FIRST_PSEUDO_ID
from udfs.registry import RegistrySchemas
from udfs.schemas import LocalSchemas, SchemaUnavailable, UnknownSchema, load

EVENT = load("shop_event")
SECRET = "s3cret-word"


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def registry() -> Iterator[Registry]:
    with serve(Registry()) as running:
        running.schema(7, EVENT)
        yield running


@pytest.fixture
def clock() -> Clock:
    return Clock()


def _dead_url() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


def test_a_schema_is_asked_for_once(registry: Registry) -> None:
    store = RegistrySchemas(registry.url)
    assert store.get(7) == EVENT
    assert store.get(7) is store.get(7)
    assert registry.asked == ["/schemas/ids/7"]


def test_an_unknown_id_is_remembered_for_a_minute(registry: Registry, clock: Clock) -> None:
    store = RegistrySchemas(registry.url, clock=clock)
    for _ in range(3):
        with pytest.raises(UnknownSchema, match="no schema has the id 9"):
            store.get(9)
    assert registry.asked == ["/schemas/ids/9"]
    registry.schema(9, EVENT)
    clock.now += 61
    assert store.get(9) == EVENT


def test_a_restart_without_the_registry_knows_what_was_known(registry: Registry, tmp_path: Path) -> None:
    assert RegistrySchemas(registry.url, cache=tmp_path).get(7) == EVENT
    registry.failing = (500, "")
    store = RegistrySchemas(registry.url + "/", cache=tmp_path)
    assert store.get(7) == EVENT
    with pytest.raises(SchemaUnavailable):
        store.get(8)
    assert registry.asked == ["/schemas/ids/7", "/schemas/ids/8"]


def test_another_registry_has_other_schemas(registry: Registry, tmp_path: Path) -> None:
    RegistrySchemas(registry.url, cache=tmp_path).get(7)
    with serve(Registry()) as other, pytest.raises(UnknownSchema):
        RegistrySchemas(other.url, cache=tmp_path).get(7)


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"schema": {}}', b'{"name": "8", "schema": {}}', b"\xff\xfe"])
def test_a_damaged_file_is_as_if_it_were_not_there(registry: Registry, tmp_path: Path, damage: bytes) -> None:
    RegistrySchemas(registry.url, cache=tmp_path).get(7)
    [file] = tmp_path.rglob("7.json")
    file.write_bytes(damage)
    assert RegistrySchemas(registry.url, cache=tmp_path).get(7) == EVENT
    assert registry.asked == ["/schemas/ids/7"] * 2
    assert RegistrySchemas(registry.url, cache=tmp_path).get(7) == EVENT
    assert len(registry.asked) == 2, "the file was not mended"
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["7.json"]


def test_a_folder_that_cannot_be_written_does_no_harm(registry: Registry, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert RegistrySchemas(registry.url, cache=tmp_path / "file").get(7) == EVENT


@pytest.mark.parametrize(
    "failing", [(500, {"error_code": 50001, "message": "store away"}), (503, "<html>"), (200, "<html>"), (200, {"a": 1})]
)
def test_a_failure_holds_up_what_is_new_and_nothing_else(registry: Registry, clock: Clock, failing: tuple[int, object]) -> None:
    store = RegistrySchemas(registry.url, clock=clock)
    store.get(7)
    registry.schema(8, EVENT)
    registry.failing = failing
    waits = []
    for _ in range(7):
        asked = len(registry.asked)
        with pytest.raises(SchemaUnavailable):
            store.get(8)
        assert len(registry.asked) == asked + 1
        begin = clock.now
        while len(registry.asked) == asked + 1:
            assert store.get(7) == EVENT
            clock.now += 0.25
            with pytest.raises(SchemaUnavailable):
                store.get(8)
        waits.append(clock.now - begin)
        clock.now += 30
    assert waits[0] == 0.5
    assert waits == sorted(waits)
    assert waits[-1] == 10
    registry.failing = None
    assert store.get(8) == EVENT
    # The next trouble begins with a short wait again.
    registry.failing = failing
    with pytest.raises(SchemaUnavailable):
        store.get(9)
    registry.failing = None
    clock.now += 0.5
    with pytest.raises(UnknownSchema):
        store.get(9)


def test_connection_refused() -> None:
    url = _dead_url()
    store = RegistrySchemas(url.replace("//", f"//ana:{SECRET}@"))
    with pytest.raises(SchemaUnavailable, match=f"{url} cannot be reached: connection refused") as caught:
        store.get(7)
    assert SECRET not in str(caught.value)


def test_it_comes_up_later(clock: Clock) -> None:
    url = _dead_url()
    store = RegistrySchemas(url, clock=clock)
    with pytest.raises(SchemaUnavailable):
        store.get(7)
    registry = Registry()
    registry.schema(7, EVENT)
    with serve(registry, int(url.rpartition(":")[2])):
        clock.now += 1
        assert store.get(7) == EVENT


def test_a_registry_that_is_slow(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry_http, "READ_SECONDS", 0.1)
    registry.delay = 0.3
    with pytest.raises(SchemaUnavailable, match="does not answer in time"):
        RegistrySchemas(registry.url).get(7)


@pytest.mark.parametrize(("status", "says"), [(401, "refuses the login"), (403, "does not let this user")])
def test_a_refused_login_is_named_and_no_password(registry: Registry, status: int, says: str) -> None:
    registry.failing = (status, {"error_code": status, "message": "no"})
    store = RegistrySchemas(registry.url, "ana", SECRET)
    for ask in (lambda: store.get(7), store.check, lambda: store.register("a-value", EVENT)):
        with pytest.raises(SchemaUnavailable, match=says) as caught:
            ask()
        assert SECRET not in str(caught.value)
    registry.failing = (401, "")
    with pytest.raises(SchemaUnavailable, match="asks for a login"):
        RegistrySchemas(registry.url).check()


def test_a_login_of_the_address_is_used_and_the_settings_win(registry: Registry) -> None:
    url = registry.url.replace("//", "//ana:p%C3%A4ss@")
    RegistrySchemas(url).get(7)
    RegistrySchemas(url, "eva", SECRET).get(7)
    assert registry.logins == ["Basic " + base64.b64encode(login.encode()).decode() for login in ("ana:päss", f"eva:{SECRET}")]


@pytest.mark.parametrize("body", ["<html>no such page", {"status": 404, "error": "Not Found"}])
def test_not_found_by_something_else_is_no_verdict(registry: Registry, body: object) -> None:
    registry.failing = (404, body)
    store = RegistrySchemas(registry.url)
    with pytest.raises(SchemaUnavailable, match="is no schema registry"):
        store.get(7)
    with pytest.raises(SchemaUnavailable, match="is no schema registry"):
        store.check()


def test_a_registry_that_has_no_guids_knows_none(registry: Registry) -> None:
    guid = uuid.uuid4()
    registry.answers[f"/schemas/guids/{guid}"] = (404, "no such resource")
    with pytest.raises(UnknownSchema, match=str(guid)):
        RegistrySchemas(registry.url).get_by_guid(guid)


def test_guids(registry: Registry, tmp_path: Path) -> None:
    one, two = uuid.uuid4(), uuid.uuid4()
    for guid, name in ((one, "shop_event"), (two, "catalog_item")):
        registry.schema(str(guid), load(name))
    store = RegistrySchemas(registry.url, cache=tmp_path)
    assert [store.get(store.get_by_guid(guid))["name"] for guid in (one, two, one)] == ["ShopEvent", "CatalogItem", "ShopEvent"]
    assert store.get_by_guid(one) >= FIRST_PSEUDO_ID
    assert len(registry.asked) == 2
    registry.failing = (500, "")
    again = RegistrySchemas(registry.url, cache=tmp_path)
    assert again.get(again.get_by_guid(two))["name"] == "CatalogItem"
    with pytest.raises(SchemaUnavailable):
        again.get_by_guid(uuid.uuid4())
    with pytest.raises(UnknownSchema):
        LocalSchemas().get_by_guid(one)


@pytest.mark.parametrize("schema_id", [FIRST_PSEUDO_ID, 2**32 - 1, -1])
def test_what_cannot_be_a_registrys_id_is_not_asked_for(registry: Registry, schema_id: int) -> None:
    with pytest.raises(UnknownSchema):
        RegistrySchemas(registry.url).get(schema_id)
    assert registry.asked == []


def test_references_are_put_in(registry: Registry) -> None:
    consent = {"type": "enum", "name": "Consent", "namespace": "shop.base", "symbols": ["GRANTED", "DENIED"]}
    context = {
        "type": "record", "name": "Context", "namespace": "shop.base",
        "fields": [{"name": "a", "type": "Consent"}, {"name": "b", "type": ["null", "Consent"]}],
    }  # fmt: skip
    schema = {
        "type": "record", "name": "E", "namespace": "shop",
        "fields": [
            {"name": "event_id", "type": "string"},
            {"name": "contexts", "type": {"type": "array", "items": "shop.base.Context"}},
            {"name": "again", "type": "shop.base.Context"},
            {"name": "consent", "type": ["null", "shop.base.Consent"]},
            {"name": "user_id", "type": "string"},
            {"name": "event_name", "type": {"type": "enum", "name": "N", "symbols": ["view_item"]}},
            {"name": "event_time", "type": "long"},
        ],
    }  # fmt: skip
    registry.schema(9, schema, references=[{"name": "shop.base.Context", "subject": "con/text", "version": 2}])
    registry.answers["/subjects/con%2Ftext/versions/2"] = (
        200,
        {"schema": json.dumps(context), "references": [{"name": "shop.base.Consent", "subject": "consent", "version": 1}]},
    )
    registry.answers["/subjects/consent/versions/1"] = (200, {"schema": json.dumps(consent)})
    whole = RegistrySchemas(registry.url).get(9)
    compile_program(whole)
    assert json.dumps(whole).count('"symbols"') == 2
    assert json.dumps(whole).count('"fields"') == 2
    assert "__" not in json.dumps(whole)


def test_a_schema_of_another_kind_is_known_and_is_no_record(registry: Registry) -> None:
    registry.answers["/schemas/ids/9"] = (200, {"schema": 'syntax = "proto3";', "schemaType": "PROTOBUF"})
    assert RegistrySchemas(registry.url).get(9) == {"type": "protobuf"}
    registry.schema(10, "string")
    assert RegistrySchemas(registry.url).get(10) == {"type": "string"}


def test_register_and_check(registry: Registry) -> None:
    registry.answers["/subjects/a%2Fb-value/versions"] = (200, {"id": 12})
    registry.answers["/config/a-value"] = (200, {"compatibility": "FULL_TRANSITIVE"})
    store = RegistrySchemas(registry.url)
    store.check()
    assert store.register("a/b-value", EVENT) == 12
    store.set_compatibility("a-value")
    asked = len(registry.asked)
    assert store.get(12) == EVENT
    assert len(registry.asked) == asked
    registry.answers["/subjects/a-value/versions"] = (409, {"error_code": 409, "message": "Schema being registered is incompatible"})
    with pytest.raises(SwerveError, match="does not take it: Schema being registered is incompatible") as caught:
        store.register("a-value", EVENT)
    assert not isinstance(caught.value, SchemaUnavailable)


def test_a_missing_ca_is_named(registry: Registry, tmp_path: Path) -> None:
    with pytest.raises(SchemaUnavailable, match=r"registry\.ca: there is no file"):
        RegistrySchemas(registry.url.replace("http", "https"), ca=tmp_path / "ca.pem").check()
    (tmp_path / "ca.pem").write_text("no certificate")
    with pytest.raises(SchemaUnavailable, match=r"registry\.ca is no PEM file"):
        RegistrySchemas(registry.url.replace("http", "https"), ca=tmp_path / "ca.pem").check()
    with pytest.raises(SchemaUnavailable, match="does not speak TLS"):
        RegistrySchemas(registry.url.replace("http", "https")).check()
