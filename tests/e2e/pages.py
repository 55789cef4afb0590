"""A shop's pages for tests of tracker and element: one origin with the real collector and API, their archive and their Redis."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast
from urllib.request import urlopen

import redis
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from jobs.cli.serve import application, server_of
from jobs.dev.processes import free_port
from jobs.settings import Settings
from serving.app import Application
from serving.tokens import mint
from udfs.archive import read_records
from udfs.keys import fallback_key, recommendations_key

SECRET = "a secret that only tests know, long enough"
PICTURE = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 10 10">
<rect width="10" height="10" fill="#2a6f6b"/><circle cx="5" cy="5" r="3" fill="#e9b44c"/></svg>"""
OWN = ("/items", "/token", "/picture")
STRICT = "default-src 'none'; script-src 'self'; connect-src 'self'; img-src 'self'; require-trusted-types-for 'script'"
SHELL = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Shop</title>
<script async src="/swerve.js" data-write-key="key" data-items-url="/items?ids={ids}" data-token-url="/token?user={user}"></script>
<style>:root { color-scheme: light dark; font: 16px sans-serif } a { color: light-dark(#0645ad, #9cc4ff) }
swerve-recommendations { display: block; min-height: 24rem }</style></head>
<body><main><h1>Shop</h1>%s</main></body></html>"""


class Pages:
    """Pages by path before the application that `swerve serve` serves, and what that one has kept.

    Attributes
    ----------
    html
        By path; `shell` wraps a body.
    origin
        Where they are.
    csp
        Content-Security-Policy of those that have one.
    tokens
        That were given; the first of them has expired.
    """

    def __init__(self, app: Application, origin: str, archive: Path, client: redis.Redis) -> None:
        self._app, self.origin, self._archive, self._redis = app, origin, archive, client
        self.html: dict[str, str] = {}
        self.csp: dict[str, str] = {}
        self.tokens: list[str] = []
        more = [Route("/items", self._items), Route("/token", self._token), Route("/{path:path}", self._page)]
        self._own = Starlette(routes=[Route("/picture", lambda _: Response(PICTURE, media_type="image/svg+xml")), *more])

    def put(self, path: str, body: str, csp: str | None = None, shell: str = SHELL) -> str:
        """Make a page; gives its address."""
        self.html[path] = shell % body
        if csp is not None:
            self.csp[path] = csp
        return self.origin + path

    def events(self) -> list[dict[str, Any]]:
        """What the collector has kept, in the order in which it came."""
        return list(read_records(self._archive)) if any(self._archive.iterdir()) else []

    def duplicates(self) -> float:
        """How many events came that had been kept before."""
        with urlopen(f"{self.origin}/metrics", timeout=10) as answer:
            line = re.search(r"^swerve_collector_duplicates_total (\S+)$", answer.read().decode(), re.MULTILINE)
        assert line is not None
        return float(line[1])

    def recommend(self, items: Sequence[str], user: str | None = None, **more: Any) -> None:
        """Write a list as the job does: hers, or everybody's."""
        value = {
            "v": 1,
            "recommendation_id": "-".join(items),
            "user_id": user or "",
            "surface": "home",
            "event_time": 0,
            "generated_at": 0,
            "segment": {"id": 3, "name": "Prams"},
            "model": {"name": "demo", "version": "1"},
            "items": [{"item_id": item, "score": 1 - place / 100, "reason": "popular"} for place, item in enumerate(items)],
            **more,
        }
        key = fallback_key("home", None) if user is None else recommendations_key(user, "home")
        self._redis.set(key, json.dumps(value, separators=(",", ":")))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Give a page, or let the application answer."""
        own = scope["type"] == "http" and (scope["path"] in self.html or scope["path"] in OWN)
        await (self._own if own else self._app)(scope, receive, send)

    def close(self) -> None:
        """The server is about to stop."""
        self._app.close()

    async def _page(self, request: Request) -> Response:
        path = request.url.path
        headers = {"Content-Security-Policy": self.csp[path]} if path in self.csp else {}
        return HTMLResponse(self.html[path], headers=headers)

    async def _items(self, request: Request) -> Response:
        ids = [item for item in request.query_params["ids"].split(",") if not item.startswith("gone")]
        more = {"image": "/picture", "price": 19.5, "currency": "EUR"}
        title = "Item {} with a name that takes two lines of a card"
        return JSONResponse([{"item_id": item, "title": title.format(item), "url": f"/p/{item}", **more} for item in ids])

    async def _token(self, request: Request) -> Response:
        user = request.query_params["user"]
        self.tokens.append(mint(SECRET, user, 900 if self.tokens else -60))
        return JSONResponse({"token": self.tokens[-1]})


@contextmanager
def serve_pages(folder: Path, redis_url: str) -> Iterator[Pages]:
    """Serve them while the block runs."""
    port = free_port()
    origin = f"http://127.0.0.1:{port}"
    settings = Settings().with_values(
        {
            "redis.url": redis_url,
            "serving.port": port,
            "serving.into": str(folder),
            "serving.write_key": "key",
            "serving.token_secret": SECRET,
            "serving.allow_origins": (f"http://localhost:{port}",),
            # A busy machine is no Redis that is away.
            "serving.redis_timeout_ms": 5_000,
        }
    )
    with redis.Redis.from_url(redis_url) as client:
        pages = Pages(application(settings), origin, folder, client)
        server, listening = server_of(cast("Application", pages), settings)
        thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
        thread.start()
        yield pages
        server.should_exit = True
        thread.join()
