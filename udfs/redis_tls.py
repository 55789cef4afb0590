"""What goes wrong with TLS and does not look like it: files that are not there, and a port of the other kind."""

from __future__ import annotations

import socket
import ssl
from urllib.parse import urlsplit

import redis

from udfs.redis_errors import RedisRefused

PROBE_SECONDS = 3.0


def check_files(connection: redis.SSLConnection) -> None:
    """Read the files of TLS once, as a connection would: one that is missing would look like a server that is away.

    Raises
    ------
    RedisRefused
        If one cannot be used.
    """
    context = ssl.create_default_context()
    if connection.ca_certs is not None or connection.ca_path is not None:
        try:
            context.load_verify_locations(connection.ca_certs, connection.ca_path)
        except OSError as error:
            raise _unreadable("ssl_ca_certs", connection.ca_certs or connection.ca_path, error, "a PEM file of certificates") from None
    if connection.certfile is not None or connection.keyfile is not None:
        try:
            # A callable, so that OpenSSL asks nobody for the pass phrase.
            context.load_cert_chain(connection.certfile, connection.keyfile, lambda: connection.certificate_password or "")
        except (OSError, TypeError) as error:
            file = f"{connection.certfile} with ssl_keyfile {connection.keyfile}"
            raise _unreadable("ssl_certfile", file, error, "PEM files that belong together") from None


def refuse_other_side(url: str, error: BaseException) -> bool:
    """Look whether the port speaks TLS where the address does not, or the other way round: then no waiting helps.

    Parameters
    ----------
    url
        The address.
    error
        What came of it. To each side, the other one looks like a connection that is lost; one that was not to be had tells nothing.

    Returns
    -------
    bool
        Whether it looked.

    Raises
    ------
    RedisRefused
        If so.
    """
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, (ConnectionRefusedError, socket.gaierror)):
            return False
        cause = cause.__cause__ or cause.__context__
    parts = urlsplit(url)
    try:
        address = parts.hostname or "localhost", parts.port or 6379
    except ValueError:
        return False
    if parts.scheme not in ("redis", "rediss"):
        return False
    plain = _speaks_plainly(address)
    if parts.scheme == "redis" and not plain and _speaks_tls(address):
        raise RedisRefused("the port of redis.url speaks TLS, the address does not", "write rediss://, or give the plain port")
    if parts.scheme == "rediss" and plain:
        raise RedisRefused("the port of redis.url does not speak TLS, the address does", "write redis://, or give the TLS port")
    return True


def _speaks_tls(address: tuple[str, int]) -> bool:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # nothing is sent there but the greeting
    try:
        with socket.create_connection(address, PROBE_SECONDS) as plain, context.wrap_socket(plain):
            return True
    except ssl.SSLError as error:
        return "_ALERT_" in (error.reason or "")
    except OSError:
        return False


def _speaks_plainly(address: tuple[str, int]) -> bool:
    try:
        with socket.create_connection(address, PROBE_SECONDS) as plain:
            plain.sendall(b"PING\r\n")
            return plain.recv(1) in (b"+", b"-")
    except OSError:
        return False


def _unreadable(option: str, file: object, error: Exception, wanted: str) -> RedisRefused:
    why = (
        "it holds nothing of the kind" if isinstance(error, (ssl.SSLError, TypeError)) else getattr(error, "strerror", None) or "unreadable"
    )
    return RedisRefused(f"redis.url: cannot use {option} {file}: {why}", f"it should be {wanted}")
