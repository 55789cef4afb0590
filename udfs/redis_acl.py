"""Who may do what in Redis: lines of an ACL file, for Redis 6.2, Valkey 7.2, and newer."""

from __future__ import annotations

import hashlib
import re
from typing import NamedTuple

from udfs.errors import UsageError
from udfs.redis_scan import escape_glob

OURS = ("profile:*", "rec:*", "models:*")
# What every client may: AUTH, HELLO, PING, SELECT (which Redis 6 does not count among them), and what CLIENT tells of itself.
_CONNECT = ("+@connection", "-@admin", "-@dangerous", "+select")
_NAME = re.compile(r"[A-Za-z0-9._-]+")


class Role(NamedTuple):
    """What a kind of user may do.

    Attributes
    ----------
    does
        In words.
    keys
        Patterns of keys, to stand behind the prefix.
    commands
        Rules of commands.
    """

    does: str
    keys: tuple[str, ...]
    commands: tuple[str, ...]


#: The script is run as its caller: what it calls has to be allowed as well.
ROLES = {
    "job": Role("writes, under its own prefix", OURS, ("+script|load", "+evalsha", "+getrange", "+set")),
    "reader": Role("reads recommendations, nothing else", ("rec:*",), ("+get", "+mget")),
    "api": Role("swerve serve: reads everything, writes nothing", OURS, ("+get", "+mget", "+getrange", "+scan")),
    "tools": Role(
        "swerve show, explain, diff, promote, models and status",
        OURS,
        ("+get", "+mget", "+ttl", "+scan", "+exists", "+del", "+script|load", "+script|exists", "+evalsha", "+getrange", "+set"),
    ),
}


class Login(NamedTuple):
    """A user of Redis.

    Attributes
    ----------
    name
        Her name.
    password
        Her password; only its hash is written.
    """

    name: str
    password: str


def acl_line(role: str, login: Login, prefixes: tuple[str, ...] = ("",)) -> str:
    """Write the rights of a user as a line of an ACL file.

    Parameters
    ----------
    role
        A key of `ROLES`.
    login
        Name and password.
    prefixes
        What stands before the keys that she may use.

    Raises
    ------
    UsageError
        If a name or a prefix cannot stand in an ACL file.

    Examples
    --------
    >>> acl_line("reader", Login("shop", "x"), ("eu:",)).replace(hashlib.sha256(b"x").hexdigest(), "...")
    'user shop on #... resetchannels ~eu:rec:* -@all +@connection -@admin -@dangerous +select +get +mget'
    """
    one = ROLES[role]
    keys = [f"~{_pattern(prefix)}{key}" for prefix in prefixes for key in one.keys]
    return " ".join([*_who(login), "resetchannels", *keys, "-@all", *_CONNECT, *one.commands])


def admin_line(password: str) -> str:
    """Write the line of `default`, the user of who gives no name: without it, everybody may do everything."""
    return " ".join([*_who(Login("default", password)), "~*", "&*", "+@all"])


def _who(login: Login) -> tuple[str, str, str, str]:
    if not _NAME.fullmatch(login.name):
        raise UsageError(f"{login.name!r} is no name of a user of Redis", "letters, digits, dot, dash and underscore")
    if not login.password:
        raise UsageError(f"the password of {login.name} is empty", "choose a long one")
    return "user", login.name, "on", f"#{hashlib.sha256(login.password.encode()).hexdigest()}"


def _pattern(prefix: str) -> str:
    if re.search(r"[\s\"'\\\0]", prefix):
        raise UsageError(f"the prefix {prefix!r} cannot stand in an ACL file", "choose one without blanks, quotes and backslashes")
    return escape_glob(prefix)
