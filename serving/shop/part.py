"""The shop: pages over a catalogue, which use the collector, the API and the widget as any shop would."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

from serving.look.assets import FOR_EVER, Assets
from serving.look.pages import Look, Pages
from serving.problems import Problem
from serving.shop import visitor as cookies
from serving.shop.articles import PICTURES, details, facts, money, picture_url
from serving.shop.catalogue import Catalogue, Item, slug
from serving.shop.checkout import Checkout
from serving.shop.forms import form_of
from serving.shop.listing import SORTS, Listing, narrow
from serving.shop.pictures import draw
from serving.shop.visitor import Ids, visitor_of

FOLDER = Path(__file__).parent
NAME = "Detour"
NEW_ARRIVALS, MOST_ITEMS = 8, 50
SPOKEN_OF = ("headphones", "prams", "lighting", "camping", "shoes")


@dataclass(frozen=True)
class ShopOptions:
    """What a shop is made of.

    Attributes
    ----------
    catalogue
        Its articles.
    secret
        What visitors' ids are signed with; none: a new one with every start.
    write_key
        What its pages show to the collector; none: nothing.
    mint
        Makes a user's token, and says for how many seconds it is good; none: recommendations are given to everybody.
    live, operator
        Whether there is a live view to open, and a page for the operator.
    """

    catalogue: Catalogue
    secret: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)
    write_key: str | None = None
    mint: Callable[[str], tuple[str, int]] | None = None
    live: bool = True
    operator: bool = False


class Shop:
    """The shop as a part of the application.

    Parameters
    ----------
    options
        What it is made of.
    look
        What it shares with other pages.
    """

    def __init__(self, options: ShopOptions, look: Look) -> None:
        self._options = options
        self._catalogue = options.catalogue
        self._ids = Ids(options.secret)
        self._assets = Assets("/shop/static", FOLDER / "static")
        self._pages = Pages(
            FOLDER / "templates",
            look=look.assets.url,
            asset=self._assets.url,
            picture=picture_url,
            money=money,
            facts=facts,
            shop=NAME,
            sorts=SORTS,
            categories=list(self._catalogue.categories.values()),
            write_key=options.write_key,
            signed=options.mint is not None,
            live=options.live,
            operator=options.operator,
        )
        self._checkout = Checkout(self._catalogue, self._ids, self._page)

    def routes(self) -> Sequence[BaseRoute]:
        """The pages, and what they ask for."""
        return [
            Route("/", self._to_home),
            Route("/shop", self._home),
            Route("/shop/c/{slug}", self._category),
            Route("/shop/p/{item_id}", self._product),
            Route("/shop/search", self._search),
            Route("/shop/suggest", self._suggest),
            Route("/shop/live", self._live),
            Route("/shop/items", self._items),
            Route("/shop/token", self._token),
            Route("/shop/consent", self._consent, methods=["POST"]),
            Route("/shop/picture/{item_id}.svg", self._picture),
            *self._checkout.routes(),
            *self._assets.routes(),
        ]

    def hot(self) -> Mapping[str, ASGIApp]:
        """Nothing."""
        return {}

    async def start(self) -> None:
        """Nothing to open."""

    async def stop(self) -> None:
        """Nothing to close."""

    def _page(self, request: Request, template: str, status: int = 200, **values: Any) -> Response:
        visitor = values.pop("visitor", None) or visitor_of(request, self._ids)
        return self._pages.page(template, status, visitor=visitor, path=request.url.path, **{"term": "", **values})

    async def _to_home(self, _: Request) -> Response:
        return RedirectResponse("/shop", 302)

    async def _home(self, request: Request) -> Response:
        return self._page(request, "home.html", arrivals=self._catalogue.newest(NEW_ARRIVALS), hero=self._hero())

    async def _category(self, request: Request) -> Response:
        category = self._catalogue.categories.get(request.path_params["slug"])
        if category is None:
            return self._page(request, "missing.html", 404)
        return self._page(request, "category.html", category=category, listing=narrow(category.items, request.query_params))

    async def _product(self, request: Request) -> Response:
        item = self._catalogue.items.get(request.path_params["item_id"])
        if item is None:
            return self._page(request, "missing.html", 404)
        category = slug(item.category)
        siblings = [one for one in self._catalogue.categories[category].items if one.subcategory == item.subcategory and one != item]
        return self._page(request, "product.html", item=item, siblings=siblings[:4], category=category)

    async def _search(self, request: Request) -> Response:
        term = request.query_params.get("q", "").strip()[:100]
        listing: Listing = narrow(self._catalogue.search(term), request.query_params, ranked=True)
        return self._page(request, "search.html", term=term, listing=listing)

    async def _suggest(self, request: Request) -> Response:
        return JSONResponse(self._catalogue.suggest(request.query_params.get("q", "")[:100]), headers={"Cache-Control": "max-age=300"})

    async def _live(self, request: Request) -> Response:
        return self._page(request, "live.html")

    async def _items(self, request: Request) -> Response:
        ids = request.query_params.get("ids", "").split(",")[:MOST_ITEMS]
        items = [self._catalogue.items[item_id] for item_id in ids if item_id in self._catalogue.items]
        return Response(
            orjson.dumps([details(item) for item in items]), headers={"Cache-Control": "max-age=60"}, media_type="application/json"
        )

    async def _token(self, request: Request) -> Response:
        """Mint a token for the visitor that the signed cookie names, and for nobody else."""
        user = visitor_of(request, self._ids).user
        if user is None:
            raise Problem(403, "no visitor has agreed to be known here", {"Cache-Control": "no-store"})
        token, seconds = self._options.mint(user) if self._options.mint else (None, None)
        return JSONResponse({"user": user, "token": token, "expires_in": seconds}, headers={"Cache-Control": "no-store"})

    async def _consent(self, request: Request) -> Response:
        """Keep a visitor's choice; with her consent she gets an id, without it she loses the one that she had."""
        if cookies.from_elsewhere(request):
            raise Problem(403, "the form was sent from another site")
        form = await form_of(request)
        granted = form.get("choice") == "granted"
        before = visitor_of(request, self._ids)
        user = (before.user or self._ids.new()) if granted else ""
        response: Response
        if "application/json" in request.headers.get("accept", ""):
            response = JSONResponse(
                {"choice": "granted" if granted else "denied", "user": user or None}, headers={"Cache-Control": "no-store"}
            )
        else:
            back = form.get("back", "/shop")
            response = RedirectResponse(back if re.fullmatch(r"/shop(/[\w/.-]*)?", back) else "/shop", 303)
        cookies.keep(response, request, cookies.CHOICE, "granted" if granted else "denied")
        cookies.keep(response, request, cookies.VISITOR, self._ids.sign(user) if user else "")
        return response

    async def _picture(self, request: Request) -> Response:
        item = self._catalogue.items.get(request.path_params["item_id"])
        if item is None:
            raise Problem(404, "there is no such article")
        headers = {"Cache-Control": FOR_EVER if request.query_params.get("v") == PICTURES else "max-age=3600", "ETag": f'"{PICTURES}"'}
        if headers["ETag"] in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        return Response(draw(item), headers={**headers, "X-Content-Type-Options": "nosniff"}, media_type="image/svg+xml")

    def _hero(self) -> list[Item]:
        """One article of each of five categories: those that the page speaks of first, if there are such."""
        by_slug = self._catalogue.categories
        shown = [by_slug[at] for at in dict.fromkeys((*SPOKEN_OF, *by_slug)) if at in by_slug][:5]
        return [next((item for item in one.items if item.in_stock), one.items[0]) for one in shown]
