"""The Redis of the development servers: like the embedded one, but it keeps what it holds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import psutil
import redis

from jobs.dev.processes import LOOPBACK, Daemon
from jobs.embedded.redis_server import start_redis


class RedisDaemon(Daemon):
    """A Redis that survives the command that started it, and whose data survive a restart.

    Parameters
    ----------
    folder : Path
        For its data and its log.
    port : int
        Where it listens.
    options : mapping, optional
        Further lines of its configuration; they win.
    """

    def __init__(self, folder: Path, port: int, options: Mapping[str, str] | None = None) -> None:
        self.port = port
        self._options = {"appendonly": "yes", **(options or {})}
        super().__init__("Redis", ["redis-server"], folder / "redis.log", self._pongs)

    @property
    def url(self) -> str:
        """Its address."""
        return f"redis://{LOOPBACK}:{self.port}/0"

    def spawn(self) -> None:
        """Start it; it answers at once."""
        child = start_redis(self.folder, self.port, options=self._options).process
        self.process = psutil.Process(child.pid)
        child.returncode = 0  # as in `Daemon.spawn`

    def _pongs(self) -> bool:
        try:
            with redis.Redis.from_url(self.url, socket_timeout=2) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False
