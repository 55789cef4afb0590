"""The layout of keys in Redis. What stands in braces decides the slot of a cluster: all keys of a user lie on one node."""

from __future__ import annotations

VERSION_BYTES = 16
"""A stored profile begins with the version of all keys of the user, two big-endian u64 (`udfs.versions`)."""


def recommendations_key(user: str, surface: str, prefix: str = "") -> str:
    """Name the key of a user's recommendations.

    Examples
    --------
    >>> recommendations_key("ana", "home")
    'rec:{ana}:home'
    """
    return f"{prefix}rec:{{{user}}}:{surface}"


def profile_key(user: str, prefix: str = "") -> str:
    """Name the key of a user's profile, which begins with the version of her recommendations.

    Examples
    --------
    >>> profile_key("ana")
    'profile:{ana}'
    """
    return f"{prefix}profile:{{{user}}}"


def fallback_key(surface: str, segment: int | None = None, prefix: str = "") -> str:
    """Name the key of what a segment, or everybody, is shown when there is nothing of the user's own.

    Examples
    --------
    >>> fallback_key("home", 3), fallback_key("home")
    ('rec:default:3:home', 'rec:default:home')
    """
    return f"{prefix}rec:default:{surface}" if segment is None else f"{prefix}rec:default:{segment}:{surface}"


def model_key(name: str, operator: str, instance: str, prefix: str = "") -> str:
    """Name the key under which an instance of a job's operator says which version of a model serves there.

    Examples
    --------
    >>> model_key("shop", "rank", "0-3f2a")
    'models:shop:rank:0-3f2a'
    """
    return f"{prefix}models:{name}:{operator}:{instance}"


def around_user(key: str) -> tuple[bytes, bytes]:
    """Split a user's key, made for the user ``"\\0"``, into what stands before and behind her id.

    Examples
    --------
    >>> around_user(recommendations_key("\\0", "home"))
    (b'rec:{', b'}:home')
    """
    before, behind = key.split("\0")
    return before.encode(), behind.encode()
