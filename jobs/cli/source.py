"""What `--source` and times on the command line mean."""

from __future__ import annotations

import re
import time
from datetime import datetime, timezone

from udfs.errors import UsageError

KAFKA = "kafka:"
_AGO = re.compile(r"-(\d+)([smhd])")
_UNIT_MS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


def topic_of(source: str) -> str | None:
    """Give the topic that a source names; None for a folder.

    Examples
    --------
    >>> topic_of("kafka:shop.events.v1")
    'shop.events.v1'
    """
    if not source.startswith(KAFKA):
        return None
    topic = source[len(KAFKA) :]
    if not topic:
        raise UsageError("--source kafka: names no topic", "for example --source kafka:shop.events.v1")
    return topic


def duration_ms(text: str) -> int:
    """Read a duration.

    Examples
    --------
    >>> duration_ms("30m")
    1800000
    """
    if found := _AGO.fullmatch(f"-{text}"):
        return int(found[1]) * _UNIT_MS[found[2]]
    raise UsageError(f"{text!r} is no duration", "for example 90s, 30m, 24h or 7d")


def time_ms(text: str) -> int:
    """Read a time: milliseconds since 1970, ISO 8601 (UTC where it says nothing else), or how long ago.

    Examples
    --------
    >>> time_ms("2024-01-01T00:00:00Z")
    1704067200000
    """
    if text.isdigit():
        return int(text)
    if ago := _AGO.fullmatch(text):
        return int(time.time() * 1000) - int(ago[1]) * _UNIT_MS[ago[2]]
    try:
        # Python 3.10 does not know the Z.
        moment = datetime.fromisoformat(re.sub("[zZ]$", "+00:00", text))
    except ValueError:
        raise UsageError(f"{text!r} is no time", "for example 2024-05-01T12:00:00, 1714564800000 (ms since 1970), or -6h") from None
    return round((moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp() * 1000)
