"""The time of an event, when the clock of who sends it may be wrong."""

from __future__ import annotations

#: A time that is so far ahead is no clock that is wrong: it is another unit.
AHEAD_MS = 10 * 365 * 24 * 3600 * 1000


def skew_of(sent_at: int | None, received: int, least: int) -> int:
    """Tell by how much a sender's clock is behind ours.

    Parameters
    ----------
    sent_at
        When it says it sent, in ms; none: not known.
    received
        Our clock, in ms.
    least
        A smaller difference is the network's.

    Examples
    --------
    >>> skew_of(1_000_000, 1_090_000, 5_000), skew_of(1_000_000, 1_001_000, 5_000)
    (90000, 0)
    """
    if sent_at is None:
        return 0
    skew = received - sent_at
    return skew if abs(skew) > least else 0


def settle(event_time: int, skew: int, received: int) -> int:
    """Give the time of an event by our clock, and never ahead of it.

    Parameters
    ----------
    event_time
        By the sender's clock, in ms.
    skew
        By which that is behind ours.
    received
        Our clock, in ms.
    """
    return min(event_time + skew, received)
