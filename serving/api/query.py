"""Path and query of a request for recommendations, without a framework."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote_to_bytes

from serving.problems import Problem

LONGEST_USER = 1024
MOST_ITEMS = 1000
MOST_SEGMENT = 32_767


class Wanted(NamedTuple):
    """What a query asks for.

    Attributes
    ----------
    surface
        Place in the shop.
    n
        How many items; none: all that there are.
    segment
        Hers, where the page knows it.
    """

    surface: str
    n: int | None
    segment: int | None


def user_of(raw: bytes) -> str:
    """Read the user id that ends a path.

    Raises
    ------
    Problem
        404 where there is more than one part, 400 where it is no id.

    Examples
    --------
    >>> user_of(b"u1"), user_of(b"ana%20%C3%B6")
    ('u1', 'ana ö')
    """
    if b"/" in raw:
        raise Problem(404, "there is nothing at this path")
    try:
        user = (unquote_to_bytes(raw) if b"%" in raw else raw).decode()
    except UnicodeDecodeError:
        raise Problem(400, "the user id is not percent-encoded UTF-8") from None
    return checked_user(user)


def checked_user(user: str) -> str:
    """Give a user id, if it is one.

    Raises
    ------
    Problem
        400 if it is empty or too long.
    """
    if not user or len(user) > LONGEST_USER:
        raise Problem(400, f"a user id has 1 to {LONGEST_USER} characters")
    return user


#: The segment of the list that everybody is shown, which a page may send back as it sends back others.
EVERYBODY = "-1"


class Queries:
    """Reads query strings; few different ones come.

    Parameters
    ----------
    surfaces
        Places in the shop; the first is what is given where none is asked for.
    """

    def __init__(self, surfaces: Sequence[str]) -> None:
        self._surfaces = tuple(surfaces)
        self.read = lru_cache(1024)(self._read)

    def _read(self, query: bytes) -> Wanted:
        """Read one.

        Raises
        ------
        Problem
            400: what is wrong.
        """
        try:
            pairs = dict(parse_qsl(query.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=32))
        except ValueError:
            raise Problem(400, "the query is not percent-encoded UTF-8, or has too many fields") from None
        n, segment = pairs.get("n"), pairs.get("segment")
        return Wanted(
            self.surface(pairs.get("surface")),
            None if n is None else _number("n", n, 1, MOST_ITEMS),
            None if segment in (None, EVERYBODY) else _number("segment", segment, 0, MOST_SEGMENT),
        )

    def surface(self, name: str | None) -> str:
        """Give a surface by its name; the first one where none is named.

        Raises
        ------
        Problem
            400 if there is none of that name.
        """
        if name is None:
            return self._surfaces[0]
        if name not in self._surfaces:
            raise Problem(400, f"there is no such surface: it is one of {', '.join(self._surfaces)}", field="surface")
        return name


def _number(name: str, text: str, least: int, most: int) -> int:
    if text.isascii() and text.isdigit() and len(text) < 10 and least <= int(text) <= most:
        return int(text)
    raise Problem(400, f"{name} is a whole number from {least} to {most}", field=name)
