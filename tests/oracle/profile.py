"""Section "Profile": the windowed profile of one user and the application of one event to it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from tests.oracle.constants import (
    BOUGHT,
    CART_DELAY,
    CATEGORIES,
    GROUPS,
    ITEMS,
    LONG_PANE,
    LONG_PANES,
    SEEN,
    SHORT_PANE,
    SHORT_PANES,
    VISIT_GAP,
)
from tests.oracle.events import Event


def sat16(x: int) -> int:
    return min(x, 65_535)


@dataclass
class Category:
    """One entry of the categories: evidence for it as the next focus, and its counts by pane."""

    category: int = 0
    own: int = 0
    evidence: int = 0
    short: list[int] = field(default_factory=lambda: [0] * SHORT_PANES)
    long: list[int] = field(default_factory=lambda: [0] * LONG_PANES)
    affinity: int = 0

    def clear(self) -> None:
        self.category = self.own = self.evidence = self.affinity = 0
        self.short = [0] * SHORT_PANES
        self.long = [0] * LONG_PANES


@dataclass
class Profile:
    """All fields of the table of the page, in its order and under its names."""

    version: int = 2
    n_events: int = 0
    first_time: int = 0
    last_time: int = 0
    clock: int = 0
    visits: int = 0
    visit_start: int = 0
    visit_events: int = 0
    counts: list[int] = field(default_factory=lambda: [0] * GROUPS)
    engagement_ms: int = 0
    price_sum: float = 0.0
    price_n: int = 0
    monetary: float = 0.0
    last_purchase_time: int = 0
    cart_items: int = 0
    cart_deadline: int = 0
    abandoned: int = 0
    device: int = 0
    country: int = 0
    segment: int = -1
    segments_of: int = 0
    focus: int = 0
    shifts: int = 0
    shift_time: int = 0
    items: list[tuple[int, int, int]] = field(default_factory=lambda: [(0, 0, 0)] * ITEMS)
    items_n: int = 0
    bought: list[int] = field(default_factory=lambda: [0] * BOUGHT)
    bought_n: int = 0
    categories: list[Category] = field(default_factory=lambda: [Category() for _ in range(CATEGORIES)])
    seen: list[int] = field(default_factory=lambda: [0] * SEEN)
    seen_n: int = 0
    click_propensity: float = 0.0
    purchase_propensity: float = 0.0
    churn_risk: float = 0.0

    def copy(self) -> Profile:
        return replace(
            self,
            counts=self.counts[:],
            items=self.items[:],
            bought=self.bought[:],
            categories=[replace(entry, short=entry.short[:], long=entry.long[:]) for entry in self.categories],
            seen=self.seen[:],
        )

    def entry_of(self, category: int) -> int:
        """The index of a category's entry; -1 if it has none."""
        for index, entry in enumerate(self.categories):
            if entry.category == category:
                return index
        return -1

    def take_entry(self, category: int) -> tuple[int, bool]:
        """Step 11: the entry of a category, which takes one if it has none; and whether it did."""
        index = self.entry_of(category)
        if index >= 0:
            return index, False
        index = self.entry_of(0)
        if index < 0:
            candidates = [i for i in range(CATEGORIES) if self.categories[i].category != self.focus]
            index = min(candidates, key=lambda i: (sum(self.categories[i].long), i))
        self.categories[index].clear()
        self.categories[index].category = category
        return index, True


def in_short_window(profile: Profile, t: int) -> bool:
    return profile.last_time // SHORT_PANE - SHORT_PANES + 1 <= t // SHORT_PANE <= profile.last_time // SHORT_PANE


def in_long_window(profile: Profile, t: int) -> bool:
    return profile.last_time // LONG_PANE - LONG_PANES + 1 <= t // LONG_PANE <= profile.last_time // LONG_PANE


def is_duplicate(profile: Profile, event: Event) -> bool:
    """Step 1."""
    return event.event_id in profile.seen


def mark_seen(profile: Profile, event: Event) -> None:
    """Step 3."""
    profile.seen[profile.seen_n % SEEN] = event.event_id
    profile.seen_n += 1


def is_too_late(profile: Profile, event: Event) -> bool:
    """Step 4."""
    return profile.n_events > 0 and event.time // LONG_PANE < profile.last_time // LONG_PANE - 3


