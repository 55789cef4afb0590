"""The log before brokers that take, and acknowledge, what they like of what is sent: the order stays, and nothing acknowledged is lost."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.collector import KafkaLog, KafkaLogOptions, LogUnavailable, Spool
from serving.collector.spool_segment import Entry
from udfs.errors import SwerveError

USERS = 3


class Future:
    """What became of a record."""

    def __init__(self, acknowledged: bool) -> None:
        self.is_done, self._acknowledged = acknowledged, acknowledged
        self.exception = None

    def succeeded(self) -> bool:
        """Whether it was acknowledged."""
        return self._acknowledged

    def failed(self) -> bool:
        """It only never ends."""
        return False


Trouble = list[tuple[int, int]]
"""For each user, who has a partition of her own: how many records of an attempt are acknowledged, and how many more arrive."""


class Brokers:
    """A topic, and the trouble of each attempt; none: all is well. After the last it always is."""

    def __init__(self, troubles: Sequence[Trouble | None]) -> None:
        self.topic: list[Entry] = []
        self._troubles = list(troubles)
        self.away = False

    def connect(self) -> Any:
        """Connect, if they are there."""
        if self.away:
            raise SwerveError("Kafka does not answer")
        return Producer(self)

    def are_well(self) -> None:
        """End all trouble."""
        self._troubles.clear()

    def next(self) -> Trouble | None:
        """Give what happens to an attempt."""
        return self._troubles.pop(0) if self._troubles else None


class Producer:
    """One connection; it is of no use once something was not acknowledged."""

    def __init__(self, brokers: Brokers) -> None:
        self._brokers = brokers
        self._sent: Counter[bytes] = Counter()
        self._trouble = brokers.next()

    def send(self, topic: str, value: bytes, key: bytes, headers: None, partition: None, timestamp_ms: int | None) -> Any:
        """Take a record."""
        acknowledged, arrives = self._trouble[int(key[1:])] if self._trouble else (10**9, 0)
        self._sent[key] += 1
        if self._sent[key] <= acknowledged + arrives and not self._brokers.away:
            self._brokers.topic.append(Entry(key, value, timestamp_ms or 0))
        return Future(self._sent[key] <= acknowledged and not self._brokers.away)

    def flush(self, timeout: float | None = None) -> None:
        """Nothing is held back."""
        if self._trouble is None:
            self._trouble = self._brokers.next()
        self._sent.clear()

    def close(self, timeout: float | None = None) -> None:
        """Nothing to close."""


def event(user: int, number: int) -> dict[str, Any]:
    return {"event_id": str(number), "user_id": f"u{user}", "event_name": "other", "event_time": number}


def log_of(folder: Path, brokers: Brokers, room: int = 2**20) -> KafkaLog:
    return KafkaLog(KafkaLogOptions("t", b"\0\0\0\0\1", linger_ms=0), Spool(folder, room), brokers.connect)


trouble = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2)), min_size=USERS, max_size=USERS)
attempts = st.lists(st.one_of(trouble, trouble, st.none()), max_size=8)


@given(attempts, st.lists(st.lists(st.integers(0, USERS - 1), min_size=1, max_size=9), min_size=1, max_size=6), st.integers(0, 8))
def test_whatever_arrives_the_order_stays_and_nothing_is_lost(
    troubles: list[Trouble | None], requests: list[list[int]], restart_after: int
) -> None:
    brokers = Brokers(troubles)

    async def work(folder: Path) -> None:
        log = log_of(folder, brokers)
        await log.start()
        number = 0
        for place, users in enumerate(requests):
            if place == restart_after:
                await log.stop()
                log = log_of(folder, brokers)
                await log.start()
            await log.append([event(user, number + n) for n, user in enumerate(users)])
            number += len(users)
        await log.stop()
        brokers.are_well()
        log = log_of(folder, brokers)
        await log.start()
        while not log.is_direct:
            await asyncio.sleep(0.001)
        await log.stop()

    with TemporaryDirectory() as name:
        asyncio.run(work(Path(name)))
        flat = [user for users in requests for user in users]
        for user in range(USERS):
            arrived = list(dict.fromkeys(entry.timestamp for entry in brokers.topic if entry.key == b"u%d" % user))
            assert arrived == [number for number, of in enumerate(flat) if of == user]


def test_when_the_spool_is_full_senders_are_told_and_nothing_of_theirs_is_kept(tmp_path: Path) -> None:
    brokers = Brokers([])
    brokers.away = True

    async def work() -> int:
        log = log_of(tmp_path, brokers, room=4096)
        await log.start()
        kept = 0
        with suppress(LogUnavailable):
            while kept < 10_000:
                await log.append([event(0, kept + n) for n in range(10)])
                kept += 10
        with pytest.raises(LogUnavailable, match="full"):
            await log.append([event(0, kept + n) for n in range(10)])
        assert 0 < log.waiting_bytes <= 4096
        brokers.away = False
        while not log.is_direct:
            await asyncio.sleep(0.01)
        assert log.waiting_bytes == 0
        await log.append([event(0, kept)])
        await log.stop()
        return kept

    kept = asyncio.run(work())
    assert kept > 0
    assert [entry.timestamp for entry in brokers.topic] == list(range(kept + 1))


def test_what_waits_when_it_is_stopped_goes_out_with_the_next_start(tmp_path: Path) -> None:
    brokers = Brokers([])
    brokers.away = True

    async def work() -> None:
        log = log_of(tmp_path, brokers)
        await log.start()
        await log.append([event(0, 0), event(1, 1)])
        await log.stop()
        assert not brokers.topic
        brokers.away = False
        log = log_of(tmp_path, brokers)
        await log.start()
        await log.append([event(0, 2)])
        await log.stop()

    asyncio.run(work())
    assert [entry.timestamp for entry in brokers.topic] == [0, 1, 2]
