"""The layout of keys in Redis. What stands in braces decides the slot of a cluster: all keys of a user lie on one node."""

from __future__ import annotations


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
