"""The simulated shop's catalogue."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.simulator.words import BRANDS, CATEGORIES, COLOURS, CURRENCY, PRAISE, STYLES

FIELDS = (
    "item_id", "title", "description", "item_category", "item_category2", "item_brand", "price", "currency", "in_stock", "created_at",
)  # fmt: skip
BRANDS_A_CATEGORY = 10
FAMILY_ITEMS = 12
POPULARITY_EXPONENT = 0.85
OUT_OF_STOCK, NEW, UNLISTED = 0.02, 0.03, 0.003
NEVER = 2**62
DAY = 86_400_000


@dataclass(frozen=True)
class Catalogue:
    """Items in the order of category, subcategory and family; arrays by item unless said otherwise.

    Attributes
    ----------
    categories
        Names of the categories.
    sub_names, sub_terms
        By subcategory: its name, and what it is searched by.
    category_subs, sub_items
        Where the subcategories of a category and the items of a subcategory begin (one more than there are, the last is the end).
    category_of_sub
        By subcategory.
    family_start, family_end
        Range of the items that go together with an item: seen in the same visits.
    sub
        Subcategory.
    popularity
        Cumulated weights, beginning with 0.
    brand, level
        Number of the brand within the category; price level, in standard deviations.
    price
        In EUR.
    visible_from
        Time from which shoppers meet it, in ms.
    listed
        Whether catalog.csv has it.
    """

    categories: list[str]
    sub_names: list[str]
    sub_terms: list[tuple[str, ...]]
    category_subs: NDArray[np.int32]
    category_of_sub: NDArray[np.int32]
    sub_items: NDArray[np.int32]
    family_start: NDArray[np.int32]
    family_end: NDArray[np.int32]
    sub: NDArray[np.int32]
    popularity: NDArray[np.float64]
    brand: NDArray[np.int32]
    level: NDArray[np.float32]
    price: NDArray[np.float64]
    visible_from: NDArray[np.int64]
    listed: NDArray[np.bool_]
    in_stock: NDArray[np.bool_]
    created_at: NDArray[np.int64]
    item_ids: list[str]
    titles: list[str]
    descriptions: list[str]
    brand_names: list[str]

    def write(self, path: Path) -> None:
        """Write the listed items as CSV."""
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(FIELDS)
            for i in self.listed.nonzero()[0].tolist():
                sub = int(self.sub[i])
                writer.writerow(
                    (
                        self.item_ids[i], self.titles[i], self.descriptions[i], self.categories[int(self.category_of_sub[sub])],
                        self.sub_names[sub], self.brand_names[i], f"{self.price[i]:.2f}", CURRENCY,
                        "true" if self.in_stock[i] else "false", int(self.created_at[i]),
                    )
                )  # fmt: skip


def make_catalogue(items: int, seed: int, start: int, end: int) -> Catalogue:
    """Invent a catalogue.

    Parameters
    ----------
    items
        Number of items, those that are not listed included.
    seed
        The same seed and number of items give the same shop.
    start, end
        The simulated time, in ms: new items appear in its last third, or not before it is over.
    """
    random = np.random.default_rng([seed, 1])
    n_categories = int(np.clip(items // 4, 2, len(CATEGORIES)))
    chosen = random.permutation(len(CATEGORIES))[:n_categories]
    names = [list(CATEGORIES)[i] for i in chosen]
    weight = 1 / np.arange(1, n_categories + 1) ** 0.6
    category = np.sort(
        np.concatenate([np.arange(n_categories), random.choice(n_categories, items - n_categories, p=weight / weight.sum())])
    )
    sub_of_category = (random.random(items) ** 1.3 * np.array([len(CATEGORIES[names[c]][1]) for c in category])).astype(int)
    order = np.lexsort((sub_of_category, category))
    pairs, sub = np.unique(np.stack([category[order], sub_of_category[order]], 1), axis=0, return_inverse=True)
    sub = sub.reshape(-1)
    sub_items = np.searchsorted(sub, np.arange(len(pairs) + 1))
    place = np.arange(items) - sub_items[sub]
    family = place // FAMILY_ITEMS
    family_start = sub_items[sub] + family * FAMILY_ITEMS
    family_end = np.minimum(family_start + FAMILY_ITEMS, sub_items[sub + 1])

    # Popularity falls with the rank within the category, in an order of its own.
    rank = np.empty(items)
    for c in range(n_categories):
        here = np.flatnonzero(category == c)
        rank[here] = random.permutation(len(here)) + 1
    popularity = np.concatenate([[0.0], np.cumsum(rank**-POPULARITY_EXPONENT)])

    brand = random.integers(0, BRANDS_A_CATEGORY, items)
    pool = np.stack([random.permutation(len(BRANDS))[:BRANDS_A_CATEGORY] for _ in range(n_categories)])
    brand_level = random.normal(0, 0.8, (n_categories, BRANDS_A_CATEGORY))
    level = (brand_level[category, brand] + random.normal(0, 0.6, items)).astype(np.float32)
    median = np.array([CATEGORIES[name][0] for name in names])
    sub_factor = random.lognormal(0, 0.35, len(pairs))
    price = np.round(np.maximum(median[category] * sub_factor[sub] * np.exp(0.45 * level), 1.5)) - 0.01

    new, unlisted = np.zeros((2, items), bool)
    chance = random.permutation(items)
    new[chance[: round(NEW * items)]] = True
    unlisted[chance[-1 - round(UNLISTED * items) :]] = True
    late = start + ((0.65 + 0.3 * random.random(items)) * (end - start)).astype(np.int64)
    never = random.random(items) < 0.5
    created = np.where(new, np.where(never, end - DAY // 2, late), start - random.integers(30 * DAY, 900 * DAY, items))
    style = random.integers(0, len(STYLES), (len(pairs), items // FAMILY_ITEMS + 1))
    colour, model, praise = (
        random.integers(0, len(COLOURS), items),
        random.integers(10, 100, items),
        random.integers(0, len(PRAISE), (items, 2)),
    )

    subs = [CATEGORIES[names[c]][1][s] for c, s in pairs.tolist()]
    brand_names = [BRANDS[pool[c, b]] for c, b in zip(category.tolist(), brand.tolist(), strict=True)]
    titles, descriptions = [], []
    for i, (s, f) in enumerate(zip(sub.tolist(), family.tolist(), strict=True)):
        noun, line = subs[s][1], STYLES[style[s, f]]
        titles.append(f"{brand_names[i]} {line} {noun} {model[i] * 10}, {COLOURS[colour[i]]}")
        first, second = (PRAISE[p] for p in praise[i])
        descriptions.append(
            f"{noun} of the {line} line by {brand_names[i]}, in {COLOURS[colour[i]]}. {first} {second if second != first else ''}".strip()
        )
    digits = max(6, len(str(items)))
    numbers = random.permutation(items)
    return Catalogue(
        categories=names,
        sub_names=[name for name, _ in subs],
        sub_terms=[
            (noun.lower(), f"{STYLES[style[s, 0]]} {noun}".lower(), f"{noun} sale".lower(), name.lower())
            for s, (name, noun) in enumerate(subs)
        ],
        category_subs=np.searchsorted(pairs[:, 0], np.arange(n_categories + 1)).astype(np.int32),
        category_of_sub=pairs[:, 0].astype(np.int32),
        sub_items=sub_items.astype(np.int32),
        family_start=family_start.astype(np.int32),
        family_end=family_end.astype(np.int32),
        sub=sub.astype(np.int32),
        popularity=popularity,
        brand=brand.astype(np.int32),
        level=level,
        price=price,
        visible_from=np.where(new, np.where(never, NEVER, late), 0).astype(np.int64),
        listed=~unlisted,
        in_stock=random.random(items) >= OUT_OF_STOCK,
        created_at=created.astype(np.int64),
        item_ids=[f"i{number:0{digits}d}" for number in numbers.tolist()],
        titles=titles,
        descriptions=descriptions,
        brand_names=brand_names,
    )
