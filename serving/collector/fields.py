"""The fields of ``shop_event``: one check for each, made from the schema, and what a shop's event has to be beyond that."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from serving.collector.visitor import without_query
from udfs.events import country_code
from udfs.schemas import Schema

INT, LONG = 2**31, 2**63
IDS = "_id"
NOBODY = "-"
"""The API's name for a visitor that nothing is known of; no user has it."""


class Refused(Exception):
    """An event that is not taken.

    Parameters
    ----------
    reason
        A word for metrics.
    field
        Where it is wrong; none: all of it.
    detail
        What is wrong, without the value.
    """

    def __init__(self, reason: str, field: str | None, detail: str) -> None:
        super().__init__(detail)
        self.reason, self.field, self.detail = reason, field, detail


Check = Callable[[Any], Any]
"""From a value of JSON that is not null to the one that is written; raises `Refused`."""


class Fields:
    """Checks by field.

    Parameters
    ----------
    schema
        Of an event.
    text_bytes, id_bytes
        Longest text, and longest of a field whose name says that it is an id.

    Attributes
    ----------
    checks
        By name.
    symbols
        Of the fields that are enums: the symbol for each way to write it.
    defaults
        Of the fields that are enums.
    required
        Fields that have no default.
    """

    def __init__(self, schema: Schema, text_bytes: int, id_bytes: int) -> None:
        self.checks: dict[str, Check] = {}
        self.symbols: dict[str, dict[str, str]] = {}
        self.defaults: dict[str, str] = {}
        self.required = [field["name"] for field in schema["fields"] if "default" not in field]
        named: dict[str, Any] = {}
        for field in schema["fields"]:
            name, kind = field["name"], _kind(field["type"], named)
            if kind["type"] == "string":
                check = _text(name, id_bytes if name.endswith(IDS) else text_bytes)
            elif kind["type"] == "enum":
                self.symbols[name] = {way: symbol for symbol in kind["symbols"] for way in (symbol.lower(), symbol.upper(), symbol)}
                self.defaults[name] = kind["default"]
                check = _symbol(name, self.symbols[name], kind["default"])
            elif kind["type"] in ("int", "long"):
                check = _whole(name, INT if kind["type"] == "int" else LONG)
            elif kind["type"] == "double":
                check = _number(name)
            else:
                raise AssertionError(f"no check for {name}: {kind['type']}")
            if name in RULES:
                check = _both(check, RULES[name])
            self.checks[name] = _cut(check, BEFORE[name]) if name in BEFORE else check


def _kind(kind: Any, named: dict[str, Any]) -> dict[str, Any]:
    """Give a field's type as an object, null left out."""
    if isinstance(kind, list):
        kind = next(branch for branch in kind if branch != "null")
    if isinstance(kind, str):
        return dict(named.get(kind, {"type": kind}))
    if "name" in kind:
        named[kind["name"]] = kind
    return dict(kind)


def _text(name: str, most: int) -> Check:
    def check(value: Any) -> str:
        if type(value) is not str:
            raise Refused("wrong_type", name, f"{name} is text")
        if len(value) > most or (not value.isascii() and len(value.encode()) > most):
            raise Refused("too_long", name, f"{name} has at most {most} bytes")
        return value

    return check


def _symbol(name: str, symbols: Mapping[str, str], default: str) -> Check:
    def check(value: Any) -> str:
        if type(value) is not str:
            raise Refused("wrong_type", name, f"{name} is text")
        return symbols.get(value, default)

    return check


def _whole(name: str, beyond: int) -> Check:
    def check(value: Any) -> int:
        if type(value) is float and value.is_integer():
            value = int(value)
        if type(value) is not int:
            raise Refused("wrong_type", name, f"{name} is a whole number")
        if not -beyond <= value < beyond:
            raise Refused("bad_number", name, f"{name} is out of range")
        return value

    return check


def _number(name: str) -> Check:
    def check(value: Any) -> float:
        if type(value) is not float and type(value) is not int:
            raise Refused("wrong_type", name, f"{name} is a number")
        return float(value)

    return check


def _both(first: Check, second: Check) -> Check:
    return lambda value: second(first(value))


def _cut(check: Check, cut: Callable[[str], str]) -> Check:
    return lambda value: check(cut(value) if type(value) is str else value)


def _price(value: float) -> float:
    if not (0 <= value < math.inf):
        raise Refused("bad_price", "price", "price is a finite number, 0 or more")
    return value


def _at_least(name: str, least: int) -> Check:
    def check(value: int) -> int:
        if value < least:
            raise Refused("bad_number", name, f"{name} is {least} or more")
        return value

    return check


def _present(name: str) -> Check:
    def check(value: str) -> str:
        if not value or value.isspace():
            raise Refused(f"missing_{name}", name, f"{name} is empty")
        return value

    return check


def _user(value: str) -> str:
    if value == NOBODY:
        raise Refused("missing_user_id", "user_id", f"user_id '{NOBODY}' stands for nobody")
    return value


def _currency(value: str) -> str:
    value = value.upper()
    if not (len(value) == 3 and value.isascii() and value.isalpha()):
        raise Refused("bad_code", "currency", "currency is a code of ISO 4217, such as EUR")
    return value


def _country(value: str) -> str:
    value = value.upper()
    if not country_code(value):
        raise Refused("bad_code", "country", "country is a code of ISO 3166-1, such as DE")
    return value


RULES: dict[str, Check] = {
    "event_id": _present("event_id"),
    "user_id": _both(_present("user_id"), _user),
    "price": _price,
    "quantity": _at_least("quantity", 1),
    "engagement_ms": _at_least("engagement_ms", 0),
    "recommendation_position": _at_least("recommendation_position", 0),
    "currency": _currency,
    "country": _country,
}
"""What the schema says in words only."""

BEFORE: dict[str, Callable[[str], str]] = {"referrer": without_query}
"""What is cut before it is measured."""
