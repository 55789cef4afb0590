"""Who may see what is known of a shopper: who shows her token."""

from __future__ import annotations

from starlette.requests import Request

from serving.api.admin import Admin
from serving.problems import Problem
from serving.tokens import BadToken, Verifier

NOBODY = "-"
"""The user id of those who are not followed: what everybody gets, without a token."""
BEARER = b"bearer "


class Access:
    """Judges requests for what is known of a shopper.

    Parameters
    ----------
    tokens
        Verifies tokens; none: everybody may see everything.
    admin
        The operator, who may see more.
    """

    def __init__(self, tokens: Verifier | None, admin: Admin) -> None:
        self.tokens, self.admin = tokens, admin

    def check(self, user: str, authorization: bytes | None) -> None:
        """Judge by the ``Authorization`` header.

        Raises
        ------
        Problem
            401 without a good token, 403 with that of somebody else.
        """
        if self.tokens is None or user == NOBODY:
            return
        if authorization is None or authorization[: len(BEARER)].lower() != BEARER:
            raise Problem(401, "a shopper's recommendations are given only to her: Authorization: Bearer <token>", _challenge("Bearer"))
        try:
            shown = self.tokens.user(authorization[len(BEARER) :].strip())
        except BadToken as error:
            challenge = _challenge(f'Bearer error="invalid_token", error_description="{error}"')
            raise Problem(401, f"the token is refused: {error}", challenge) from None
        if shown != user:
            raise Problem(403, "the token is another shopper's", {"Cache-Control": "no-store"})

    def authorise(self, request: Request, user: str) -> None:
        """Judge a request for what is known of a shopper; raises as `check` does."""
        authorization = request.headers.get("authorization")
        self.check(user, None if authorization is None else authorization.encode("latin-1"))

    def authorise_or_admin(self, request: Request, user: str) -> None:
        """The same, and who has the admin key may see everybody."""
        if not self.admin.holds(request):
            self.authorise(request, user)


def _challenge(value: str) -> dict[str, str]:
    return {"WWW-Authenticate": value, "Cache-Control": "no-store"}
