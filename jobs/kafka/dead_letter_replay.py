"""Dead letters sent back to where they came from, each with a count of how often that was tried."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from jobs.kafka.client import admin, explained, producer
from jobs.kafka.dead_letters import Letter
from jobs.kafka.topics import describe
from jobs.settings import Settings
from udfs.dead_letters import ATTEMPTS, is_error_header
from udfs.errors import SwerveError

LARGEST = 16 * 2**20
FLUSH_SECONDS = 60
TRIED, NO_ORIGIN, NO_CONTENT, NO_PARTITION = (
    "tried too often",
    "does not say where it came from",
    "neither key nor value",
    "no such partition",
)


@dataclass
class Replayed:
    """What was sent back, by topic, and what was not, by why."""

    letters: int = 0
    topics: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)


class Replay:
    """Sends letters back: key, value, timestamp and own headers as they were, to the same partition of the same topic.

    The letters stay where they are. To send one twice does no harm: an event is known by its id. One that fails again becomes a new letter,
    with its count of attempts. (A header without a value comes back with an empty one: the client knows no other.)

    Parameters
    ----------
    settings
        Brokers.
    max_attempts
        A letter that was sent back so often is left alone.
    dry
        Only say what would be done.
    """

    def __init__(self, settings: Settings, max_attempts: int, *, dry: bool) -> None:
        self._settings, self._max, self._dry = settings, max_attempts, dry
        self._partitions: dict[str, list[int]] = {}

    def run(self, letters: Iterable[Letter]) -> Replayed:
        """Send letters back; returns when all are acknowledged.

        Raises
        ------
        SwerveError
            If a topic is gone, or a broker does not take a letter.
        """
        done = Replayed()
        failures: list[BaseException] = []
        sender = None if self._dry else producer(self._settings, max_request_size=LARGEST, linger_ms=20)
        try:
            for letter in letters:
                target = self._target(letter)
                if isinstance(target, str):
                    done.skipped[target] += 1
                    continue
                topic, partition = target
                if sender is not None:
                    with explained(self._settings, topic):
                        self._send(sender, letter, topic, partition).add_errback(failures.append)
                done.letters += 1
                done.topics[topic] += 1
                done.reasons[letter.reason] += 1
            if sender is not None:
                with explained(self._settings):
                    sender.flush(FLUSH_SECONDS)
                    if failures:
                        raise failures[0]
        finally:
            if sender is not None:
                sender.close(timeout=5)
        return done

    def _send(self, sender: Any, letter: Letter, topic: str, partition: int) -> Any:
        return sender.send(topic, letter.value, letter.key, own_headers(letter), partition, max(0, letter.timestamp))

    def _target(self, letter: Letter) -> tuple[str, int] | str:
        """Where a letter goes, or why it does not."""
        if letter.attempts >= self._max:
            return TRIED
        if letter.origin is None:
            return NO_ORIGIN
        if letter.key is None and letter.value is None:
            return NO_CONTENT
        topic, partition, _ = letter.origin
        if topic == self._settings.topics.dead_letters:
            return NO_ORIGIN
        if topic not in self._partitions:
            self._partitions[topic] = self._look_up(topic)
        return (topic, partition) if partition in self._partitions[topic] else NO_PARTITION

    def _look_up(self, topic: str) -> list[int]:
        client = admin(self._settings)
        try:
            return describe(client, self._settings, topic).partitions
        except SwerveError as error:
            raise SwerveError(f"letters came from a topic that is not there now: {error.message}", error.hint) from None
        finally:
            client.close()


def own_headers(letter: Letter) -> list[tuple[str, bytes]]:
    """Give a letter's own headers, with one attempt more."""
    kept = [(name, content or b"") for name, content in letter.headers if not is_error_header(name) and name != ATTEMPTS]
    return [*kept, (ATTEMPTS, str(letter.attempts + 1).encode())]
