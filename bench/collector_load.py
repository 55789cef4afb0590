"""Pages that send events, as a process of its own: some connections that are kept, each with one batch under way, every answer looked at.

It reads a JSON object of `Load` on stdin, and prints one of what came of it.
"""

from __future__ import annotations

import asyncio
import re
import sys
import time
from array import array
from typing import Any, NamedTuple, cast

import orjson
import uvloop

LOOPBACK = "127.0.0.1"
_END, _ACCEPTED, _LENGTH = b"\r\n\r\n", b"HTTP/1.1 202", re.compile(rb"(?i)\ncontent-length: (\d+)")
#: How long the last answers may take.
PATIENCE = 30.0
#: Stands in each event id where its batch's number goes.
_NUMBER = b"#########"


class Load(NamedTuple):
    """What to send.

    Attributes
    ----------
    port
        Of the collector, on loopback.
    batch
        Events in a batch.
    connections
        How many at a time.
    seconds
        How long, the warm-up not included.
    warm_up
        How long before that.
    """

    port: int
    batch: int
    connections: int
    seconds: float
    warm_up: float


def template(batch: int, now_ms: int) -> bytes:
    """Give a batch such as a shop's pages send: whole events, of which the ids are still to be numbered."""
    names = ("view_item_list", "view_item", "page_view", "view_item", "add_to_cart")
    events = [
        {
            "event_id": f"00000000-0000-4000-{n:04d}-{_NUMBER.decode()}",
            "event_name": names[n % len(names)],
            "event_time": now_ms - 20_000 + n,
            "item_id": f"item-{n * 37 % 1000}",
            "item_name": "Wireless headphones with a case",
            "item_category": "Electronics",
            "item_category2": "Headphones",
            "price": 79.9,
            "currency": "EUR",
            "recommendation_id": "5f1d7a8e6c3b",
            "recommendation_position": n,
        }
        for n in range(batch)
    ]
    consent = {"analytics_storage": "granted", "personalization_storage": "granted"}
    front = {"user_id": f"shopper-{_NUMBER.decode()}", "session_id": "4f1c9a", "sent_at": now_ms, "consent": consent}
    return orjson.dumps({**front, "events": events})


class Page(asyncio.Protocol):
    """One connection: the next batch leaves when the answer to the last one is there."""

    def __init__(self, load: Load, heard: Heard) -> None:
        self._heard, self._answer = heard, b""
        body = template(load.batch, int(time.time() * 1000))
        head = (
            f"POST /v1/events HTTP/1.1\r\nHost: {LOOPBACK}:{load.port}\r\nContent-Type: text/plain;charset=UTF-8\r\n"
            f"Origin: http://{LOOPBACK}:{load.port}\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        self._request = head.encode() + body
        self._whole = b'"accepted":%d,' % load.batch

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)
        self._send()

    def data_received(self, data: bytes) -> None:
        """Look at an answer; its head and its body may come one after the other."""
        self._answer += data
        head, end, body = self._answer.partition(_END)
        if not end or len(body) < int(_LENGTH.search(head)[1]):  # type: ignore[index]
            return
        now, self._answer = time.perf_counter(), b""
        if not head.startswith(_ACCEPTED) or self._whole not in body:
            self._heard.errors += 1
        elif self._sent >= self._heard.begin:
            self._heard.took.append(now - self._sent)
        if now < self._heard.end:
            self._send()
        else:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        if time.perf_counter() < self._heard.end:
            self._heard.errors += 1
        self._heard.left -= 1
        if not self._heard.left:
            self._heard.done.set()

    def _send(self) -> None:
        self._heard.number += 1
        self._sent = time.perf_counter()
        self._transport.write(self._request.replace(_NUMBER, b"%09d" % self._heard.number))


class Heard:
    """What came of a load."""

    def __init__(self, load: Load) -> None:
        self.begin = time.perf_counter() + load.warm_up
        self.end = self.begin + load.seconds
        self.left, self.number, self.errors = load.connections, 0, 0
        self.took = array("d")
        self.done = asyncio.Event()


async def drive(load: Load) -> dict[str, Any]:
    """Send a load; gives the seconds that each batch took, and how many failed."""
    heard = Heard(load)
    for _ in range(load.connections):
        await asyncio.get_running_loop().create_connection(lambda: Page(load, heard), LOOPBACK, load.port)
    await asyncio.wait_for(heard.done.wait(), load.warm_up + load.seconds + PATIENCE)
    return {"took": heard.took.tolist(), "errors": heard.errors, "seconds": load.seconds}


if __name__ == "__main__":
    sys.stdout.buffer.write(orjson.dumps(uvloop.run(drive(Load(**orjson.loads(sys.stdin.buffer.read()))))))
