"""A load generator as a process of its own: some connections that are kept, each with one request under way, every answer looked at.

It is told what to send by a pickled `Load` on stdin, and prints a pickled `Heard`.
"""

from __future__ import annotations

import asyncio
import pickle
import random
import sys
import time
from array import array
from collections.abc import Sequence
from typing import NamedTuple

import uvloop

_END = b"\r\n\r\n"
_LENGTH = b"content-length: "


class Exchange(NamedTuple):
    """A request, and what its answer has to be.

    Attributes
    ----------
    request
        All of its bytes.
    status
        Of the answer.
    body
        Of the answer; none: it has to hold `part`.
    part
        What its body has to hold.
    """

    request: bytes
    status: int
    body: bytes | None
    part: bytes = b""


class Load(NamedTuple):
    """What to send.

    Attributes
    ----------
    port
        Of the server, on loopback.
    connections
        How many at a time.
    seconds
        How long.
    exchanges
        Drawn from at random.
    """

    port: int
    connections: int
    seconds: float
    exchanges: Sequence[Exchange]


class Heard(NamedTuple):
    """What came of it.

    Attributes
    ----------
    seconds
        From the first request to the last answer.
    took
        Of each answer, in seconds.
    errors
        Answers that were not what they had to be, and connections that were lost.
    """

    seconds: float
    took: array[float]
    errors: int


class Client(asyncio.Protocol):
    """One connection: the next request leaves when the answer to the last one is whole."""

    def __init__(self, load: Load, heard: Heard, end: float, done: asyncio.Future[None], seed: int) -> None:
        self._exchanges, self._heard, self._end, self._done = load.exchanges, heard, end, done
        self._random = random.Random(seed)
        self._data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]
        self._send()

    def data_received(self, data: bytes) -> None:
        """Look at an answer once it is whole."""
        self._data = data = self._data + data if self._data else data
        head = data.find(_END)
        if head < 0:
            return
        at = data.find(_LENGTH, 0, head)
        body_at = head + len(_END)
        length = int(data[at + len(_LENGTH) : data.index(b"\r\n", at)]) if at > 0 else 0
        if len(data) < body_at + length:
            return
        now, wanted = time.perf_counter(), self._exchange
        body = data[body_at:]
        right = int(data[9:12]) == wanted.status and (body == wanted.body if wanted.body is not None else wanted.part in body)
        if right:
            self._heard.took.append(now - self._sent)
        else:
            self._wrong()
        self._data = b""
        if now < self._end:
            self._send()
        else:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        if time.perf_counter() < self._end:
            self._wrong()
        if not self._done.done():
            self._done.set_result(None)

    def _send(self) -> None:
        self._exchange = self._exchanges[int(self._random.random() * len(self._exchanges))]
        self._sent = time.perf_counter()
        self._transport.write(self._exchange.request)

    def _wrong(self) -> None:
        self._heard.took.append(-1.0)


async def drive(load: Load) -> Heard:
    """Send a load."""
    loop = asyncio.get_running_loop()
    heard = Heard(0.0, array("d"), 0)
    began = time.perf_counter()
    ends: list[asyncio.Future[None]] = [loop.create_future() for _ in range(load.connections)]
    for seed, done in enumerate(ends):
        client = Client(load, heard, began + load.seconds, done, seed)
        await loop.create_connection(lambda client=client: client, "127.0.0.1", load.port)  # type: ignore[misc]
    await asyncio.gather(*ends)
    took = array("d", (one for one in heard.took if one >= 0))
    return Heard(time.perf_counter() - began, took, len(heard.took) - len(took))


def main() -> None:
    """Do what stdin says."""
    uvloop.install()
    sys.stdout.buffer.write(pickle.dumps(asyncio.run(drive(pickle.load(sys.stdin.buffer)))))
