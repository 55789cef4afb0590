"""The articles of the shop, as `catalog.csv` lists them."""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path

from udfs.errors import SwerveError

FIELDS = ("item_id", "title", "item_category", "item_brand", "price")
_NOT_A_WORD = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True)
class Item:
    """One article."""

    item_id: str
    title: str
    category: str
    brand: str
    price: float
    subcategory: str = ""
    currency: str = "EUR"
    description: str = ""
    in_stock: bool = True
    created_at: int = 0

    @property
    def name(self) -> str:
        """The title without the colour behind its comma."""
        return self.title.rpartition(", ")[0] or self.title

    @property
    def colour(self) -> str:
        """The colour behind the comma of the title."""
        before, _, colour = self.title.rpartition(", ")
        return colour if before else ""


@dataclass
class Category:
    """A department of the shop."""

    name: str
    slug: str
    items: list[Item] = field(default_factory=list)

    @property
    def brands(self) -> list[str]:
        """Its brands, in order of the alphabet."""
        return sorted({item.brand for item in self.items})

    @property
    def kinds(self) -> list[str]:
        """Its subcategories, the largest first."""
        names = [item.subcategory for item in self.items if item.subcategory]
        return sorted(set(names), key=lambda name: (-names.count(name), name))


class Catalogue:
    """All articles, by id and by category.

    Parameters
    ----------
    items
        Articles; the order of their categories is that of the shop.
    """

    def __init__(self, items: Iterable[Item]) -> None:
        self.items = {item.item_id: item for item in items}
        self.categories: dict[str, Category] = {}
        for item in self.items.values():
            at = slug(item.category)
            self.categories.setdefault(at, Category(item.category, at)).items.append(item)
        self._words = {item.item_id: words(f"{item.title} {item.category} {item.subcategory}") for item in self.items.values()}

    @classmethod
    def read(cls, path: Path) -> Catalogue:
        """Read a CSV file with at least the columns of `FIELDS`.

        Raises
        ------
        SwerveError
            There is none, or it is no such file.
        """
        try:
            with path.open(encoding="utf-8", newline="") as file:
                reader = csv.DictReader(file)
                missing = [name for name in FIELDS if name not in (reader.fieldnames or ())]
                if missing:
                    raise SwerveError(f"the catalogue {path} has no column {missing[0]}", f"it needs {', '.join(FIELDS)}")
                return cls(_item(row) for row in reader)
        except (OSError, UnicodeDecodeError) as error:
            raise SwerveError(f"the catalogue {path} cannot be read: {error}", "serving.catalogue names it") from None
        except ValueError as error:
            raise SwerveError(f"the catalogue {path}: {error}", "prices are numbers, like 12.50") from None

    def newest(self, n: int) -> list[Item]:
        """Give the articles that came last, at most two of a category."""
        shown: list[Item] = []
        for item in sorted(self.items.values(), key=lambda item: (-item.created_at, item.item_id)):
            if item.in_stock and sum(one.category == item.category for one in shown) < 2:
                shown.append(item)
            if len(shown) == n:
                break
        return shown

    def search(self, term: str) -> list[Item]:
        """Find the articles that have every word of a term, whole words and beginnings of the title first."""
        wanted = words(term)
        if not wanted:
            return []
        found = []
        for item_id, has in self._words.items():
            if all(any(one.startswith(word) for one in has) for word in wanted):
                whole = sum(word in has for word in wanted)
                first = min((has.index(one) for one in has if one.startswith(wanted[0])), default=99)
                found.append((-whole, first, item_id))
        return [self.items[item_id] for _, _, item_id in sorted(found)]

    def suggest(self, term: str, n: int = 8) -> list[str]:
        """Complete what is being typed: names of categories and of kinds of articles, then of brands."""
        typed = " ".join(words(term))
        if not typed:
            return []
        suggestions = dict.fromkeys(one for one in self._names() if any(part.startswith(typed) for part in _tails(one)))
        return sorted(suggestions, key=lambda one: (not " ".join(words(one)).startswith(typed), len(one), one))[:n]

    def _names(self) -> Iterator[str]:
        for category in self.categories.values():
            yield category.name
            yield from (f"{kind} {category.name}" if kind not in category.name else kind for kind in category.kinds)
            yield from category.brands


def slug(name: str) -> str:
    """Write a name as a part of an address.

    Examples
    --------
    >>> slug("Skin Care")
    'skin-care'
    """
    return "-".join(words(name)) or "other"


def words(text: str) -> list[str]:
    """Take a text apart into words without capitals and accents.

    Examples
    --------
    >>> words("Grünwerk Rosé, E-Bike")
    ['grunwerk', 'rose', 'e', 'bike']
    """
    plain = unicodedata.normalize("NFKD", text.casefold())
    return _NOT_A_WORD.sub(" ", "".join(one for one in plain if not unicodedata.combining(one))).split()


def _tails(name: str) -> list[str]:
    parts = words(name)
    return [" ".join(parts[k:]) for k in range(len(parts))]


def _item(row: dict[str, str]) -> Item:
    created = row.get("created_at") or "0"
    return Item(
        item_id=row["item_id"],
        title=row["title"],
        category=row["item_category"] or "Other",
        brand=row["item_brand"],
        price=float(row["price"] or 0),
        subcategory=row.get("item_category2") or "",
        currency=row.get("currency") or "EUR",
        description=row.get("description") or "",
        in_stock=(row.get("in_stock") or "true").lower() == "true",
        created_at=int(created)
        if created.isdigit()
        else int(datetime.fromisoformat(created).replace(tzinfo=timezone.utc).timestamp() * 1000),
    )
