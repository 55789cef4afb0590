"""A list of articles as an address asks for it: narrowed down, sorted, a page at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import urlencode

from starlette.datastructures import QueryParams

from serving.shop.catalogue import Item
from serving.shop.palette import number

PAGE = 24
SORTS = {"": "Featured", "new": "Newest", "cheap": "Price, low to high", "dear": "Price, high to low"}


class Listing(NamedTuple):
    """A page of a list.

    Attributes
    ----------
    items
        The articles of this page.
    total
        Articles on all pages.
    page, pages
        Number of this page, from 1, and how many there are.
    kinds, brands, least, most, sort
        What was asked for.
    """

    items: list[Item]
    total: int
    page: int
    pages: int
    kinds: tuple[str, ...]
    brands: tuple[str, ...]
    least: str
    most: str
    sort: str
    term: str

    @property
    def narrowed(self) -> bool:
        """Whether something was left out on request."""
        return bool(self.kinds or self.brands or self.least or self.most)

    def query(self, page: int) -> str:
        """Give the query of the address of another page."""
        pairs = [
            *([("q", self.term)] if self.term else []),
            *(("kind", kind) for kind in self.kinds),
            *(("brand", brand) for brand in self.brands),
            *((name, value) for name, value in (("least", self.least), ("most", self.most), ("sort", self.sort)) if value),
            *([("page", str(page))] if page > 1 else []),
        ]
        return f"?{urlencode(pairs)}" if pairs else "?"

    @property
    def near(self) -> list[int | None]:
        """Give the pages to link to; none: a gap."""
        wanted = sorted({1, self.pages, *(page for page in range(self.page - 1, self.page + 2) if 1 <= page <= self.pages)})
        shown: list[int | None] = []
        for page in wanted:
            if shown and shown[-1] is not None and page > shown[-1] + 1:
                shown.append(None)
            shown.append(page)
        return shown


def narrow(items: Sequence[Item], query: QueryParams, *, ranked: bool = False) -> Listing:
    """Give the page of a list that an address asks for.

    Parameters
    ----------
    items
        All of them.
    query
        Of the address; what makes no sense in it is passed over.
    ranked
        Whether their order means something.
    """
    kinds, brands = tuple(query.getlist("kind")), tuple(query.getlist("brand"))
    least, most = _price(query.get("least")), _price(query.get("most"))
    found = [
        item
        for item in items
        if (not kinds or item.subcategory in kinds)
        and (not brands or item.brand in brands)
        and (not least or item.price >= float(least))
        and (not most or item.price <= float(most))
    ]
    sort = query.get("sort", "")
    if sort == "new":
        found.sort(key=lambda item: -item.created_at)
    elif sort in ("cheap", "dear"):
        found.sort(key=lambda item: item.price if sort == "cheap" else -item.price)
    else:
        sort = ""
        if not ranked:
            found.sort(key=lambda item: (not item.in_stock, number(item.item_id, "featured")))
    pages = max(1, -(-len(found) // PAGE))
    asked = query.get("page", "1")
    page = min(max(1, int(asked)) if asked.isascii() and asked.isdigit() and len(asked) < 6 else 1, pages)
    here = found[(page - 1) * PAGE : page * PAGE]
    return Listing(here, len(found), page, pages, kinds, brands, least, most, sort, query.get("q", ""))


def _price(text: str | None) -> str:
    """Give a price as it was written, if it is one."""
    text = (text or "").strip().replace(",", ".")
    return text if text.replace(".", "", 1).isdecimal() and text.isascii() and len(text) < 10 else ""
