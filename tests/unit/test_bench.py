"""`swerve bench`: the table of benchmarks, and the small ones run for a moment. What they measure is no test."""

from __future__ import annotations

import inspect
import json
from pathlib import Path

import pytest

from jobs import cli
from jobs.cli.bench import BENCHMARKS, chosen, find
from udfs.errors import UsageError


@pytest.mark.parametrize("name", BENCHMARKS)
def test_every_benchmark_can_be_called_with_nothing_but_where_to_talk(name: str) -> None:
    first, *others = inspect.signature(find(name)).parameters.values()
    assert first.default is inspect.Parameter.empty
    assert all(option.default is not inspect.Parameter.empty for option in others)


def test_every_benchmark_is_in_the_table() -> None:
    room = Path(inspect.getfile(find("rank"))).parent
    files = {
        ".".join(path.relative_to(room).with_suffix("").parts)
        for path in room.rglob("*.py")
        if "\ndef run(" in path.read_text(encoding="utf-8")
    }
    assert {module for module, _ in BENCHMARKS.values()} == files


def test_only_given_options_are_passed_on() -> None:
    assert chosen("decode", find("decode"), {"events": 5, "users": None, "keep": None}) == {"events": 5}
    with pytest.raises(UsageError, match=r"has no use for --users .it takes --events"):
        chosen("decode", find("decode"), {"events": 5, "users": 3})


def test_one_json_document_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["bench", "decode", "--events", "2000", "--json"]) == 0
    out, err = capsys.readouterr()
    document = json.loads(out)
    assert document["events"] == 2000
    assert min(document["events_per_second"].values()) > 0
    assert "simulate 2,000 events" in err


def test_writing_to_redis_is_measured_on_a_server_of_its_own() -> None:
    said: list[str] = []
    spent = find("redis")(said.append, batch=10, batches=2)["microseconds_a_user"]
    assert said == ["write 2 batches of 10 users with each writer"]
    assert set(spent) == {"swerve", "redis-py pipeline"}
