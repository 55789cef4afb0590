"""The operator's key: what closes the operator's routes, and opens everybody's explanation."""

from __future__ import annotations

import hmac

from starlette.requests import Request

from serving.problems import Problem

BEARER = "bearer "
CLOSED = {"Cache-Control": "no-store"}


def bearer_of(authorization: str | None) -> str | None:
    """Give the credentials of an ``Authorization`` header; none where it is of another kind, or there is none.

    Examples
    --------
    >>> bearer_of("Bearer abc"), bearer_of("Basic abc"), bearer_of(None)
    ('abc', None, None)
    """
    if authorization is None or authorization[: len(BEARER)].lower() != BEARER:
        return None
    return authorization[len(BEARER) :].strip()


class Admin:
    """Lets in who has the key.

    Parameters
    ----------
    key
        The key; none: nobody is let in.
    """

    def __init__(self, key: str | None) -> None:
        self._key = key.encode() if key else None

    def holds(self, request: Request) -> bool:
        """Tell whether a request shows the key."""
        shown = bearer_of(request.headers.get("authorization"))
        return self._key is not None and shown is not None and hmac.compare_digest(shown.encode("latin-1"), self._key)

    def require_admin(self, request: Request) -> None:
        """Let a request pass.

        Raises
        ------
        Problem
            404 where there is no key: the route is closed; 401 where the request shows none, or another one.
        """
        if self._key is None:
            raise Problem(404, "the operator's routes are closed: serving.admin_key opens them", CLOSED)
        if not self.holds(request):
            raise Problem(401, "the operator's routes ask for the admin key", {**CLOSED, "WWW-Authenticate": 'Bearer realm="operator"'})
