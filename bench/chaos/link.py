"""A way to a server of loopback that can be cut and made slow."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

from jobs.dev.processes import LOOPBACK, free_port

CHUNK = 1 << 16


class Link:
    """Passes on what clients and the server say to each other.

    Parameters
    ----------
    target : int
        The server's port.

    Attributes
    ----------
    port : int
        Where clients connect.
    delay : float
        Seconds that every answer takes longer.
    """

    def __init__(self, target: int) -> None:
        self.port, self.delay = free_port(), 0.0
        self._target = target
        self._listening: asyncio.Server | None = None
        self._passing: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="link", daemon=True)
        self._thread.start()

    def open(self) -> None:
        """Take connections."""
        self._do(self._open())

    def cut(self) -> None:
        """Close all connections and refuse new ones, as a dead server does."""
        self._do(self._cut())

    def close(self) -> None:
        """Cut it for good."""
        self.cut()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _do(self, what: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(what, self._loop).result()

    async def _open(self) -> None:
        if self._listening is None:
            self._listening = await asyncio.start_server(self._connected, LOOPBACK, self.port)

    async def _cut(self) -> None:
        if self._listening is not None:
            self._listening.close()
            self._listening = None
        passing = list(self._passing)
        for task in passing:
            task.cancel()
        await asyncio.gather(*passing, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._passing.add(task)
        try:
            with suppress(OSError):
                there, back = await asyncio.open_connection(LOOPBACK, self._target)
                try:
                    await self._both(reader, writer, there, back)
                finally:
                    back.transport.abort()
        except asyncio.CancelledError:
            pass  # cut: to the server of asyncio's streams that is no error
        finally:
            writer.transport.abort()
            self._passing.discard(task)

    async def _both(
        self, client: asyncio.StreamReader, answer: asyncio.StreamWriter, server: asyncio.StreamReader, ask: asyncio.StreamWriter
    ) -> None:
        ways = [asyncio.ensure_future(_pass(client, ask)), asyncio.ensure_future(self._slowly(server, answer))]
        try:
            # Who hangs up on one side has hung up on both.
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)

    async def _slowly(self, server: asyncio.StreamReader, answer: asyncio.StreamWriter) -> None:
        while data := await server.read(CHUNK):
            if self.delay:
                await asyncio.sleep(self.delay)
            answer.write(data)
            await answer.drain()


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(CHUNK):
        writer.write(data)
        await writer.drain()
