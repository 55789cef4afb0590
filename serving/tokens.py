"""User tokens: a shop's own back end signs one for a shopper (JWT, HS256), and her page shows it with what it asks for.

A token names her (``sub``) and ends (``exp``). Any JWT library can make one; `mint` is what `swerve token` and tests use.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import jwt

ALGORITHM = "HS256"
SECONDS = 900
LEEWAY_SECONDS = 5
LONGEST = 4096
REMEMBERED = 16_384
#: RFC 7518: a key has to be as long as the hash.
SHORTEST_SECRET = 32

_REASONS: tuple[tuple[type[Exception], str], ...] = (
    (jwt.ExpiredSignatureError, "it has expired"),
    (jwt.ImmatureSignatureError, "it is not valid yet"),
    (jwt.MissingRequiredClaimError, "it should have sub and exp"),
    (jwt.InvalidAudienceError, "it is for another audience"),
    (jwt.InvalidIssuerError, "it is of another issuer"),
    (jwt.InvalidAlgorithmError, "it should be signed with HS256"),
    (jwt.InvalidSignatureError, "its signature is not that of a key which is accepted here"),
)


class BadToken(Exception):
    """A token that is not to be trusted; the argument says why, without anything of its content."""


@dataclass(frozen=True)
class TokenRules:
    """What is asked of a token.

    Attributes
    ----------
    secrets
        Any of these may have signed it: the present one, and those of before while they are being replaced.
    audience, issuer
        What its ``aud`` and ``iss`` have to be; none: nothing is asked.
    """

    secrets: tuple[str, ...] = field(repr=False)
    audience: str | None = None
    issuer: str | None = None


def mint(secret: str, user: str, seconds: int = SECONDS, audience: str | None = None, issuer: str | None = None) -> str:
    """Sign a token.

    Parameters
    ----------
    secret
        The shared secret.
    user
        Whose recommendations it opens.
    seconds
        How long.
    audience, issuer
        Its ``aud`` and ``iss``, where they are asked for.
    """
    now = int(time.time())
    claims = {"sub": user, "iat": now, "exp": now + seconds, "aud": audience, "iss": issuer}
    return jwt.encode({name: value for name, value in claims.items() if value is not None}, secret, ALGORITHM)


class Verifier:
    """Verifies tokens, and remembers those that were good until they end.

    Parameters
    ----------
    rules
        What is asked.
    clock
        Seconds since 1970.
    """

    def __init__(self, rules: TokenRules, clock: Callable[[], float] = time.time) -> None:
        self._rules, self._clock = rules, clock
        self._good: dict[bytes, tuple[str, float]] = {}
        self.hits = self.misses = 0

    def user(self, token: bytes) -> str:
        """Tell whose token it is.

        Raises
        ------
        BadToken
            If it is not good.
        """
        known = self._good.get(token)
        if known is not None:
            user, end = known
            if self._clock() < end:
                self.hits += 1
                return user
            del self._good[token]
        self.misses += 1
        user, end = self._verify(token)
        if len(self._good) >= REMEMBERED:
            del self._good[next(iter(self._good))]
        self._good[token] = user, end
        return user

    def _verify(self, token: bytes) -> tuple[str, float]:
        if len(token) > LONGEST:
            raise BadToken("it is too long")
        claims = self._claims(token)
        user, end = claims["sub"], claims["exp"]
        if not user or not isinstance(end, (int, float)):
            raise BadToken("it should have sub and exp")
        # Asked this way round, so that what is no number has ended.
        if not self._clock() < end + LEEWAY_SECONDS:
            raise BadToken("it has expired")
        return user, end + LEEWAY_SECONDS

    def _claims(self, token: bytes) -> dict[str, Any]:
        rules = self._rules
        options: Any = {"require": ["sub", "exp"], "verify_aud": rules.audience is not None, "verify_exp": False}
        why = "nothing is accepted here"
        for secret in rules.secrets:
            try:
                return jwt.decode(token, secret, [ALGORITHM], options, audience=rules.audience, issuer=rules.issuer, leeway=LEEWAY_SECONDS)
            except jwt.InvalidTokenError as error:
                why = next((reason for kind, reason in _REASONS if isinstance(error, kind)), "it is no JWT of ours")
                if not isinstance(error, jwt.InvalidSignatureError):
                    break
            except (ValueError, TypeError, OverflowError):
                # What no claim should hold, such as an exp of 1e400: nothing that the library foresees.
                raise BadToken("it is no JWT of ours") from None
        raise BadToken(why)
