"""Which pages may call the API: the browser's rules for other origins (CORS). The collector has rules of its own, for beacons."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

BELOW = ("/v1/recommendations/", "/v1/users/", "/api/")
EXPOSED = "ETag, X-Swerve-Source, Retry-After"
#: Chromium asks again after two hours at the latest.
REMEMBER_SECONDS = 7200
ALLOWED = {
    "Access-Control-Allow-Methods": "GET, POST",
    "Access-Control-Allow-Headers": "authorization, content-type, if-none-match",
    "Access-Control-Max-Age": str(REMEMBER_SECONDS),
}


class CrossOrigin:
    """Middleware around the API's routes.

    Parameters
    ----------
    app
        What answers.
    origins
        Whose pages may read the answers; ``*``: all.
    """

    def __init__(self, app: ASGIApp, origins: Sequence[str]) -> None:
        self._app = app
        self._origins = frozenset(origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] != "http" or not scope["path"].startswith(BELOW):
            await self._app(scope, receive, send)
            return
        origin = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"origin"), None)
        allowed = origin is not None and (origin in self._origins or "*" in self._origins)

        async def tell(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.add_vary_header("Origin")
                if allowed and origin is not None:
                    headers["Access-Control-Allow-Origin"] = origin
                    headers["Access-Control-Expose-Headers"] = EXPOSED
            await send(message)

        if scope["method"] == "OPTIONS" and origin is not None:
            headers = [(name.lower().encode(), value.encode()) for name, value in (ALLOWED if allowed else {}).items()]
            await tell({"type": "http.response.start", "status": 204, "headers": headers})
            await send({"type": "http.response.body", "body": b""})
        else:
            await self._app(scope, receive, tell)
