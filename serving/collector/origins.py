"""Which pages may send: the browser's rules for other origins (CORS), and the same rules here, as a beacon passes the browser's."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response

from serving.problems import Problem

ALLOWED_HEADERS, EXPOSED = "content-type, content-encoding, x-write-key", "Retry-After"
#: Chromium asks again after two hours at the latest.
REMEMBER_SECONDS = 7200


class Origins:
    """Origins that may send events.

    Parameters
    ----------
    allowed
        As browsers write them: ``https://shop.example``; ``*``: all.
    """

    def __init__(self, allowed: Sequence[str]) -> None:
        self._allowed = frozenset(origin.rstrip("/").lower() for origin in allowed)

    def headers(self, headers: Headers) -> dict[str, str]:
        """Give the headers of an answer; a request without an origin is no page's, and needs none.

        Raises
        ------
        Problem
            403, if a page may not send: of another host, and not allowed.
        """
        origin = headers.get("origin")
        if origin is None:
            return {}
        if not self._allows(origin, headers):
            raise Problem(403, "pages of this origin may not send here: it has to be in serving.allow_origins", {"Vary": "Origin"})
        # Credentials are not allowed: none are looked at here, and a beacon of text, which comes with them, asks no browser's permission.
        return {"Access-Control-Allow-Origin": origin, "Access-Control-Expose-Headers": EXPOSED, "Vary": "Origin"}

    async def preflight(self, request: Request) -> Response:
        """Answer what a browser asks before it sends."""
        allowed = {
            "Access-Control-Allow-Methods": "POST",
            "Access-Control-Allow-Headers": ALLOWED_HEADERS,
            "Access-Control-Max-Age": str(REMEMBER_SECONDS),
        }
        return Response(status_code=204, headers={**self.headers(request.headers), **allowed})

    def _allows(self, origin: str, headers: Headers) -> bool:
        own = urlsplit(origin).netloc.lower()
        return bool(own and own == headers.get("host", "").lower()) or origin.lower() in self._allowed or "*" in self._allowed
