"""A Redis or Valkey that speaks TLS: the embedded one does not, so it is the machine's."""

from __future__ import annotations

import os
import shutil
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
import trustme

from jobs.embedded.redis_server import RedisServer, start_redis
from udfs.errors import SwerveError

VARIABLE = "SWERVE_TLS_REDIS"
MISSING = (
    "these tests want a redis-server or valkey-server that speaks TLS: `apt-get install redis-server` on Debian and Ubuntu, "
    f"`brew install redis` on a Mac, or name one: {VARIABLE}=/path/to/redis-server"
)


class TlsRedis(NamedTuple):
    """A running server, and the files of its authority and of one that it does not belong to."""

    server: RedisServer
    port: int
    ca: Path
    other_ca: Path

    def url(self, login: str = "", ca: Path | None = None, host: str = "127.0.0.1", more: str = "") -> str:
        """Its address by TLS; `login` is user:password."""
        return f"rediss://{login + '@' if login else ''}{host}:{self.port}/0?ssl_ca_certs={ca or self.ca}{more}"


@contextmanager
def tls_redis(folder: Path, password: str, options: Mapping[str, str] | None = None) -> Iterator[TlsRedis]:
    """Start one whose certificate is for 127.0.0.1."""
    # The wheel's server lies beside our Python, and speaks no TLS.
    places = [place for place in os.environ.get("PATH", "").split(os.pathsep) if not Path(place).is_relative_to(sys.prefix)]
    names = [os.environ.get(VARIABLE) or "redis-server", "valkey-server"]
    program = next(filter(None, (shutil.which(name, path=os.pathsep.join(places)) for name in names)), None)
    if program is None:
        pytest.fail(MISSING)
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    authority.cert_pem.write_to_path(folder / "ca.pem")
    trustme.CA().cert_pem.write_to_path(folder / "other.pem")
    certificate.private_key_and_cert_chain_pem.write_to_path(folder / "server.pem")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    lines = {
        "tls-port": str(port),
        "tls-cert-file": str(folder / "server.pem"),
        "tls-key-file": str(folder / "server.pem"),
        "tls-ca-cert-file": str(folder / "ca.pem"),
        "tls-auth-clients": "no",
        **(options or {}),
    }
    try:
        server = start_redis(folder, password=password, options=lines, program=program)
    except SwerveError as error:
        pytest.fail(f"{error}; {MISSING}")
    try:
        yield TlsRedis(server, port, folder / "ca.pem", folder / "other.pem")
    finally:
        server.stop()