def fire(profile: Profile) -> None:
    """What firing the standing deadline does to the profile."""
    profile.abandoned = sat16(profile.abandoned + 1)
    profile.clock = max(profile.clock, profile.cart_deadline)
    profile.cart_deadline = 0


def begin_visit(profile: Profile, event: Event) -> bool:
    """Step 5; tells whether a visit starts."""
    if profile.n_events == 0 or event.time > profile.last_time + VISIT_GAP:
        profile.visits += 1
        profile.visit_start = event.time
        profile.visit_events = 0
        return True
    return False


def advance(profile: Profile, t: int) -> None:
    """Step 6: the windows move, and what leaves them is forgotten."""
    if profile.n_events == 0:
        profile.first_time = profile.last_time = t
    elif t > profile.last_time:
        for entry in profile.categories:
            for pane in _new_panes(profile.last_time // SHORT_PANE, t // SHORT_PANE, SHORT_PANES):
                entry.short[pane % SHORT_PANES] = 0
            for pane in _new_panes(profile.last_time // LONG_PANE, t // LONG_PANE, LONG_PANES):
                entry.long[pane % LONG_PANES] = 0
        profile.last_time = t
    else:
        profile.first_time = min(profile.first_time, t)
    profile.clock = max(profile.clock, t)


def _new_panes(last: int, now: int, panes: int) -> range:
    """The panes after `last` up to `now`; of a long way only the last turn of the ring, which reaches every place."""
    return range(max(last + 1, now - panes + 1), now + 1)


def count(profile: Profile, event: Event) -> None:
    """Steps 7 and 8."""
    profile.n_events += 1
    profile.visit_events = sat16(profile.visit_events + 1)
    profile.counts[event.group] = sat16(profile.counts[event.group] + 1)
    profile.engagement_ms = min(profile.engagement_ms + event.engagement_ms, (1 << 32) - 1)
    if event.time == profile.last_time:
        profile.device = event.device or profile.device
        profile.country = event.country or profile.country
    if event.event_name == "view_item" and event.price > 0:
        profile.price_sum += event.price
        profile.price_n += 1


def trade(profile: Profile, event: Event) -> None:
    """Step 9: cart, deadline and money."""
    t = event.time
    moved = max(profile.cart_deadline, t + CART_DELAY)
    if event.event_name == "add_to_cart":
        profile.cart_items = sat16(profile.cart_items + event.quantity)
        profile.cart_deadline = moved
    elif event.event_name in ("remove_from_cart", "purchase"):
        left = profile.cart_items - event.quantity if event.event_name == "remove_from_cart" else 0
        profile.cart_items = max(0, left)
        if profile.cart_items == 0:
            profile.cart_deadline = 0
        elif profile.cart_deadline > 0:
            profile.cart_deadline = moved
    elif profile.cart_deadline > 0:
        profile.cart_deadline = moved

    if event.event_name == "purchase":
        profile.monetary += event.price * event.quantity
        profile.last_purchase_time = max(profile.last_purchase_time, t)
        if event.item:
            profile.bought[profile.bought_n % BOUGHT] = event.item >> 32
            profile.bought_n += 1
    elif event.event_name == "refund":
        profile.monetary -= event.price * event.quantity


def push_item(profile: Profile, event: Event) -> None:
    """Step 10."""
    if not event.goes_to_ring or event.item == 0:
        return
    entry = (event.item, event.kind, profile.visits % 256)
    newest = (profile.items_n - 1) % ITEMS
    if profile.items_n > 0 and profile.items[newest][0] == event.item:
        profile.items[newest] = entry
    else:
        profile.items[profile.items_n % ITEMS] = entry
        profile.items_n += 1


def count_interest(profile: Profile, c: int, t: int) -> None:
    """The counts of step 11."""
    entry = profile.categories[c]
    if in_short_window(profile, t):
        place = t // SHORT_PANE % SHORT_PANES
        entry.short[place] = min(entry.short[place] + 1, 255)
    if in_long_window(profile, t):
        place = t // LONG_PANE % LONG_PANES
        entry.long[place] = sat16(entry.long[place] + 1)
