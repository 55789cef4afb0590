"""An application called as a server calls it, without a network between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import orjson
from starlette.types import ASGIApp

PEER = "192.0.2.7"


class Answer(NamedTuple):
    """Status, headers by name in lower case, and body."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return orjson.loads(self.body)


@asynccontextmanager
async def running(app: ASGIApp) -> AsyncIterator[None]:
    """Start an application, and stop it at the end of the block."""
    told: asyncio.Queue[str] = asyncio.Queue()
    said: asyncio.Queue[str] = asyncio.Queue()

    async def receive() -> dict[str, str]:
        return {"type": await told.get()}

    async def send(message: Any) -> None:
        await said.put(message["type"])

    async def live() -> None:
        await app({"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}, receive, send)

    life = asyncio.create_task(live())
    try:
        await told.put("lifespan.startup")
        assert await said.get() == "lifespan.startup.complete"
        yield
    finally:
        await told.put("lifespan.shutdown")
        await asyncio.wait_for(life, 30)


async def call(
    app: ASGIApp, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None, parts: int = 1, peer: str = PEER
) -> Answer:
    """Send a request, its body in so many parts."""
    path, _, query = path.partition("?")
    given = {"host": "collect.example", "content-length": str(len(body)), **{k.lower(): v for k, v in (headers or {}).items()}}
    step = -(-len(body) // parts) or 1
    cuts = [body[at : at + step] for at in range(0, len(body), step)] or [b""]
    sent: list[Any] = []

    async def receive() -> Any:
        if not cuts:
            await asyncio.Event().wait()
        return {"type": "http.request", "body": cuts.pop(0), "more_body": bool(cuts)}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http", "http_version": "1.1", "asgi": {"version": "3.0"}, "method": method, "scheme": "https", "path": path,
        "root_path": "", "raw_path": path.encode(), "query_string": query.encode(), "client": (peer, 4711),
        "server": ("collect.example", 443),
        "headers": [(k.encode(), v.encode()) for k, v in given.items() if v is not None],
    }  # fmt: skip
    await app(scope, receive, send)
    start = sent[0]
    return Answer(
        start["status"], {k.decode(): v.decode() for k, v in start["headers"]}, b"".join(one.get("body", b"") for one in sent[1:])
    )
