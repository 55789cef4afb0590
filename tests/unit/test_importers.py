"""Importing history: each format's rows, what is bad in them, and what comes of it."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from training.importers import ImportReport, import_file
from udfs.archive import ArchiveError, index, read_records
from udfs.errors import UsageError

REES46 = """event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session
2019-10-01 00:00:02 UTC,view,3900821,2053,appliances.environment.water_heater,aqua,33.20,u1,s1
2019-10-01 00:00:00 UTC,cart,44600062,2103807459595387724,,shiseido,35.79,u2,s2
2019-10-01 00:00:09 UTC,purchase,3900821,2053,appliances,,31.00,u1,s1
2019-10-01 00:00:04 UTC,remove_from_cart,1,5,furniture.sofa,,,u3,
"""
KAGGLE_RETAILROCKET = """timestamp,visitorid,event,itemid,transactionid
1433221332117,257597,view,355908,
1433224214164,992329,addtocart,248676,
1433222276276,599528,transaction,356475,4000
"""
YOOCHOOSE_TABLE = "SessionId\tItemId\tTime\n1\t214536502\t1396860669.277\n1\t214536506\t1396860886.998\n"
YOOCHOOSE_CLICKS = "1,2014-04-07T10:51:09.277Z,214536502,0\n2,2014-04-07T10:54:09.868Z,214536500,7\n"
YOOCHOOSE_BUYS = "420374,2014-04-06T18:44:58.314Z,214537888,12462,1\n"
SESSIONS = "session_id,item_id,event_time\na,i1,2020-05-01T10:00:00+02:00\na,i2,1588320060\nb,i1,1588320000500\n"


def run(
    tmp_path: Path, format_: str, text: str | bytes, mapping: dict[str, str] | None = None
) -> tuple[ImportReport, list[dict[str, Any]]]:
    file = tmp_path / "history"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    report = import_file(format_, file, tmp_path / "out", mapping)
    events = sorted(read_records(tmp_path / "out"), key=lambda event: event["event_time"])
    assert len(events) == report.events
    assert all(event["analytics_storage"] == event["personalization_storage"] == "GRANTED" for event in events)
    assert len({event["event_id"] for event in events}) == len(events)
    assert not list(tmp_path.glob(".*"))
    return report, events


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def pick(events: list[dict[str, Any]], *fields: str) -> list[tuple[Any, ...]]:
    return [tuple(event[field] for field in fields) for event in events]


@pytest.mark.parametrize("packed", [False, True])
def test_rees46(tmp_path: Path, packed: bool) -> None:
    report, events = run(tmp_path, "rees46", gzip.compress(REES46.encode()) if packed else REES46)
    assert (report.rows, report.events, report.rejected, report.users, report.items) == (4, 4, 0, 3, 3)
    assert (report.first_time, report.last_time) == (1_569_888_000_000, 1_569_888_009_000)
    assert pick(events, "user_id", "event_name", "item_id", "session_id", "transaction_id") == [
        ("u2", "add_to_cart", "44600062", "s2", None),
        ("u1", "view_item", "3900821", "s1", None),
        ("u3", "remove_from_cart", "1", None, None),
        ("u1", "purchase", "3900821", "s1", "s1"),
    ]
    assert pick(events, "item_category", "item_category2", "item_category3", "item_brand", "price") == [
        ("2103807459595387724", None, None, "shiseido", 35.79),
        ("appliances", "environment", "water_heater", "aqua", 33.2),
        ("furniture", "sofa", None, None, None),
        ("appliances", None, None, None, 31.0),
    ]
    catalogue = {row["item_id"]: row for row in rows(tmp_path / "out" / "catalog.csv")}
    assert catalogue["3900821"]["title"] == "aqua environment 3900821"
    assert (catalogue["3900821"]["price"], catalogue["3900821"]["created_at"]) == ("31.0", "1569888002000")
    assert not (tmp_path / "out" / "rejected.csv").exists()


def test_the_log_is_in_the_order_of_time(tmp_path: Path) -> None:
    lines = "".join(f"{(n * 37) % 100},i{n},{1_600_000_000 + (n * 7919) % 5000}\n" for n in range(5000))
    run(tmp_path, "sessions", "session_id,item_id,event_time\n" + lines)
    found = index(tmp_path / "out", 100)
    assert (found.events, found.partitions) == (5000, 4)
    assert [chunk.watermark for chunk in found.chunks] == sorted(chunk.watermark for chunk in found.chunks)


def test_retailrocket_events(tmp_path: Path) -> None:
    _, events = run(tmp_path, "retailrocket", KAGGLE_RETAILROCKET)
    assert pick(events, "event_time", "user_id", "event_name", "item_id", "transaction_id") == [
        (1_433_221_332_117, "257597", "view_item", "355908", None),
        (1_433_222_276_276, "599528", "purchase", "356475", "4000"),
        (1_433_224_214_164, "992329", "add_to_cart", "248676", None),
    ]


def test_retailrocket_sessions_without_times(tmp_path: Path) -> None:
    report, events = run(tmp_path, "retailrocket", "1 2 1\n3 4\tx\n5\n")
    assert report.reasons == {"no item id": 1}
    assert pick(events, "session_id", "item_id") == [("s1", "1"), ("s1", "2"), ("s1", "1"), ("s3", "5")]
    assert events[1]["event_time"] - events[0]["event_time"] == 20_000


def test_yoochoose_table(tmp_path: Path) -> None:
    _, events = run(tmp_path, "yoochoose", YOOCHOOSE_TABLE)
    assert pick(events, "user_id", "item_id", "event_time") == [
        ("1", "214536502", 1_396_860_669_277),
        ("1", "214536506", 1_396_860_886_998),
    ]


def test_yoochoose_clicks(tmp_path: Path) -> None:
    _, events = run(tmp_path, "yoochoose", YOOCHOOSE_CLICKS)
    assert pick(events, "event_time", "item_category") == [(1_396_867_869_277, None), (1_396_868_049_868, "7")]


def test_yoochoose_buys(tmp_path: Path) -> None:
    _, events = run(tmp_path, "yoochoose", YOOCHOOSE_BUYS)
    assert pick(events, "event_name", "price", "quantity", "transaction_id") == [("purchase", 12462.0, 1, "420374")]


def test_sessions(tmp_path: Path) -> None:
    _, events = run(tmp_path, "sessions", SESSIONS)
    assert pick(events, "session_id", "item_id", "event_time") == [
        ("a", "i1", 1_588_320_000_000),
        ("b", "i1", 1_588_320_000_500),
        ("a", "i2", 1_588_320_060_000),
    ]


def test_any_csv(tmp_path: Path) -> None:
    text = "who;when;event_name;sku;price;quantity;device;country\nanna;2021-01-02 03:04:05;click;A;9.5;2;MOBILE;DE\n"
    mapping = {"user_id": "who", "event_time": "when", "item_id": "sku", "currency": "=EUR"}
    _, events = run(tmp_path, "csv", text, mapping)
    assert pick(events, "user_id", "event_time", "event_name", "item_id", "price", "quantity", "device", "country", "currency") == [
        ("anna", 1_609_556_645_000, "view_item", "A", 9.5, 2, "mobile", "DE", "EUR")
    ]


def test_consent_of_a_column_holds(tmp_path: Path) -> None:
    file = tmp_path / "f.csv"
    file.write_text("user_id,event_time,personalization_storage\nu,1600000000,denied\nv,1600000000,granted\n")
    import_file("csv", file, tmp_path / "out")
    found = {event["user_id"]: event["personalization_storage"] for event in read_records(tmp_path / "out")}
    assert found == {"u": "DENIED", "v": "GRANTED"}


def test_bad_rows_are_kept_and_the_rest_goes_on(tmp_path: Path) -> None:
    good = "2019-10-01 00:00:00 UTC,view,1,2,,,1.0,u1,s"
    bad = {
        "no user_id": "2019-10-01 00:00:00 UTC,view,1,2,,,1.0, ,s",
        "no time": "yesterday,view,1,2,,,1.0,u1,s",
        "time out of range": "1969-10-01 00:00:00 UTC,view,1,2,,,1.0,u1,s",
        "no price": "2019-10-01 00:00:00 UTC,view,1,2,,,-1,u1,s",
        "no product_id": "2019-10-01 00:00:00 UTC,view,,2,,,1.0,u1,s",
        "too few columns": "2019-10-01 00:00:00 UTC,view",
        "not UTF-8": "2019-10-01 00:00:00 UTC,view,1,2,,br\udcff,1.0,u1,s",
        "no CSV": f'2019-10-01 00:00:00 UTC,view,1,2,,"{"x" * 200_000}",1.0,u1,s',
    }
    header = REES46.splitlines()[0]
    lines = [header, *(line for text in bad.values() for line in (good, text)), good]
    report, _ = run(tmp_path, "rees46", "\n".join(lines).encode("utf-8", "surrogateescape"))
    assert report.reasons == dict.fromkeys(bad, 1)
    assert (report.events, report.rejected, report.rows) == (len(bad) + 1, len(bad), 2 * len(bad) + 1)
    kept = rows(tmp_path / "out" / "rejected.csv")
    assert [int(row["line"]) for row in kept] == [3 + 2 * n for n in range(len(bad))]
    assert [row["reason"].partition(":")[0] for row in kept] == list(bad)
    assert kept[1]["row"].startswith("yesterday,view")


@pytest.mark.parametrize("price", ["nan", "inf", "1e999", "free"])
def test_prices(tmp_path: Path, price: str) -> None:
    report, events = run(tmp_path, "csv", f"user_id,event_time,price\nu,1600000000,{price}\nu,1600000001,\n")
    assert report.reasons == {"no price": 1}
    assert events[0]["price"] is None


def test_the_same_file_gives_the_same_ids(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).mkdir()
    (_, one), (_, other) = (run(tmp_path / name, "rees46", REES46) for name in "ab")
    assert one == other


def test_the_columns_that_are_missing_are_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no column event_type, product_id.*is the format right"):
        run(tmp_path, "rees46", REES46.replace("event_type,product_id", "a,b"))
    with pytest.raises(UsageError, match="no field colour"):
        run(tmp_path, "csv", "user_id,event_time\n", {"colour": "c"})
    with pytest.raises(UsageError, match="--map user_id=COLUMN"):
        run(tmp_path, "csv", "who,event_time\nu,1\n")
    with pytest.raises(UsageError, match="no column whom"):
        run(tmp_path, "csv", "who,event_time\nu,1\n", {"user_id": "whom"})
    with pytest.raises(UsageError, match="has 2 columns"):
        run(tmp_path, "yoochoose", "a,b\n")
    with pytest.raises(UsageError, match="no format xml"):
        run(tmp_path, "xml", "")
    assert not (tmp_path / "out").exists()


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match=r"nothing\.csv: No such file"):
        import_file("csv", tmp_path / "nothing.csv", tmp_path / "out")
    with pytest.raises(ArchiveError, match="is a folder"):
        import_file("csv", tmp_path, tmp_path / "out")
    with pytest.raises(ArchiveError, match="is empty"):
        run(tmp_path, "csv", "")
    packed = gzip.compress(REES46.encode() * 500)
    with pytest.raises(ArchiveError, match=r"is cut short after line \d+"):
        run(tmp_path, "rees46", packed[: len(packed) // 2])
    with pytest.raises(ArchiveError, match=r"no row of .* makes an event: no time in 1 of 1 rows"):
        run(tmp_path, "sessions", "session_id,item_id,event_time\na,b,c\n")
    assert [path.name for path in tmp_path.iterdir()] == ["history"]


def test_nothing_is_written_over(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").write_text("")
    with pytest.raises(ArchiveError, match="is there already"):
        run(tmp_path, "rees46", REES46)


def ga4_row(**fields: Any) -> str:
    params = {
        "ga_session_id": {"int_value": "77"},
        "page_referrer": {"string_value": "https://x.example/?q=me"},
        "currency": {"string_value": "EUR"},
    }
    row = {
        "event_timestamp": "1714564799500123", "event_name": "view_item", "user_pseudo_id": "12.34",
        "privacy_info": {"analytics_storage": "Yes"},
        "event_params": [{"key": key, "value": value} for key, value in params.items()], "device": {"category": "mobile"},
        "items": [{"item_id": "a", "item_name": "Tent", "item_category": "Camping", "item_brand": "(not set)", "price": 99.5}],
    }  # fmt: skip
    return json.dumps({**row, **fields}) + "\n"


def test_ga4(tmp_path: Path) -> None:
    bought = {
        "event_name": "purchase",
        "user_id": "ana",
        "ecommerce": {"transaction_id": "T"},
        "items": [{"item_id": "a", "quantity": "2"}, {"item_id": "b"}],
    }
    text = ga4_row() + ga4_row(**bought) + ga4_row(event_name="scroll", items=[], event_timestamp="1714564799600000")
    report, events = run(tmp_path, "ga4", text)
    assert (report.rows, report.events, report.users) == (3, 4, 2)
    assert pick(events, "user_id", "event_name", "event_time", "item_id", "quantity", "transaction_id") == [
        ("12.34", "view_item", 1_714_564_799_500, "a", None, None),
        ("ana", "purchase", 1_714_564_799_500, "a", 2, "T"),
        ("ana", "purchase", 1_714_564_799_500, "b", None, "T"),
        ("12.34", "other", 1_714_564_799_600, None, None, None),
    ]
    (view,) = [event for event in events if event["event_name"] == "view_item"]
    assert pick([view], "session_id", "referrer", "currency", "device", "item_name", "item_brand", "price") == [
        ("77", "https://x.example/", "EUR", "mobile", "Tent", None, 99.5)
    ]


def test_ga4_rows_that_make_no_event(tmp_path: Path) -> None:
    bad = ["{", "[]", ga4_row(privacy_info={"analytics_storage": "No"}), ga4_row(event_timestamp=None), ga4_row(event_timestamp="soon")]
    bad += [ga4_row(user_pseudo_id=None), ga4_row(items=[{"price": -1}])]
    report, events = run(tmp_path, "ga4", ga4_row() + "\n".join(line.strip() for line in bad) + "\n")
    assert (len(events), report.rejected) == (1, len(bad))
    assert [row["line"] for row in rows(tmp_path / "out" / "rejected.csv")] == [str(line) for line in range(2, len(bad) + 2)]
    assert report.reasons["collected without consent"] == 1


def test_ga4_wants_lines_of_json(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="NEWLINE_DELIMITED_JSON"):
        run(tmp_path, "ga4", "event_date,event_name\n")
