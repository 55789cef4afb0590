"""Compares what two prefixes of one Redis hold, such as a replay's beside the live job's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from udfs.keys import VERSION_BYTES
from udfs.redis_scan import Prefix, Seen, Stored

IGNORED = ("generated_at",)
#: A fall-back's times are the bundle's, and its id is made from them.
FALLBACK_IGNORED = ("generated_at", "event_time", "recommendation_id")
_HALF = VERSION_BYTES // 2


@dataclass
class Comparison:
    """What differs between prefix A and prefix B.

    Attributes
    ----------
    equal, different, only_a, only_b
        Number of users.
    fields
        How many users differ in a field.
    examples
        Some of those who differ or are missing: user_id, what, fields, version_a, version_b.
    fallbacks_equal
        Number of fall-backs that are the same.
    fallbacks
        Those that are not, with what is the matter.
    """

    equal: int = 0
    different: int = 0
    only_a: int = 0
    only_b: int = 0
    fields: Counter[str] = field(default_factory=Counter)
    examples: list[dict[str, Any]] = field(default_factory=list)
    fallbacks_equal: int = 0
    fallbacks: dict[str, str] = field(default_factory=dict)

    @property
    def same(self) -> bool:
        """Whether nothing differs."""
        return not (self.different or self.only_a or self.only_b or self.fallbacks)

    def document(self) -> dict[str, Any]:
        """Give it ready for JSON."""
        return {
            "same": self.same,
            "users_a": self.equal + self.different + self.only_a,
            "users_b": self.equal + self.different + self.only_b,
            "equal": self.equal,
            "different": self.different,
            "only_a": self.only_a,
            "only_b": self.only_b,
            "fields": dict(self.fields.most_common()),
            "fallbacks": {"equal": self.fallbacks_equal, "different": self.fallbacks},
            "examples": self.examples,
        }


def compare_prefixes(
    a: Prefix, b: Prefix, ignore: Collection[str] = IGNORED, limit: int = 20, seen: Seen = lambda _: None
) -> Comparison | None:
    """Compare all users, surfaces and fall-backs.

    Parameters
    ----------
    a, b
        Of one server.
    ignore
        Fields of a value that may differ; `profile` and `version` are fields too.
    limit
        Most examples to give.
    seen
        Told how many users are done, of those of A and those of B together.

    Returns
    -------
    Comparison or None
        None if neither prefix holds anything. Exact only while nothing writes there.

    Raises
    ------
    redis.RedisError
        If Redis does not answer.
    """
    contents = a.contents, b.contents
    if all(one.empty for one in contents):
        return None
    surfaces = sorted({*contents[0].surfaces, *contents[1].surfaces})
    result = Comparison()
    done = 0
    for users in a.users(surfaces):
        for one, other in zip(a.fetch(users, surfaces), b.fetch(users, surfaces), strict=True):
            if not other.there:
                result.only_a += 1
                _example(result, limit, "only_a", one, other, [])
            elif fields := list(differing(one, other, surfaces, ignore)):
                result.different += 1
                result.fields.update(fields)
                _example(result, limit, "different", one, other, fields)
            else:
                result.equal += 1
        done += len(users)
        seen(done)
    for users in b.users(surfaces):
        unknown = [user for user, known in zip(users, a.present(users), strict=True) if not known]
        for one, other in zip(a.fetch(unknown, surfaces), b.fetch(unknown, surfaces), strict=True):
            if not one.there:
                result.only_b += 1
                _example(result, limit, "only_b", one, other, [])
        done += len(users)
        seen(done)
    _compare_fallbacks(result, a, b, contents[0].fallbacks, contents[1].fallbacks)
    return result


def differing(one: Stored, other: Stored, surfaces: Sequence[str], ignore: Collection[str] = IGNORED) -> Iterator[str]:
    """Name what differs between two users' keys.

    Parameters
    ----------
    one, other
        What stands for the user on each side.
    surfaces
        Names of their values.
    ignore
        Fields that may differ.

    Yields
    ------
    str
        `version`, `profile`, `<surface>.<field>`, or `<surface>` where one side has none or it is no JSON object.
    """
    for name, part in (("version", slice(0, VERSION_BYTES)), ("profile", slice(VERSION_BYTES, None))):
        if name not in ignore and (one.profile or b"")[part] != (other.profile or b"")[part]:
            yield name
    for surface, mine, theirs in zip(surfaces, one.values, other.values, strict=True):
        yield from (f"{surface}.{name}" if name else surface for name in differing_fields(mine, theirs, ignore))


def differing_fields(one: bytes | None, other: bytes | None, ignore: Collection[str] = IGNORED) -> list[str]:
    """Name the fields in which two values differ; "" stands for the value as a whole.

    Examples
    --------
    >>> differing_fields(b'{"v":1,"generated_at":1,"items":[]}', b'{"v":1,"generated_at":2,"items":[3]}')
    ['items']
    """
    if one == other:
        return []
    mine, theirs = _object(one), _object(other)
    if mine is None or theirs is None:
        return [""]
    names = sorted({*mine, *theirs} - {*ignore})
    # An absent field is not the same as one that is null.
    return [name for name in names if (name in mine, mine.get(name)) != (name in theirs, theirs.get(name))]


def read_version(stored: Stored) -> dict[str, int] | None:
    """Give a version for people: time and number."""
    version = stored.version
    if version is None:
        return None
    return {"time": int.from_bytes(version[:_HALF], "big"), "number": int.from_bytes(version[_HALF:], "big")}


def _example(result: Comparison, limit: int, what: str, one: Stored, other: Stored, fields: list[str]) -> None:
    if len(result.examples) < limit:
        result.examples.append(
            {
                "user_id": one.user.decode(errors="replace"),
                "what": what,
                "fields": fields,
                "version_a": read_version(one),
                "version_b": read_version(other),
            }
        )


def _compare_fallbacks(result: Comparison, a: Prefix, b: Prefix, keys_a: Sequence[str], keys_b: Sequence[str]) -> None:
    for key in sorted({*keys_a, *keys_b}):
        mine, theirs = a.client.mget([a.prefix + key, b.prefix + key])  # type: ignore[misc]
        if mine is None or theirs is None:
            if mine is not theirs:
                result.fallbacks[key] = "only_a" if theirs is None else "only_b"
            continue
        fields = differing_fields(mine, theirs, FALLBACK_IGNORED)
        if fields:
            result.fallbacks[key] = ", ".join(name or "not our JSON" for name in fields)
        else:
            result.fallbacks_equal += 1


def _object(value: bytes | None) -> Mapping[str, Any] | None:
    try:
        parsed = orjson.loads(value or b"")
    except orjson.JSONDecodeError:
        return None
    return parsed if isinstance(parsed, dict) else None
