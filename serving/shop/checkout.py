"""The cart, and the way to the end of it: forms that work without any script."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from serving.problems import Problem
from serving.shop import visitor as cookies
from serving.shop.catalogue import Catalogue
from serving.shop.forms import form_of
from serving.shop.visitor import Ids, Line, read_cart, visitor_of, write_cart

FREE_FROM, SHIPPING = 50.0, 4.90


class Checkout:
    """Cart and order.

    Parameters
    ----------
    catalogue
        The articles.
    ids
        Of visitors.
    page
        Answers with a page.
    """

    def __init__(self, catalogue: Catalogue, ids: Ids, page: Callable[..., Response]) -> None:
        self._catalogue, self._ids, self._page = catalogue, ids, page

    def routes(self) -> Sequence[BaseRoute]:
        """The pages and their forms."""
        return [
            Route("/shop/cart", self._cart),
            Route("/shop/cart", self._change, methods=["POST"]),
            Route("/shop/checkout", self._order, methods=["POST"]),
            Route("/shop/thanks", self._thanks),
        ]

    async def _cart(self, request: Request) -> Response:
        lines = visitor_of(request, self._ids).lines(self._catalogue)
        return self._page(request, "cart.html", lines=lines, **totals(lines))

    async def _change(self, request: Request) -> Response:
        """Put pieces into the cart (``add``), or say how many there should be (``set``)."""
        if cookies.from_elsewhere(request):
            raise Problem(403, "the form was sent from another site")
        form = await form_of(request)
        item_id, pieces = form.get("item_id", ""), form.get("pieces", "1")
        if item_id not in self._catalogue.items or not (pieces.isascii() and pieces.isdigit() and len(pieces) < 4):
            raise Problem(422, "there is no such article, or no such number of it")
        cart = dict(visitor_of(request, self._ids).cart)
        wanted = int(pieces) + (cart.get(item_id, 0) if form.get("how") == "add" else 0)
        if wanted:
            cart[item_id] = min(wanted, cookies.MOST_PIECES)
        else:
            cart.pop(item_id, None)
        response: Response
        if "application/json" in request.headers.get("accept", ""):
            response = JSONResponse({"pieces": sum(cart.values())}, headers={"Cache-Control": "no-store"})
        else:
            response = RedirectResponse("/shop/cart", 303)
        cookies.keep(response, request, cookies.CART, write_cart(cart))
        return response

    async def _order(self, request: Request) -> Response:
        if cookies.from_elsewhere(request):
            raise Problem(403, "the form was sent from another site")
        visitor = visitor_of(request, self._ids)
        if not visitor.lines(self._catalogue):
            return RedirectResponse("/shop/cart", 303)
        response = RedirectResponse("/shop/thanks", 303)
        cookies.keep(response, request, cookies.ORDER, f"{secrets.token_hex(4).upper()}~{write_cart(visitor.cart)}", cookies.AN_HOUR)
        cookies.keep(response, request, cookies.CART, "")
        return response

    async def _thanks(self, request: Request) -> Response:
        number, _, bought = request.cookies.get(cookies.ORDER, "").partition("~")
        lines = visitor_of(request, self._ids)._replace(cart=read_cart(bought)).lines(self._catalogue)
        if not lines:
            return RedirectResponse("/shop/cart", 303)
        return self._page(request, "thanks.html", order=number[:16], lines=lines, **totals(lines))


def totals(lines: Sequence[Line]) -> dict[str, float]:
    """Add a cart up."""
    goods = sum(line.price for line in lines)
    shipping = 0.0 if goods >= FREE_FROM or not lines else SHIPPING
    return {"goods": goods, "shipping": shipping, "total": goods + shipping, "free_from": FREE_FROM}
