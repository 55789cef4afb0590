"""Which version of a model serves where: each instance of an operator says so in a key of Redis that expires, for people to look at.

Nothing depends on it. A Redis that does not answer, or does not let the job write there, is passed over.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import orjson
import redis

from udfs.errors import SwerveError
from udfs.keys import model_key
from udfs.redis_connection import connect
from udfs.redis_scan import escape_glob

#: It is said again so often, and forgotten so soon.
EVERY_SECONDS, TTL_SECONDS = 5.0, 20

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Serving:
    """What an instance says.

    Attributes
    ----------
    name, version
        What its next batch is worked with.
    operator
        ``rank`` or ``profiles``.
    instances
        How many of that operator there are.
    at
        When it was said, milliseconds since 1970.
    refused, reason
        The version that the pointer names, and why it does not serve; none: it is that one.
    """

    name: str
    version: str
    operator: str
    instances: int
    at: int
    refused: str | None = None
    reason: str | None = None


class Announcer:
    """Says it, when it changes and now and then.

    Parameters
    ----------
    url, password
        As for `udfs.redis_connection.connect`.
    prefix
        Stands before the key.
    operator, instance, instances
        Who says it, and how many like it there are.
    """

    def __init__(self, url: str, password: str | None, prefix: str, operator: str, instance: str, instances: int) -> None:
        self._client = connect(url, password)
        self._prefix, self._operator, self._instance, self._instances = prefix, operator, instance, instances
        self._said: tuple[object, ...] = ()
        self._due = 0.0
        self._key: str | None = None

    def say(self, name: str, version: str, refused: str | None, reason: str | None) -> None:
        """Say it, unless it was said a moment ago."""
        what, now = (name, version, refused, reason), time.monotonic()
        if what == self._said and now < self._due:
            return
        self._said, self._due = what, now + EVERY_SECONDS
        serving = Serving(name, version, self._operator, self._instances, time.time_ns() // 1_000_000, refused, reason)
        self._key = model_key(name, self._operator, self._instance, self._prefix)
        self._set(self._key, orjson.dumps(asdict(serving)), TTL_SECONDS * 1_000)

    def close(self) -> None:
        """Take it back: who has gone serves nothing."""
        if self._key is not None:
            # Not DEL, which a job needs for nothing else.
            self._set(self._key, b"", 1)
        self._client.close()

    def _set(self, key: str, value: bytes, ms: int) -> None:
        try:
            self._client.set(key, value, px=ms)
        except (redis.RedisError, OSError) as error:
            log.debug("which model serves could not be said: %s", type(error).__name__)


def read_serving(client: redis.Redis, prefix: str = "") -> list[Serving]:
    """Read what all instances under a prefix say.

    Parameters
    ----------
    client
        Made with `udfs.redis_connection.connect`.
    prefix
        Stands before the keys.

    Raises
    ------
    SwerveError
        A key holds what is none of ours.
    """
    keys = sorted(client.scan_iter(match=f"{escape_glob(prefix)}models:*", count=10_000))
    stored: list[bytes | None] = client.mget(keys) if keys else []  # type: ignore[assignment]
    try:
        return [Serving(**orjson.loads(one)) for one in stored if one]
    except (ValueError, TypeError):
        raise SwerveError(f"a key {prefix}models:… holds something else", "redis.prefix keeps apart what others write") from None


def summarise(found: Iterable[Serving]) -> dict[str, Any]:
    """Sum up by model what its instances say.

    Returns
    -------
    dict
        By name of the model: `operators` with `instances` and by version how many serve it, and `refused` by version with its reasons.
    """
    models: dict[str, Any] = {}
    for one in sorted(found, key=lambda one: -one.at):
        model = models.setdefault(one.name, {"operators": {}, "refused": {}})
        operator = model["operators"].setdefault(one.operator, {"instances": one.instances, "versions": {}})
        if sum(operator["versions"].values()) == operator["instances"]:
            continue  # one that died without a word, and has been replaced
        operator["versions"][one.version] = operator["versions"].get(one.version, 0) + 1
        if one.refused is not None and one.reason is not None:
            reasons = model["refused"].setdefault(one.refused, [])
            reasons.extend([one.reason] if one.reason not in reasons else [])
    return models


def in_words(model: dict[str, Any]) -> str:
    """Say the summary of a model in one line.

    Examples
    --------
    >>> in_words({"operators": {"rank": {"instances": 2, "versions": {"7": 2}}}, "refused": {"8": ["scores that are not finite"]}})
    'version 7 on 2 of 2 of rank; version 8 is refused: scores that are not finite'
    """
    parts = [
        f"version {version} on {count} of {operator['instances']} of {name}"
        for name, operator in sorted(model["operators"].items(), reverse=True)
        for version, count in sorted(operator["versions"].items())
    ]
    for version, reasons in model["refused"].items():
        parts.append(f"{f'version {version}' if version else 'the pointer'} is refused: {'; '.join(reasons)}")
    return "; ".join(parts)
