"""Which recommendation a click, a cart or a purchase came from. What counts as what is in docs/models.md, section "Feedback"."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import polars as pl

from training.feedback.events import CART, CLICKS, EXPOSURE, PURCHASE, Reactions

WINDOW_MS, PURCHASE_WINDOW_MS = 30 * 60_000, 24 * 3_600_000
BY = ("user_id", "item_id")


class Windows(NamedTuple):
    """How long an event may come after what it is attributed to, in ms.

    Attributes
    ----------
    view
        A view without a recommendation's id, after the recommendation that showed the item.
    purchase
        A cart or a purchase, after the click.
    """

    view: int = WINDOW_MS
    purchase: int = PURCHASE_WINDOW_MS


WINDOWS = Windows()


@dataclass
class Attributed:
    """What became of what was shown.

    Attributes
    ----------
    places : DataFrame
        One row for each place of each list that counts as shown: `list` (number of the recommendation), `user_id`, `item_id`, `position`,
        `score`, `reason`, `surface`, `segment`, `model`, `event_time`, `sequence`, `reasons` (what asked), and whether it was `clicked`,
        `assisted`, `carted`, `bought`, `assisted_bought`, with the `revenue` of what was bought.
    exposed
        True: lists count that a `view_item_list` told of; False: there are none of those, and all that the job emitted count.
    counts
        Events by what became of them.
    """

    places: pl.DataFrame
    exposed: bool
    counts: dict[str, int]


def attribute(shown: pl.DataFrame, reactions: Reactions, windows: Windows = WINDOWS) -> Attributed:
    """Join events to recommendations.

    Parameters
    ----------
    shown
        Of `training.feedback.shown.read_shown`.
    reactions
        Of `training.feedback.events.read_reactions`.
    windows
        How long.
    """
    events = reactions.events
    shown = shown.filter(~pl.col("user_id").is_in(list(reactions.denied)))
    told = events.filter(pl.col("recommendation_id").is_not_null())
    known = told.join(shown.select("recommendation_id", owner="user_id"), on="recommendation_id", how="inner")
    own = known.filter(pl.col("user_id") == pl.col("owner"))
    exposures = own.filter(pl.col("kind") == EXPOSURE)
    exposed = not exposures.is_empty()
    if exposed:
        shown = shown.filter(pl.col("recommendation_id").is_in(own["recommendation_id"].unique().implode()))
    places = _places(shown)
    if exposed:
        places = _seen(places, exposures, own.filter(pl.col("kind") != EXPOSURE))
    acts = own.filter(pl.col("kind") != EXPOSURE)
    direct = acts.join(places.select("place", "recommendation_id", "item_id"), on=["recommendation_id", "item_id"], how="inner")
    clicks = direct.filter(pl.col("kind").is_in(CLICKS))
    places = _displayed(places, clicks)
    views = _assisted(events, places, clicks, windows.view)
    bought = _bought(events, direct, clicks, views, windows.purchase)
    counts = {
        "clicks": len(clicks),
        "assisted_views": len(views),
        "unknown_recommendation": len(told) - len(known),
        "of_another_user": len(known) - len(own),
        "not_in_the_list": len(acts) - len(direct),
    }
    return Attributed(_marked(places, clicks, views, bought), exposed, counts)


def _places(shown: pl.DataFrame) -> pl.DataFrame:
    """One row for each item of each list."""
    lists = shown.select(
        "recommendation_id",
        "user_id",
        "surface",
        "event_time",
        "sequence",
        "reasons",
        segment=pl.col("segment_name"),
        model=pl.concat_str("model_name", pl.lit("/"), "model_version"),
        items=pl.col("items").list.eval(pl.element().struct.with_fields(position=pl.int_range(pl.len(), dtype=pl.Int32))),
    ).with_row_index("list")
    rows = lists.explode("items", empty_as_null=False).unnest("items")
    return rows.with_columns(pl.col("reason").str.split(":").list.first()).with_row_index("place")


def _seen(places: pl.DataFrame, exposures: pl.DataFrame, acts: pl.DataFrame) -> pl.DataFrame:
    """Keep the places that were seen: the whole list, where the exposure has no item; and those that were acted on: no click is blind."""
    whole = exposures.filter(pl.col("item_id").is_null()).select("recommendation_id").unique()
    single = exposures.filter(pl.col("item_id").is_not_null()).select("recommendation_id", "item_id", at="position")
    single = single.unique(["recommendation_id", "item_id"], keep="first", maintain_order=True)
    marked = (
        places.join(whole.with_columns(whole=True), on="recommendation_id", how="left")
        .join(single.with_columns(single=True), on=["recommendation_id", "item_id"], how="left")
        .join(
            acts.select("recommendation_id", "item_id").unique().with_columns(acted=True), on=["recommendation_id", "item_id"], how="left"
        )
    )
    seen = marked.filter(pl.any_horizontal(pl.col("whole", "single", "acted").fill_null(False)))
    return seen.with_columns(position=pl.coalesce("at", "position")).drop("whole", "single", "acted", "at").sort("place")


def _displayed(places: pl.DataFrame, clicks: pl.DataFrame) -> pl.DataFrame:
    """Put a clicked item where the click says that it stood."""
    told = clicks.filter(pl.col("position").is_not_null()).unique("place", keep="first", maintain_order=True).select("place", at="position")
    return places.join(told, on="place", how="left").with_columns(position=pl.coalesce("at", "position")).drop("at").sort("place")


def _assisted(events: pl.DataFrame, places: pl.DataFrame, clicks: pl.DataFrame, window: int) -> pl.DataFrame:
    """Views without an id, of an item that the newest list with it showed not long before; not where that place was clicked anyway."""
    views = events.filter(pl.col("kind").is_in(CLICKS) & pl.col("recommendation_id").is_null())
    found = _before(views, places.select("place", "event_time", *BY), window, exact=False)
    return found.join(clicks.select("place").unique(), on="place", how="anti")


def _bought(events: pl.DataFrame, direct: pl.DataFrame, clicks: pl.DataFrame, views: pl.DataFrame, window: int) -> pl.DataFrame:
    """Carts and purchases: those that name their place, else the last click on the item, else the last assisted view of it."""
    named = direct.filter(pl.col("kind").is_in((CART, PURCHASE)))
    rest = events.filter(pl.col("kind").is_in((CART, PURCHASE)) & ~pl.col("event_id").is_in(named["event_id"].implode()))
    columns = ("event_id", "kind", "event_time", "value", "place", *BY)
    by_click = _before(rest, clicks.select("place", "event_time", *BY), window, exact=True)
    rest = rest.filter(~pl.col("event_id").is_in(by_click["event_id"].implode()))
    by_view = _before(rest, views.select("place", "event_time", *BY), window, exact=True)
    return pl.concat(
        [
            named.select(columns).with_columns(assisted=False),
            by_click.select(columns).with_columns(assisted=False),
            by_view.select(columns).with_columns(assisted=True),
        ]
    )


def _before(events: pl.DataFrame, touches: pl.DataFrame, window: int, *, exact: bool) -> pl.DataFrame:
    """Give each event the place of the newest touch of the same shopper and item before it, where there is one in the window."""
    joined = events.sort("event_time", maintain_order=True).join_asof(
        touches.sort("event_time", "place"),
        on="event_time", by=list(BY), strategy="backward", tolerance=window, allow_exact_matches=exact, check_sortedness=False,
    )  # fmt: skip
    return joined.filter(pl.col("place").is_not_null())


def _marked(places: pl.DataFrame, clicks: pl.DataFrame, views: pl.DataFrame, bought: pl.DataFrame) -> pl.DataFrame:
    certain, purchases = ~pl.col("assisted"), pl.col("kind") == PURCHASE
    marks = {
        "clicked": clicks,
        "assisted": views,
        "carted": bought.filter(certain & (pl.col("kind") == CART)),
        "bought": bought.filter(certain & purchases),
        "assisted_bought": bought.filter(pl.col("assisted") & purchases),
    }
    for name, of in marks.items():
        places = places.join(of.select("place").unique().with_columns(pl.lit(True).alias(name)), on="place", how="left")
    revenue = bought.filter(certain & purchases).group_by("place").agg(revenue=pl.col("value").sum())
    places = places.join(revenue, on="place", how="left").sort("place")
    return places.with_columns(pl.col(list(marks)).fill_null(False), pl.col("revenue").fill_null(0.0))
