"""The log in Kafka, with a spool on disk for the time in which the brokers do not acknowledge.

group ─▶ brokers acknowledge ─▶ kept                                     (direct)
      └▶ not in time ─▶ spool, fsync ─▶ kept ─▶ drained in order ─▶ brokers     (until it is empty: then direct again)
"""

from __future__ import annotations

import asyncio
import logging
import math
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from serving.collector.commit import GroupCommit
from serving.collector.delivery import Delivery, Producer
from serving.collector.encoding import Encoder
from serving.collector.log import Event, LogUnavailable
from serving.collector.spool import Spool
from serving.collector.spool_segment import Entry
from udfs.errors import SwerveError

#: Taken out of the spool at a time; below the second, it is emptied while nothing else comes in.
CHUNK_BYTES, LAST_BYTES = 2**20, 2**17
PAUSES = (0.02, 0.2, 0.5, 1.0, 2.0)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class KafkaLogOptions:
    """How the log behaves.

    Attributes
    ----------
    topic
        Where events go.
    framing
        Stands in front of each value: Confluent's byte 0 and the schema's id.
    patience
        Seconds that the brokers have to acknowledge before events are spooled.
    drain_patience
        Seconds that they have for a piece of the spool.
    stop_seconds
        How long stopping may take to empty the spool; what is left stays on disk for the next start.
    linger_ms
        How long events wait for others, to be sent with them.
    full_retry_seconds
        What senders are told to wait while there is no room.
    """

    topic: str
    framing: bytes
    patience: float = 1.5
    drain_patience: float = 10.0
    stop_seconds: float = 5.0
    linger_ms: float = 2.0
    full_retry_seconds: int = 10


class KafkaLog:
    """Keeps events in a topic; the key is the user, the time that of the event.

    Parameters
    ----------
    options
        How it behaves.
    spool
        Where events wait; opened and closed with this.
    connect
        Connects a producer. It is called in a thread, and again when the brokers were away.
    """

    def __init__(self, options: KafkaLogOptions, spool: Spool, connect: Callable[[], Producer]) -> None:
        self._options, self._spool, self._connect = options, spool, connect
        self._encode = Encoder().datum
        self._commit: GroupCommit[list[Entry]] = GroupCommit("kafka-log", self._write, options.linger_ms)
        self._drainer = threading.Thread(target=self._drain, name="kafka-drain", daemon=True)
        #: Held while events go to the brokers directly, and while what goes where is changed.
        self._lock = threading.Lock()
        self._direct: Delivery | None = None
        self._spooled, self._stopping = threading.Event(), threading.Event()
        self._stop_at = math.inf
        self._since = time.monotonic()

    @property
    def waiting_bytes(self) -> int:
        """Bytes in the spool."""
        return self._spool.held

    @property
    def waiting_seconds(self) -> float:
        """Seconds since events began to go to the spool, or since the start."""
        return 0.0 if self.is_direct else time.monotonic() - self._since

    @property
    def is_direct(self) -> bool:
        """Whether the brokers acknowledge, and nothing waits in the spool."""
        return self._direct is not None

    async def start(self) -> None:
        """Open the spool; what it has is sent as soon as the brokers answer."""
        await asyncio.to_thread(self._spool.open)
        self._spooled.set()
        self._drainer.start()
        self._commit.start()

    async def append(self, events: Sequence[Event]) -> None:
        """See `EventLog.append`."""
        framing, encode = self._options.framing, self._encode
        await self._commit.put([Entry(event["user_id"].encode(), framing + encode(event), event["event_time"]) for event in events])

    async def stop(self) -> None:
        """Keep what is under way, and try for a while to empty the spool."""
        await self._commit.stop()
        self._stop_at = time.monotonic() + self._options.stop_seconds
        self._stopping.set()
        self._spooled.set()
        await asyncio.to_thread(self._drainer.join, self._options.stop_seconds)
        if self._direct is not None:
            await asyncio.to_thread(self._direct.close, self._options.patience)
        self._spool.close()

    def _write(self, parts: Sequence[list[Entry]]) -> Sequence[LogUnavailable | None]:
        with self._lock:
            if self._direct is not None:
                done = self._direct.deliver([entry for part in parts for entry in part], self._options.patience)
                if not self._direct.broken:
                    return [None] * len(parts)
                self._direct, self._since = None, time.monotonic()
                left = iter(done)
                parts = [[entry for entry in part if not next(left)] for part in parts]
            return self._keep(parts)

    def _keep(self, parts: Sequence[list[Entry]]) -> Sequence[LogUnavailable | None]:
        retry = self._options.full_retry_seconds
        self._spooled.set()
        try:
            kept = self._spool.append_all(parts)
        except OSError as error:
            log.error("the spool cannot be written: %s", error.strerror)
            return [LogUnavailable("the log is away, and its spool cannot be written", retry) if part else None for part in parts]
        return [None if fits else LogUnavailable("the log is away, and its spool is full", retry) for fits in kept]

    def _drain(self) -> None:
        """Empty the spool whenever there is something in it, then let events go directly again; ends when it is told to."""
        delivery: Delivery | None = None
        failures = 0
        while True:
            self._spooled.wait()
            self._spooled.clear()
            while self._direct is None:
                if delivery is None or delivery.broken:
                    delivery = self._connected()
                if delivery is not None and self._emptied(delivery):
                    failures = 0
                    break
                if self._stopping.is_set() and (delivery is None or time.monotonic() > self._stop_at):
                    return
                self._stopping.wait(PAUSES[min(failures, len(PAUSES) - 1)])
                failures += 1
            delivery = None
            if self._stopping.is_set():
                return

    def _connected(self) -> Delivery | None:
        try:
            return Delivery(self._connect(), self._options.topic)
        except Exception as error:  # noqa: BLE001 - whatever it is, the spool keeps what comes meanwhile
            why = str(error) if isinstance(error, SwerveError) else type(error).__name__
            log.warning("events are kept in the spool, which has %d bytes: %s", self._spool.held, why)
            return None

    def _emptied(self, delivery: Delivery) -> bool:
        try:
            return self._empty(delivery)
        except OSError as error:
            log.error("the spool cannot be read: %s", error.strerror)
            return False

    def _empty(self, delivery: Delivery) -> bool:
        """Empty the spool; tells whether it is, and events go directly from now on."""
        while self._spool.held > LAST_BYTES and self._move(delivery, self._options.drain_patience):
            pass
        # What came in meanwhile is sent before anything that comes later: nothing does until this is done.
        with self._lock:
            while not delivery.broken and self._move(delivery, self._options.patience):
                pass
            if not delivery.broken:
                self._spool.clear()
                self._direct = delivery
        return self.is_direct

    def _move(self, delivery: Delivery, seconds: float) -> bool:
        """Send a piece of the spool, and take out what was acknowledged up to the first that was not; tells whether to go on."""
        found = self._spool.peek(CHUNK_BYTES)
        if not found:
            return False
        done = delivery.deliver([entry for entry, _ in found], seconds)
        acknowledged = done.index(False) if False in done else len(done)
        if acknowledged:
            self._spool.advance(found[acknowledged - 1][1])
        return not delivery.broken
