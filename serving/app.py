"""One ASGI application from the parts that a process serves.

request ─▶ hot path? ─▶ its own ASGI callable          (one GET of a shopper's recommendations)
         └▶ Starlette's router ─▶ the part's routes     (everything else)
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Protocol

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from serving.problems import HANDLERS


class Part(Protocol):
    """Something that is served: the collector, the API, the shop."""

    def routes(self) -> Sequence[BaseRoute]:
        """Its routes."""

    def hot(self) -> Mapping[str, ASGIApp]:
        """Callables that take the GET requests below a path, by its beginning, without passing the router."""

    async def start(self) -> None:
        """Open what it needs; called once, in the event loop that serves."""

    async def stop(self) -> None:
        """Finish what is under way, and close it."""


class Application:
    """The parts behind one ASGI callable.

    Parameters
    ----------
    parts
        Started in this order, stopped in the reverse one.
    middleware
        Around everything but the hot path.
    """

    def __init__(self, parts: Sequence[Part], middleware: Sequence[Middleware] = ()) -> None:
        self._parts = parts
        self._hot = [(beginning, app) for part in parts for beginning, app in part.hot().items()]
        self._rest = Starlette(
            routes=[route for part in parts for route in part.routes()],
            middleware=list(middleware),
            exception_handlers=HANDLERS,
            lifespan=self._lifespan,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] == "http" and scope["method"] == "GET":
            for beginning, app in self._hot:
                if scope["path"].startswith(beginning):
                    await app(scope, receive, send)
                    return
        await self._rest(scope, receive, send)

    @asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            for part in self._parts:
                await part.start()
                stack.push_async_callback(part.stop)
            yield
