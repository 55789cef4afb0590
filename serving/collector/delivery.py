"""Records to the brokers, and which of them they have acknowledged."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Protocol

from serving.collector.spool_segment import Entry

#: What giving up what is under way may take.
CLOSING_SECONDS = 2.0

log = logging.getLogger(__name__)


class Producer(Protocol):
    """What is used of kafka-python's: an idempotent one that waits for all replicas, and that gives up nothing by itself for a minute."""

    def send(
        self, topic: str, value: bytes, key: bytes, headers: None = None, partition: None = None, timestamp_ms: int | None = None
    ) -> Any:
        """Take a record; gives a future."""

    def flush(self, timeout: float | None = None) -> None:
        """Wait for what was taken."""

    def close(self, timeout: float | None = None) -> None:
        """Close it."""


class Delivery:
    """A connection to the brokers, until they do not acknowledge in time.

    Then all that is under way is given up at once. What the brokers got of it is the beginning of it, in each partition: sent again from
    the first record that was not acknowledged, every user's events stand in the topic in their order, some of them twice.

    Parameters
    ----------
    producer
        Connected.
    topic
        Where to.
    """

    def __init__(self, producer: Producer, topic: str) -> None:
        self._producer, self._topic = producer, topic
        self._broken = False

    @property
    def broken(self) -> bool:
        """Whether something was not acknowledged in time; nothing more can be sent then."""
        return self._broken

    def deliver(self, entries: Sequence[Entry], seconds: float) -> list[bool]:
        """Send records and wait; gives for each whether it was acknowledged. If one was not, this is `broken`."""
        until = time.monotonic() + seconds
        futures: list[Any] = []
        error: BaseException | None = None
        try:
            for key, value, timestamp in entries:
                futures.append(self._producer.send(self._topic, value, key, None, None, timestamp))
            self._producer.flush(max(0.0, until - time.monotonic()))
        except Exception as raised:  # noqa: BLE001 - whatever it is, it was not acknowledged
            error = raised
        done = [bool(future.is_done and future.succeeded()) for future in futures]
        done += [False] * (len(entries) - len(done))
        if not all(done):
            error = next((future.exception for future in futures if future.is_done and future.failed()), error)
            log.warning("Kafka did not acknowledge %d of %d events: %s", done.count(False), len(done), type(error).__name__)
            self._give_up()
        return done

    def close(self, seconds: float) -> None:
        """Close the connection."""
        with suppress(Exception):
            self._producer.close(timeout=seconds)

    def _give_up(self) -> None:
        self._broken = True
        # Closing waits for what is under way, and there is no other way to say that nobody wants it any more.
        sender = getattr(self._producer, "_sender", None)
        if sender is not None:
            sender.force_close()
        self.close(CLOSING_SECONDS)
