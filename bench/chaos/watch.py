"""Watches Redis: when it takes versions that are newer than any before."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from itertools import pairwise

import redis

from jobs.dev.processes import LOOPBACK
from udfs.keys import VERSION_BYTES, profile_key

EVERY_SECONDS = 0.2
SAMPLE = 400
#: So long without anything new is a silence: checkpoints and a busy machine make shorter ones.
SILENCE_SECONDS = 3.0


class Watch:
    """A thread that asks for the versions of some users.

    Parameters
    ----------
    port : int
        Of Redis itself, not of the job's way to it.
    users : sequence of str
        Who comes to the shop; the first of them are watched.
    """

    def __init__(self, port: int, users: Sequence[str]) -> None:
        self._keys = [profile_key(user) for user in users[:SAMPLE]]
        self._client = redis.Redis(LOOPBACK, port, socket_timeout=5, socket_connect_timeout=1)
        self._newest = [b""] * len(self._keys)
        self._progress: list[float] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._ended.set()
        self._thread.join()
        self._client.close()

    def last(self) -> float:
        """Give the time of the last news, on the clock of `time.monotonic`; 0: none yet."""
        return self._progress[-1] if self._progress else 0.0

    def back_at(self, healed: float) -> float | None:
        """Give when news began to come steadily after something was healed: the end of the last silence, else the first news.

        Returns
        -------
        float or None
            On the clock of `time.monotonic`; None: not yet.
        """
        after = [moment for moment in list(self._progress) if moment >= healed]
        if not after or time.monotonic() - after[-1] > SILENCE_SECONDS:
            return None
        ends = [later for earlier, later in pairwise(after) if later - earlier > SILENCE_SECONDS]
        return ends[-1] if ends else after[0]

    def longest_silence(self, until: float) -> float:
        """Give the longest time in seconds without news, from the first on."""
        moments = [*self._progress, until]
        return max((later - earlier for earlier, later in pairwise(moments)), default=0.0)

    def _run(self) -> None:
        while not self._ended.wait(EVERY_SECONDS):
            with suppress(redis.RedisError, OSError):
                self._look()

    def _look(self) -> None:
        with self._client.pipeline(transaction=False) as pipeline:
            for key in self._keys:
                pipeline.getrange(key, 0, VERSION_BYTES - 1)
            versions = pipeline.execute()
        # Big-endian: as bytes they are in order. What was newest once stays so where Redis has forgotten it.
        newer = [i for i, version in enumerate(versions) if version > self._newest[i]]
        for i in newer:
            self._newest[i] = versions[i]
        if newer:
            self._progress.append(time.monotonic())
