"""How many events may come in a while, by who sends them."""

from __future__ import annotations

import math
import secrets
import time
from collections.abc import Callable
from hashlib import blake2b


class Buckets:
    """A bucket of tokens for each sender: it fills at a rate, and who has emptied it waits.

    A batch is let in while there is a token left, and may overdraw: its sender then waits for so much longer. Senders are kept as hashes
    under a key that is never stored, and forgotten when their bucket is full again.

    Parameters
    ----------
    rate
        Tokens a second; 0: there is no limit.
    burst_seconds
        How many seconds of it fit in.
    clock
        Seconds that never go back.
    most
        Senders that are known at a time; those who came first are forgotten.
    """

    def __init__(self, rate: float, burst_seconds: float, clock: Callable[[], float] = time.monotonic, most: int = 100_000) -> None:
        self._rate, self._size, self._clock, self._most = rate, max(1.0, rate * burst_seconds), clock, most
        self._secret = secrets.token_bytes(16)
        #: When the bucket is full, by sender: all that there is to know.
        self._full_at: dict[bytes, float] = {}

    def wait_of(self, sender: str) -> int:
        """Give the whole seconds that a sender has to wait; 0: none."""
        if not self._rate:
            return 0
        missing = max(0.0, self._full_at.get(self._name(sender), 0.0) - self._clock()) * self._rate
        return math.ceil(max(0.0, missing + 1 - self._size) / self._rate)

    def take(self, sender: str, tokens: int) -> None:
        """Take tokens, also more than there are."""
        if not self._rate:
            return
        name, now = self._name(sender), self._clock()
        full_at = max(self._full_at.pop(name, now), now) + tokens / self._rate
        self._full_at[name] = full_at
        if len(self._full_at) > self._most:
            self._forget(now)

    def _forget(self, now: float) -> None:
        self._full_at = {name: at for name, at in self._full_at.items() if at > now}
        # A tenth more, so that it is not looked through for every newcomer.
        for name in list(self._full_at)[: max(0, len(self._full_at) - self._most * 9 // 10)]:
            del self._full_at[name]

    def _name(self, sender: str) -> bytes:
        return blake2b(sender.encode(), digest_size=8, key=self._secret).digest()
