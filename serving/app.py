"""One ASGI application from the parts that a process serves.

request ─▶ hot path? ─▶ its own ASGI callable          (one GET of a shopper's recommendations)
         └▶ Starlette's router ─▶ the part's routes     (everything else)

Both kinds are counted: a hot path does so itself.
"""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Protocol

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.problems import HANDLERS

log = logging.getLogger(__name__)


class Part(Protocol):
    """Something that is served: the collector, the API, the shop."""

    def routes(self) -> Sequence[BaseRoute]:
        """Its routes."""

    def hot(self) -> Mapping[str, ASGIApp]:
        """Callables that take the GET and HEAD requests below a path, by its beginning, without passing the router."""

    async def start(self) -> None:
        """Open what it needs; called once, in the event loop that serves."""

    async def stop(self) -> None:
        """Finish what is under way, and close it."""


Measure = Callable[[str, int, float], None]
"""Told of every answer: its route, its status, and after how many seconds it began."""
OTHER = "other"
"""The route of what there is none for."""


class _Told(Exception):
    """An error of which the log has been told."""


class Application:
    """The parts behind one ASGI callable.

    Parameters
    ----------
    parts
        Started in this order, stopped in the reverse one.
    middleware
        Around everything but the hot path.
    measure
        Told of every answer but those of the hot path.
    """

    def __init__(self, parts: Sequence[Part], middleware: Sequence[Middleware] = (), measure: Measure = lambda *_: None) -> None:
        self._parts, self._measure = parts, measure
        self._hot = [(beginning, app) for part in parts for beginning, app in part.hot().items()]
        self.routes = [route for part in parts for route in part.routes()]
        self._paths: dict[Any, str] = {route.endpoint: route.path for route in self.routes if isinstance(route, Route)}
        self._rest = Starlette(
            routes=self.routes,
            middleware=list(middleware),
            exception_handlers=HANDLERS,
            lifespan=self._lifespan,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] != "http":
            await self._rest(scope, receive, send)
            return
        try:
            await self._app_of(scope)(scope, receive, send)
        except Exception as error:  # noqa: BLE001 - the last place before the server, which would log its text
            # Where it was raised, and not what it says: that may be personal.
            log.error("a request failed: %s\n%s", type(error).__name__, "".join(traceback.format_tb(error.__traceback__)))
            raise _Told from None

    def close(self) -> None:
        """Tell the parts that the server is about to stop, those that want to know: what streams for ever should end."""
        for part in self._parts:
            close = getattr(part, "close", None)
            if close is not None:
                close()

    def _app_of(self, scope: Scope) -> ASGIApp:
        if scope["method"] in ("GET", "HEAD"):
            for beginning, app in self._hot:
                if scope["path"].startswith(beginning):
                    return app
        return self._measured

    async def _measured(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.perf_counter()

        async def note(message: Message) -> None:
            if message["type"] == "http.response.start":
                route = self._paths.get(scope.get("endpoint", OTHER), OTHER)
                self._measure(route, message["status"], time.perf_counter() - started)
            await send(message)

        await self._rest(scope, receive, note)

    @asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            for part in self._parts:
                await part.start()
                stack.push_async_callback(part.stop)
            yield
