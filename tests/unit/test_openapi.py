"""The description of what is served: valid, of all routes and of no others, with the events that the job reads."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from openapi_spec_validator import validate
from starlette.routing import Route

from jobs.cli.serve import application
from jobs.settings import Settings, load_settings
from serving.api.health import OPENAPI
from tests.unit.asgi import call
from training.simulator import simulate
from udfs.events import KINDS
from udfs.schemas import load

#: Pages and what they load are described by themselves.
PAGES = ("/shop", "/look/", "/live/", "/operator")


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return dict(yaml.safe_load(OPENAPI.read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Everything that can be served."""
    folder: Path = tmp_path_factory.mktemp("everything")
    simulate(folder / "shop", 200, 10, 50, 1)
    serving = {"into": folder / "log", "model": folder / "model", "catalogue": folder / "shop/catalog.csv", "admin_key": "k"}
    given = [f"serving.{name}={value}" for name, value in serving.items()]
    return load_settings(None, ["redis.url=redis://127.0.0.1:1/0", "serving.tokens=off", *given])


def test_it_is_valid(document: dict[str, Any]) -> None:
    validate(document)


def test_all_routes_are_in_it_and_no_others(document: dict[str, Any], settings: Settings) -> None:
    routes = [route for route in application(settings).routes if isinstance(route, Route)]
    served = {
        (route.path, method)
        for route in routes
        for method in (route.methods or ())
        if method not in ("HEAD", "OPTIONS") and route.path != "/" and not route.path.startswith(PAGES)
    }
    described = {(path, method.upper()) for path, methods in document["paths"].items() for method in methods}
    assert served == described


def test_it_is_served(document: dict[str, Any], settings: Settings) -> None:
    answer = asyncio.run(call(application(settings), "GET", "/openapi.json"))
    assert answer.json == document
    again = asyncio.run(call(application(settings), "GET", "/openapi.json", headers={"if-none-match": answer.headers["etag"]}))
    assert (again.status, again.body) == (304, b"")


def test_events_have_the_fields_that_the_job_reads(document: dict[str, Any]) -> None:
    schemas, fields = document["components"]["schemas"], {field["name"]: field["type"] for field in load("shop_event")["fields"]}
    properties = schemas["Event"]["properties"]
    assert list(properties) == list(fields)
    assert schemas["EventName"]["enum"] == list(KINDS)
    nullable = {name for name, kind in fields.items() if isinstance(kind, list) and "null" in kind}
    assert {name for name in nullable if properties[name]["type"][1] != "null"} == set()


def test_it_says_nothing_of_another_file(document: dict[str, Any]) -> None:
    assert json.dumps(document).count('"$ref": "#/') == json.dumps(document).count('"$ref"')
