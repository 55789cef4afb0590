"""Hypothesis strategies for logs: few users and categories, times at the edges of panes, visits and windows, repeats, late events."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.oracle.constants import CART_DELAY, KINDS, LONG_PANE, SHORT_PANE, VISIT_GAP
from tests.oracle.events import Event
from tests.oracle.hashes import category_hash, event_id_hash, item_hash
from tests.oracle.segments import Segments

START = 1_700_000_000_000
CATEGORIES = tuple(category_hash(f"category {i}") for i in range(14))
ITEMS = tuple(item_hash(f"item {i}") for i in range(30))

_EDGES = (SHORT_PANE, VISIT_GAP, CART_DELAY, LONG_PANE, -VISIT_GAP, -LONG_PANE, -5 * LONG_PANE, 5 * LONG_PANE)
_STEPS = st.one_of(
    st.integers(0, 20_000),
    st.integers(0, 2 * SHORT_PANE),
    st.integers(-90_000, 0),
    st.sampled_from(
        [
            edge + d
            for edge in (SHORT_PANE, VISIT_GAP, CART_DELAY, LONG_PANE, -VISIT_GAP, -LONG_PANE, -5 * LONG_PANE, 5 * LONG_PANE)
            for d in (-1, 0, 1)
        ]
    ),
)
_KINDS = st.one_of(
    st.sampled_from(["view_item", "select_item", "add_to_cart", "remove_from_cart", "purchase", "search"]), st.sampled_from(list(KINDS))
)
_CATEGORIES = st.one_of(st.sampled_from(CATEGORIES[:3]), st.sampled_from((0, *CATEGORIES)))
_PRICES = st.one_of(st.just(0.0), st.floats(0, 1e6, allow_nan=False), st.sampled_from([0.1, 19.99, 1e308]))


@st.composite
def events(draw: st.DrawFn, max_events: int = 120, users: int = 3) -> list[Event]:
    """A log of some users' events, in the order of the log."""
    log: list[Event] = []
    now = dict.fromkeys(range(users), START)
    for n in range(draw(st.integers(0, max_events))):
        if log and draw(st.integers(0, 9)) == 0:
            log.append(draw(st.sampled_from(log)))
            continue
        user = draw(st.integers(0, users - 1))
        now[user] += draw(_STEPS)
        log.append(
            Event(
                user_id=f"u{user}",
                event_name=draw(_KINDS),
                time=now[user],
                event_id=event_id_hash(f"e{n}"),
                item=draw(st.sampled_from((0, *ITEMS))),
                category=draw(_CATEGORIES),
                device=draw(st.integers(0, 4)),
                country=draw(st.sampled_from([0, ord("D") + 256 * ord("E"), ord("F") + 256 * ord("R")])),
                price=draw(_PRICES),
                quantity=draw(st.sampled_from([1, 1, 1, 2, 40_000, 2**31 - 1])),
                engagement_ms=draw(st.sampled_from([0, 100, 30_000, 2**31 - 1])),
            )
        )
    return log


@st.composite
def visits(draw: st.DrawFn, users: int = 2) -> list[Event]:
    """Long visits with one category after the other, so that a focus is adopted, kept, left and evicted."""
    log: list[Event] = []
    now = dict.fromkeys(range(users), START)
    for _ in range(draw(st.integers(1, 12))):
        user = draw(st.integers(0, users - 1))
        category = draw(st.sampled_from(CATEGORIES))
        noise = draw(st.sampled_from(CATEGORIES))
        every = draw(st.integers(2, 9))
        step = draw(st.sampled_from([1_000, 40_000, 250_000]))
        now[user] += draw(st.sampled_from([0, 0, VISIT_GAP + 1, LONG_PANE]))
        for n in range(draw(st.integers(1, 14))):
            now[user] += step
            log.append(
                Event(
                    user_id=f"u{user}",
                    event_name=draw(st.sampled_from(["view_item", "view_item", "select_item", "add_to_cart", "purchase", "page_view"])),
                    time=now[user],
                    event_id=event_id_hash(f"e{len(log)}"),
                    item=ITEMS[(n * 7 + user) % len(ITEMS)],
                    category=noise if n % every == every - 1 else category,
                    device=draw(st.integers(0, 2)),
                    price=draw(_PRICES),
                )
            )
    return log


def logs() -> st.SearchStrategy[list[Event]]:
    """Either kind of log."""
    return st.one_of(events(), visits())


def cuts(size: int) -> st.SearchStrategy[list[int]]:
    """Where a log of a size is cut into batches."""
    return st.lists(st.integers(0, size), max_size=8).map(sorted)


@st.composite
def segments(draw: st.DrawFn) -> Segments:
    """None, or a few centroids over some of the categories."""
    count = draw(st.integers(0, 4))
    categories = sorted(draw(st.sets(st.sampled_from(CATEGORIES), max_size=8)))
    number = st.floats(0, 1, allow_nan=False, width=16)
    centroids = [[draw(number) for _ in range(len(categories) + 3)] for _ in range(count)]
    return Segments(tuple(categories), tuple(tuple(centroid) for centroid in centroids))
