"""What the shop knows of a visitor, all of it in her own cookies: her choice, her id once she has agreed, her cart."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from typing import Literal, NamedTuple
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from serving.shop.catalogue import Catalogue, Item

Choice = Literal["granted", "denied"]
CHOICE, VISITOR, CART, ORDER, WATCH = "choice", "visitor", "cart", "order", "watch"
HALF_A_YEAR, AN_HOUR = 182 * 86_400, 3_600
MOST_PIECES, MOST_LINES = 20, 40


class Line(NamedTuple):
    """An article in a cart."""

    item: Item
    pieces: int

    @property
    def price(self) -> float:
        """Of all pieces."""
        return self.item.price * self.pieces


class Visitor(NamedTuple):
    """Who asks for a page.

    Attributes
    ----------
    choice
        What she said to being followed; none: nothing yet.
    user
        Her id; none unless she agreed.
    cart
        Pieces by article.
    watching
        Whether she looks at the live view.
    """

    choice: Choice | None
    user: str | None
    cart: dict[str, int]
    watching: bool

    def lines(self, catalogue: Catalogue) -> list[Line]:
        """Give the lines of her cart."""
        return [Line(catalogue.items[item_id], pieces) for item_id, pieces in self.cart.items() if item_id in catalogue.items]

    @property
    def pieces(self) -> int:
        """All pieces in her cart."""
        return sum(self.cart.values())


class Ids:
    """Ids of visitors, signed, so that nobody can take another one's.

    Parameters
    ----------
    secret
        What they are signed with.
    """

    def __init__(self, secret: bytes) -> None:
        self._key = hashlib.sha256(b"visitor\0" + secret).digest()

    def new(self) -> str:
        """Make an id that nobody has."""
        return f"v{secrets.token_hex(8)}"

    def sign(self, user: str) -> str:
        """Give what the cookie holds."""
        return f"{user}.{self._signature(user)}"

    def read(self, cookie: str) -> str | None:
        """Give the id of a cookie; none if we have not signed it."""
        user, _, signature = cookie.rpartition(".")
        return user if user and hmac.compare_digest(signature.encode(), self._signature(user).encode()) else None

    def _signature(self, user: str) -> str:
        return hmac.new(self._key, user.encode(), hashlib.sha256).hexdigest()[:32]


def visitor_of(request: Request, ids: Ids) -> Visitor:
    """Read a visitor's cookies."""
    cookies = request.cookies
    said = cookies.get(CHOICE)
    choice: Choice | None = "granted" if said == "granted" else "denied" if said == "denied" else None
    user = ids.read(cookies.get(VISITOR, "")) if choice == "granted" else None
    return Visitor(choice, user, read_cart(cookies.get(CART, "")), cookies.get(WATCH) == "open")


def read_cart(cookie: str) -> dict[str, int]:
    """Read a cart; what is no line of one is passed over.

    Examples
    --------
    >>> read_cart("i000001.2~i000002.1~nonsense")
    {'i000001': 2, 'i000002': 1}
    """
    cart: dict[str, int] = {}
    for line in cookie.split("~")[:MOST_LINES]:
        item_id, _, pieces = line.rpartition(".")
        if item_id and pieces.isascii() and pieces.isdigit() and 1 <= int(pieces[:4]) <= MOST_PIECES:
            cart[item_id] = int(pieces)
    return cart


def write_cart(cart: Mapping[str, int]) -> str:
    """Write a cart as a cookie."""
    return "~".join(f"{item_id}.{pieces}" for item_id, pieces in cart.items())


def keep(response: Response, request: Request, name: str, value: str, seconds: int = HALF_A_YEAR, *, hidden: bool = True) -> None:
    """Set a cookie of the shop; an empty value deletes it.

    Parameters
    ----------
    response, request
        Where it goes, and what it answers.
    name, value, seconds
        The cookie.
    hidden
        From scripts.
    """
    secure = request.url.scheme == "https"
    response.set_cookie(
        name, value, max_age=seconds if value else 0, path="/", secure=secure, httponly=hidden, samesite="lax"
    )  # fmt: skip


def from_elsewhere(request: Request) -> bool:
    """Tell whether a page of somebody else sent a form to us."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site not in ("same-origin", "none")
    origin = request.headers.get("origin")
    return origin is not None and urlsplit(origin).netloc != request.headers.get("host")
