"""Errors as problem details (RFC 9457)."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

MEDIA_TYPE = "application/problem+json"


class Problem(HTTPException):
    """A request that cannot be served.

    Parameters
    ----------
    status
        HTTP status.
    detail
        What is wrong and what to do about it, in one line, without anything personal.
    headers
        Of the answer.
    **more
        Further members of the document.
    """

    def __init__(self, status: int, detail: str, headers: Mapping[str, str] | None = None, **more: Any) -> None:
        super().__init__(status, detail, headers)
        self.more = more


def document(status: int, detail: str, **more: Any) -> dict[str, Any]:
    """Give the problem document.

    Examples
    --------
    >>> document(404, "no such surface")
    {'type': 'about:blank', 'title': 'Not Found', 'status': 404, 'detail': 'no such surface'}
    """
    return {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail, **more}


def response(status: int, detail: str, headers: Mapping[str, str] | None = None, **more: Any) -> Response:
    """Answer with a problem document."""
    return Response(orjson.dumps(document(status, detail, **more)), status, headers, MEDIA_TYPE)


async def _expected(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return response(error.status_code, error.detail, error.headers, **getattr(error, "more", {}))


async def _unexpected(_: Request, __: Exception) -> Response:
    return response(500, "this is our mistake: the server's log says more")


HANDLERS = {HTTPException: _expected, Exception: _unexpected}
