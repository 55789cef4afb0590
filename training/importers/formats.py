"""The formats that `swerve import` reads: each turns a row of a file into an event.

A format is a function of the file (and, for ``csv``, the mapping of fields to columns) that checks the header and gives how to read the
rows: what separates columns, whether there is a header, and the function for a row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from training.importers.ga4 import row_events
from training.importers.reading import BadRow, Source
from training.importers.values import event, event_name, milliseconds, optional, price, required, whole
from udfs.errors import UsageError
from udfs.schemas import load

Event = dict[str, Any]


class Reading(NamedTuple):
    """How to read a file.

    Attributes
    ----------
    delimiter
        Between columns; empty: a line is one field.
    header
        Whether the first line is one.
    columns
        Fields that a row must have.
    events
        Give the events of a row; raises `BadRow`.
    """

    delimiter: str
    header: bool
    columns: int
    events: Callable[[int, list[str]], Iterator[Event]]


def rees46(source: Source, mapping: Mapping[str, str]) -> Reading:  # noqa: ARG001 — all formats have this signature
    """REES46's multi-category store (Kaggle, mkechinov): one CSV a month.

    The parts of ``category_code`` become the categories; where it is empty, ``category_id`` is the category.
    """
    names = ("event_time", "event_type", "product_id", "category_id", "category_code", "brand", "price", "user_id", "user_session")
    source.require(names)
    place = _places(source, names)

    def events(line: int, row: list[str]) -> Iterator[Event]:  # noqa: ARG001
        get = {name: row[at] for name, at in place.items()}
        name, session = event_name(get["event_type"]), optional(get["user_session"])
        code = [part for part in get["category_code"].strip().split(".") if part] or [get["category_id"].strip()]
        yield event(
            required(get["user_id"], "user_id"), milliseconds(get["event_time"]), name, session_id=session,
            item_id=required(get["product_id"], "product_id"), item_category=code[0] or None,
            item_category2=code[1] if len(code) > 1 else None, item_category3=code[2] if len(code) > 2 else None,
            item_brand=optional(get["brand"]), price=price(get["price"]), transaction_id=session if name == "purchase" else None,
        )  # fmt: skip

    return Reading(",", True, max(place.values()) + 1, events)


def retailrocket(source: Source, mapping: Mapping[str, str]) -> Reading:  # noqa: ARG001
    """RetailRocket (Kaggle): ``events.csv``; or its sessions without times, one a line, item ids between blanks.

    Sessions without times get some: session n begins n minutes after 2015-05-03, a click every 20 seconds.
    """
    if "visitorid" not in source.first_line:
        return Reading(" ", False, 1, _session_line)
    names = ("timestamp", "visitorid", "event", "itemid")
    source.require(names)
    place = _places(source, (*names, *(["transactionid"] if "transactionid" in source.header() else [])))

    def events(line: int, row: list[str]) -> Iterator[Event]:  # noqa: ARG001
        get = {name: row[at] for name, at in place.items()}
        yield event(
            required(get["visitorid"], "visitorid"), milliseconds(get["timestamp"]), event_name(get["event"]),
            item_id=required(get["itemid"], "itemid"), transaction_id=optional(get.get("transactionid", "")),
        )  # fmt: skip

    return Reading(",", True, max(place.values()) + 1, events)


def yoochoose(source: Source, mapping: Mapping[str, str]) -> Reading:  # noqa: ARG001
    """YooChoose (RecSys Challenge 2015): session-rec's SessionId, ItemId, Time, or the original clicks and buys without a header."""
    if "SessionId" in source.first_line:
        names, delimiter = ("SessionId", "ItemId", "Time"), source.delimiter()
        source.require(names, delimiter)
        place = _places(source, names, delimiter)

        def events(line: int, row: list[str]) -> Iterator[Event]:  # noqa: ARG001
            yield _click(row[place["SessionId"]], row[place["ItemId"]], row[place["Time"]])

        return Reading(delimiter, True, max(place.values()) + 1, events)
    columns = len(source.header())
    if columns not in (4, 5):
        raise UsageError(
            f"{source.path} has {columns} columns", "yoochoose has SessionId, ItemId, Time, or 4 (clicks) or 5 (buys) without header"
        )

    def original(line: int, row: list[str]) -> Iterator[Event]:  # noqa: ARG001
        click = _click(row[0], row[2], row[1])
        if columns == 4:
            # 1 to 12 are categories, S a special offer, 0 nothing known, longer numbers brands.
            known = row[3].strip()
            yield click | ({"item_category": known} if known in _YOOCHOOSE_CATEGORIES else {})
        else:
            yield click | {"event_name": "purchase", "price": price(row[3]), "quantity": whole(row[4]), "transaction_id": click["user_id"]}

    return Reading(",", False, columns, original)


