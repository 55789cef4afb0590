"""Asks an ASGI application without a socket, and reads pages as a browser would."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from html.parser import HTMLParser
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlencode, urlsplit

import orjson

T = TypeVar("T")


class Answer(NamedTuple):
    """What was answered."""

    status: int
    headers: dict[str, str]
    body: bytes
    cookies: dict[str, str]

    def json(self) -> Any:
        return orjson.loads(self.body)

    @property
    def text(self) -> str:
        return self.body.decode()


async def ask(
    app: Any, path: str, method: str = "GET", headers: Mapping[str, str] | None = None, form: Mapping[str, str] | None = None
) -> Answer:
    """Send a request; gives the whole answer."""
    parts = urlsplit(path)
    body = urlencode(form).encode() if form is not None else b""
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http", "method": method, "path": parts.path, "raw_path": parts.path.encode(), "query_string": parts.query.encode(),
        "headers": [(name.lower().encode(), value.encode()) for name, value in {"host": "shop.test", **(headers or {})}.items()],
        "scheme": "http", "server": ("shop.test", 80), "client": ("127.0.0.1", 1), "http_version": "1.1", "root_path": "",
    }  # fmt: skip
    await app(scope, receive, send)
    raw = [(name.decode(), value.decode()) for name, value in sent[0]["headers"]]
    cookies = dict(value.split(";")[0].partition("=")[::2] for name, value in raw if name == "set-cookie")
    return Answer(sent[0]["status"], dict(raw), b"".join(message.get("body", b"") for message in sent[1:]), cookies)


@asynccontextmanager
async def running(app: Any) -> AsyncIterator[None]:
    """Start an application's parts, and stop them."""
    inbox: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    said: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    task = asyncio.create_task(app({"type": "lifespan", "asgi": {"version": "3.0"}}, inbox.get, said.put))
    await inbox.put({"type": "lifespan.startup"})
    assert (await said.get())["type"] == "lifespan.startup.complete"
    try:
        yield
    finally:
        await inbox.put({"type": "lifespan.shutdown"})
        assert (await said.get())["type"] == "lifespan.shutdown.complete"
        await task


def go(call: Callable[[], Awaitable[T]]) -> T:
    """Run a coroutine in a loop of its own."""

    async def run() -> T:
        return await asyncio.wait_for(call(), 30)

    return asyncio.run(run())


class Page(HTMLParser):
    """Elements of a page: name, attributes, text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None], list[str]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs), []))

    def handle_data(self, data: str) -> None:
        if self.elements:
            self.elements[-1][2].append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes, _ in self.elements if name == tag]
