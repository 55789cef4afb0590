"""The live view as a part of the application: tickets, the stream, and the files that a page needs to show it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_bytes

from redis import RedisError
from redis.asyncio import Redis
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from models.bundle import Bundle
from serving.hub import Hub
from serving.live.tickets import SECONDS, Tickets
from serving.live.watch import Watchers
from serving.look.assets import Assets
from serving.problems import Problem
from serving.redis_client import make_client
from udfs.keys import profile_key, recommendations_key

FOLDER = Path(__file__).parent
STREAM_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no", "X-Content-Type-Options": "nosniff"}


class EventStream(StreamingResponse):
    """A stream of server-sent events, and what to do when it is over, however it ends."""

    def __init__(self, content: AsyncIterator[bytes], over: Callable[[], None]) -> None:
        super().__init__(content, headers=STREAM_HEADERS, media_type="text/event-stream")
        self._over = over

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._over()


@dataclass(frozen=True)
class LiveOptions:
    """What the live view is made of.

    Attributes
    ----------
    redis_url, password, prefix, surface
        Where the job writes.
    bundle
        Gives the bundle that serves.
    authorise
        Raises a `Problem` where a request may not see a user.
    secret
        What tickets are signed with; none: a new one with every start.
    most, most_of_one
        Streams at a time, and those of one shopper.
    """

    redis_url: str = field(repr=False)
    bundle: Callable[[], Bundle]
    authorise: Callable[[Request, str], None]
    password: str | None = field(default=None, repr=False)
    prefix: str = ""
    surface: str = "home"
    secret: bytes = field(default_factory=lambda: token_bytes(32), repr=False)
    most: int = 64
    most_of_one: int = 4


class Live:
    """The live view.

    Parameters
    ----------
    options
        What it is made of.
    hub
        Tells of accepted events.
    """

    def __init__(self, options: LiveOptions, hub: Hub) -> None:
        self._options = options
        self._tickets = Tickets(options.secret)
        self._assets = Assets("/live/static", FOLDER / "static")
        self._redis: Redis | None = None
        self.watchers = Watchers(hub, self._read, options.bundle, options.most, options.most_of_one)

    def routes(self) -> Sequence[BaseRoute]:
        """The stream, its tickets, and the files."""
        return [
            Route("/v1/users/{user}/live/ticket", self._ticket, methods=["POST"]),
            Route("/v1/users/{user}/live", self._stream),
            *self._assets.routes(),
        ]

    def hot(self) -> Mapping[str, ASGIApp]:
        """Nothing."""
        return {}

    async def start(self) -> None:
        """Connect, when it is first needed."""
        options = self._options
        self._redis = make_client(options.redis_url, options.password)

    def close(self) -> None:
        """End the streams."""
        self.watchers.close()

    async def stop(self) -> None:
        """End the streams, and disconnect."""
        await self.watchers.finish()
        if self._redis is not None:
            await self._redis.aclose()

    async def _ticket(self, request: Request) -> Response:
        user = request.path_params["user"]
        self._options.authorise(request, user)
        return JSONResponse({"ticket": self._tickets.make(user), "expires_in": SECONDS}, headers={"Cache-Control": "no-store"})

    async def _stream(self, request: Request) -> Response:
        user = request.path_params["user"]
        ticket = request.query_params.get("ticket")
        if ticket is None:
            self._options.authorise(request, user)
        elif not self._tickets.good(ticket, user):
            raise Problem(401, "this ticket has run out, or is none: POST …/live/ticket gives one")
        return EventStream(*self.watchers.enter(user))

    async def _read(self, user: str) -> tuple[bytes | None, bytes | None]:
        assert self._redis is not None
        options = self._options
        keys = [recommendations_key(user, options.surface, options.prefix), profile_key(user, options.prefix)]
        try:
            value, profile = await self._redis.mget(keys)
        except RedisError as error:
            raise OSError(type(error).__name__) from None
        return value, profile