def sessions(source: Source, mapping: Mapping[str, str]) -> Reading:  # noqa: ARG001
    """Any table of views with session_id, item_id and event_time; a session counts as a user."""
    names, delimiter = ("session_id", "item_id", "event_time"), source.delimiter()
    source.require(names, delimiter)
    place = _places(source, names, delimiter)

    def events(line: int, row: list[str]) -> Iterator[Event]:  # noqa: ARG001
        yield _click(*(row[place[name]] for name in names))

    return Reading(delimiter, True, max(place.values()) + 1, events)


def ga4(source: Source, mapping: Mapping[str, str]) -> Reading:  # noqa: ARG001
    """Google Analytics 4, exported by BigQuery as JSON, a row a line: the tables ``events_YYYYMMDD``."""
    if not source.first_line.lstrip().startswith("{"):
        raise UsageError(f"{source.path} is no export of JSON lines", "bq extract --destination_format NEWLINE_DELIMITED_JSON")
    return Reading("", False, 1, row_events)


def csv_columns(source: Source, mapping: Mapping[str, str]) -> Reading:
    """Any CSV: each field of an event from the column that the mapping names, or else from the column of the same name.

    A name of a column that begins with ``=`` is the value itself: ``event_name`` from ``=purchase``.
    ``user_id`` and ``event_time`` must be there. Without ``event_name`` everything is a ``view_item``.
    """
    fields = {f["name"]: f["type"] for f in load("shop_event")["fields"]}
    unknown = sorted(set(mapping) - set(fields))
    if unknown:
        raise UsageError(f"an event has no field {', '.join(unknown)}", f"it has {', '.join(fields)}")
    delimiter = source.delimiter()
    there = source.header(delimiter)
    columns = {name: mapping.get(name, name) for name in fields if name in mapping or name in there}
    missing = [name for name in ("user_id", "event_time") if name not in columns]
    if missing:
        raise UsageError(f"{source.path} has no column {', '.join(missing)}", f"--map {missing[0]}=COLUMN, one of {', '.join(there)[:200]}")
    constants = {name: columns.pop(name)[1:] for name in list(columns) if columns[name].startswith("=")}
    source.require(list(columns.values()), delimiter)
    place = {name: there.index(column) for name, column in columns.items()}
    read = {name: _READERS.get(name, _reader(kind)) for name, kind in fields.items()}

    def events(line: int, row: list[str]) -> Iterator[Event]:  # noqa: ARG001
        texts = constants | {name: row[at] for name, at in place.items()}
        values = {name: read[name](text) for name, text in texts.items() if text.strip()}
        user = required(str(values.pop("user_id", "")), "user_id")
        if "event_time" not in values:
            raise BadRow("no event_time")
        yield event(user, values.pop("event_time"), values.pop("event_name", "view_item"), **values)

    return Reading(delimiter, True, max(place.values()) + 1, events)


FORMATS: dict[str, Callable[[Source, Mapping[str, str]], Reading]] = {
    "rees46": rees46,
    "retailrocket": retailrocket,
    "yoochoose": yoochoose,
    "sessions": sessions,
    "ga4": ga4,
    "csv": csv_columns,
}

_YOOCHOOSE_CATEGORIES = {str(n) for n in range(1, 13)} | {"S"}
_SESSIONS_BEGIN, _SESSION_STEP, _CLICK_STEP = 1_430_611_200_000, 60_000, 20_000


def _places(source: Source, names: tuple[str, ...], delimiter: str = ",") -> dict[str, int]:
    there = source.header(delimiter)
    return {name: there.index(name) for name in names}


def _click(session: str, item: str, time: str) -> Event:
    session = required(session, "session")
    return event(session, milliseconds(time), "view_item", session_id=session, item_id=required(item, "item"))


def _session_line(line: int, row: list[str]) -> Iterator[Event]:
    start = _SESSIONS_BEGIN + line * _SESSION_STEP
    for n, item in enumerate(part for field in row for part in field.split()):
        if not item.isdecimal():
            raise BadRow(f"no item id: {item}")
        yield event(f"s{line}", start + n * _CLICK_STEP, "view_item", session_id=f"s{line}", item_id=item)


def _symbol(name: str, upper: bool) -> Callable[[str], str]:
    symbols = next(
        f["type"]["symbols"] for f in load("shop_event")["fields"] if isinstance(f["type"], dict) and f["type"].get("name") == name
    )

    def read(text: str) -> str:
        text = text.strip().upper() if upper else text.strip().lower()
        if text not in symbols:
            raise BadRow(f"no {name}: {text}")
        return str(text)

    return read


def _reader(kind: Any) -> Callable[[str], Any]:
    return whole if kind == ["null", "int"] else price if kind == ["null", "double"] else optional


_READERS: dict[str, Callable[[str], Any]] = {
    "event_time": milliseconds,
    "event_name": event_name,
    "device": _symbol("Device", upper=False),
    "analytics_storage": _symbol("Consent", upper=True),
    "personalization_storage": _symbol("Consent", upper=True),
}
