"""Clients of Kafka from the settings, and what to say where a broker does not do what it was asked."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka import errors as kafka_errors

from jobs.kafka.properties import client_options
from jobs.settings import Settings
from udfs.errors import SwerveError, UsageError

#: A broker that does not answer within the first and the second time is away; one that refuses us does so at once.
BOOTSTRAP_MS = (2_000, 8_000)
REQUEST_MS = 10_000
#: Where the client says why it cannot connect: what it raises only says that it could not.
_LOGGER = "kafka.net"
_HANDSHAKE, _DISCONNECTED = "Handshake failed", "socket disconnected"
REFUSALS = (kafka_errors.SaslAuthenticationFailedError, kafka_errors.UnsupportedSaslMechanismError, kafka_errors.AuthorizationError)


class KafkaUnavailable(SwerveError):
    """The brokers cannot be reached, or do not let us in."""


def admin(settings: Settings) -> KafkaAdminClient:
    """Connect an admin client; close it.

    Raises
    ------
    KafkaUnavailable
        If no broker answers or lets us in within seconds: one line with the reason.
    UsageError
        If `kafka.brokers` or `kafka.properties` make no sense.
    """
    return _connect(KafkaAdminClient, settings, request_timeout_ms=REQUEST_MS)


def consumer(settings: Settings, **options: Any) -> KafkaConsumer:
    """Connect a consumer that commits nothing by itself; raises as `admin`.

    Parameters
    ----------
    settings
        The settings.
    **options
        Further options of kafka-python.
    """
    return _connect(KafkaConsumer, settings, **{"enable_auto_commit": False, "auto_offset_reset": "earliest", **options})


def producer(settings: Settings, **options: Any) -> KafkaProducer:
    """Connect an idempotent producer that waits for all replicas; raises as `admin`.

    Parameters
    ----------
    settings
        The settings.
    **options
        Further options of kafka-python.
    """
    bounds = {"max_block_ms": REQUEST_MS, "request_timeout_ms": REQUEST_MS, "delivery_timeout_ms": 3 * REQUEST_MS}
    return _connect(KafkaProducer, settings, **{"acks": "all", "enable_idempotence": True, **bounds, **options})


@contextmanager
def explained(settings: Settings, topic: str | None = None) -> Iterator[None]:
    """Turn what Kafka raises in the block into one line for people.

    Parameters
    ----------
    settings
        Whose brokers are asked.
    topic
        What is asked for.

    Raises
    ------
    SwerveError
        With what to do about it.
    """
    try:
        yield
    except kafka_errors.KafkaError as error:
        raise _explanation(error, settings.kafka.brokers, topic) from None


def _connect(make: Callable[..., Any], settings: Settings, **options: Any) -> Any:
    brokers = settings.kafka.brokers
    options |= client_options(settings.kafka.properties)
    servers = [server.strip() for server in brokers.split(",") if server.strip()]
    causes: list[BaseException] = []
    for timeout in BOOTSTRAP_MS:
        with _caught(causes):
            try:
                return make(bootstrap_servers=servers, bootstrap_timeout_ms=timeout, **options)
            except ValueError:
                raise UsageError("kafka.brokers should be host:port, separated by commas", f"it is {brokers}") from None
            except kafka_errors.KafkaError as error:
                causes.append(error)
        if telling := [cause for cause in causes if isinstance(cause, REFUSALS) or _HANDSHAKE in str(cause)]:
            raise _explanation(telling[0], brokers, None) from None
        # The broker says why and hangs up at once; the client often sees only the latter.
        if "sasl_mechanism" in options and any(_DISCONNECTED in str(cause) for cause in causes):
            raise KafkaUnavailable(
                f"Kafka at {brokers} ends the connection during the login",
                "check user and password in sasl.jaas.config, and security.protocol, of kafka.properties",
            )
    raise _explanation(causes[-1], brokers, None)


class _Catcher(logging.Handler):
    def __init__(self, causes: list[BaseException]) -> None:
        super().__init__()
        self._causes = causes

    def emit(self, record: logging.LogRecord) -> None:
        if isinstance(record.args, tuple):
            self._causes += [argument for argument in record.args if isinstance(argument, BaseException)]


@contextmanager
def _caught(causes: list[BaseException]) -> Iterator[None]:
    handler, logger = _Catcher(causes), logging.getLogger(_LOGGER)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


def _explanation(error: BaseException, brokers: str, topic: str | None) -> SwerveError:
    """One line for an error. What the broker or the client says is not repeated: it may hold what was sent."""
    where = f"Kafka at {brokers}"
    what = f"topic {topic}" if topic else "that"
    if isinstance(error, kafka_errors.SaslAuthenticationFailedError):
        return KafkaUnavailable(f"{where} refuses the login", "check user and password in sasl.jaas.config of kafka.properties")
    if isinstance(error, kafka_errors.UnsupportedSaslMechanismError):
        return KafkaUnavailable(f"{where} does not know this sasl.mechanism", "check kafka.properties")
    if isinstance(error, kafka_errors.AuthorizationError):
        kind = {
            kafka_errors.GroupAuthorizationFailedError: "this group",
            kafka_errors.ClusterAuthorizationFailedError: "that on the cluster",
        }.get(type(error), what)
        return SwerveError(f"{where} does not allow this user {kind}", "an administrator has to add the rights (ACLs)")
    if _HANDSHAKE in str(error):
        return KafkaUnavailable(f"{where}: {_tls(str(error))}", "check security.protocol and ssl.truststore.location of kafka.properties")
    if isinstance(error, kafka_errors.UnknownTopicOrPartitionError):
        return SwerveError(f"{where} has no {what}", "check the name, or create it")
    if isinstance(error, kafka_errors.MessageSizeTooLargeError | kafka_errors.RecordListTooLargeError):
        return SwerveError(f"{where}: a record is too large for {what}", "raise max.message.bytes of the topic")
    if isinstance(error, kafka_errors.InvalidTimestampError):
        return SwerveError(
            f"{where}: {what} does not take records with such a timestamp",
            "raise message.timestamp.before.max.ms and message.timestamp.after.max.ms of the topic",
        )
    if isinstance(error, kafka_errors.UnsupportedCodecError):
        return SwerveError(f"{where}: {what} is compressed with what Python cannot read here", "pip install lz4 python-snappy")
    if isinstance(error, kafka_errors.RetriableError):
        return KafkaUnavailable(f"{where} does not answer", "is it running, and are kafka.brokers and security.protocol right?")
    return SwerveError(f"{where} refuses {what}: {type(error).__name__.removesuffix('Error')}", "see the broker's log")


def _tls(text: str) -> str:
    if "CERTIFICATE_VERIFY_FAILED" in text:
        if "mismatch" in text or "doesn't match" in text or "not valid for" in text:
            return "its certificate is for another host"
        return "its certificate is not signed by an authority that is trusted"
    if "WRONG_VERSION_NUMBER" in text or "UNEXPECTED_EOF" in text or "EOF" in text:
        return "it does not speak TLS on this port"
    return "the TLS handshake fails"
