"""`swerve bench`: the table of benchmarks, and the small ones run for a moment. What they measure is no test."""

from __future__ import annotations

import asyncio
import inspect
import json
from pathlib import Path

import pytest

from bench.serving.load import Exchange, Heard, Load, drive
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


@pytest.mark.parametrize(
    ("answer", "errors"),
    [
        (b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nlist", False),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nlost", True),
        (b"HTTP/1.1 503 No\r\ncontent-length: 4\r\n\r\nlist", True),
        (b"", True),
    ],
)
def test_the_load_generator_looks_at_every_answer(answer: bytes, errors: bool) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readuntil(b"\r\n\r\n") and answer:
            # In two pieces, as a network may bring it.
            writer.write(answer[:30])
            await asyncio.sleep(0)
            writer.write(answer[30:])
        writer.close()

    async def run() -> Heard:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        heard = await drive(Load(port, 2, 0.05, [Exchange(b"GET / HTTP/1.1\r\n\r\n", 200, b"list")]))
        server.close()
        return heard

    heard = asyncio.run(run())
    assert bool(heard.errors) is errors
    assert bool(len(heard.took)) is not errors
