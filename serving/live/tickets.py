"""Tickets for a stream that a browser opens without headers: short-lived, for one user, and good for nothing else."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time

SECONDS = 60


class Tickets:
    """Makes tickets and checks them.

    Parameters
    ----------
    secret
        What they are signed with; processes that share it take each other's.

    Examples
    --------
    >>> tickets = Tickets(b"secret")
    >>> tickets.good(tickets.make("ana"), "ana"), tickets.good(tickets.make("ana"), "eve")
    (True, False)
    """

    def __init__(self, secret: bytes) -> None:
        self._key = hashlib.sha256(b"ticket\0" + secret).digest()

    def make(self, user: str, now: float | None = None) -> str:
        """Make a ticket for a user."""
        until = int(time.time() if now is None else now) + SECONDS
        return f"{until}.{self._signature(user, until)}"

    def good(self, ticket: str, user: str, now: float | None = None) -> bool:
        """Tell whether a ticket is ours, for this user, and has not run out."""
        until, _, signature = ticket.partition(".")
        if not (until.isascii() and until.isdigit() and len(until) < 16):
            return False
        expected = self._signature(user, int(until))
        return hmac.compare_digest(signature.encode(), expected.encode()) and int(until) >= (time.time() if now is None else now)

    def _signature(self, user: str, until: int) -> str:
        digest = hmac.new(self._key, f"{until}\0{user}".encode(), hashlib.sha256).digest()
        return base64.urlsafe_b64encode(digest[:24]).decode()
