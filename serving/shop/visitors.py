"""Made-up shoppers who come to the shop by its front door: they get their lists from the API and send their events to the collector."""

from __future__ import annotations

import heapq
import itertools
import random
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import requests

from serving.shop.articles import facts
from serving.shop.catalogue import Catalogue, Category, Item

#: Shoppers come back: so many there are.
SHOPPERS = 400
ACTIONS, PAUSE_SECONDS = (6, 18), (1.0, 5.0)
SWERVE, CART, BUY, SEARCH, BACK_HOME = 0.4, 0.12, 0.35, 0.06, 0.22
SHOWN = 8
#: Chance of a click on an item that she came for, at the first place, and on another.
TAKEN, PASSED_BY = 0.3, 0.02
TIMEOUT = 5.0

Send = Callable[[str, list[dict[str, Any]]], None]
"""Sends a shopper's events."""
Show = Callable[[str], dict[str, Any]]
"""Gives what a shopper is shown."""


@dataclass
class Visit:
    """A shopper in the shop, and what is left of her visit."""

    user: str
    session: str
    intent: Category
    left: int
    swerve_at: int | None
    cart: list[Item] = field(default_factory=list)


class Visitors:
    """Keeps the shop busy.

    Parameters
    ----------
    catalogue
        The articles.
    send, show
        The collector and the API.
    per_minute
        Visits that begin a minute.
    seed
        The same seed, the same shoppers; when they act depends on the clock.
    """

    def __init__(self, catalogue: Catalogue, send: Send, show: Show, per_minute: float, seed: int = 1) -> None:
        self._catalogue, self._send, self._show, self._per_minute = catalogue, send, show, per_minute
        self._random = random.Random(seed)
        self._categories = list(catalogue.categories.values())
        self._weights = [1 / (rank + 2) ** 0.5 for rank in range(len(self._categories))]
        self._number = itertools.count()

    def run(self, stop: threading.Event) -> None:
        """Go on until told to stop; a shop that does not answer is tried again."""
        due: list[tuple[float, int, Visit | None]] = [(time.monotonic(), next(self._number), None)]
        while not stop.is_set():
            at, _, visit = heapq.heappop(due)
            if stop.wait(max(0.0, at - time.monotonic())):
                return
            if visit is None:
                heapq.heappush(due, (at + self._random.expovariate(self._per_minute / 60), next(self._number), None))
                visit = self.arrive()
            try:
                self.act(visit)
            except (requests.RequestException, ValueError):
                stop.wait(1)
            if visit.left > 0:
                heapq.heappush(due, (time.monotonic() + self._random.uniform(*PAUSE_SECONDS), next(self._number), visit))

    def arrive(self) -> Visit:
        """Let somebody come in, with something in mind."""
        choose = self._random
        (intent,) = choose.choices(self._categories, self._weights)
        actions = choose.randint(*ACTIONS)
        swerve_at = choose.randint(2, actions - 2) if choose.random() < SWERVE else None
        return Visit(f"s{choose.randrange(SHOPPERS):04d}", uuid.uuid4().hex, intent, actions, swerve_at)

    def act(self, visit: Visit) -> None:
        """Let her do one thing."""
        choose = self._random
        visit.left -= 1
        if visit.left == visit.swerve_at:
            (visit.intent,) = choose.choices(self._categories, self._weights)
        if visit.left == 0 and visit.cart and choose.random() < BUY:
            self._tell(visit, *(("purchase", {**facts(item), "quantity": 1, "transaction_id": uuid.uuid4().hex}) for item in visit.cart))
        elif choose.random() < BACK_HOME:
            self._home(visit)
        elif choose.random() < SEARCH:
            self._tell(visit, ("search", {"search_term": visit.intent.name.lower()}))
        else:
            items = visit.intent.items
            self._look(visit, items[min(int(choose.expovariate(4 / len(items))), len(items) - 1)])

    def _home(self, visit: Visit) -> None:
        """She sees the list on the home page, and may click on something."""
        shown = self._show(visit.user)
        listed = [self._catalogue.items[one["item_id"]] for one in shown["items"][:SHOWN] if one["item_id"] in self._catalogue.items]
        marks = [{"recommendation_id": shown["recommendation_id"], "recommendation_position": place} for place in range(len(listed))]
        seen = [("view_item_list", {**facts(item), **mark}) for item, mark in zip(listed, marks, strict=True)]
        self._tell(visit, ("page_view", {}), *seen)
        for item, mark in zip(listed, marks, strict=True):
            wanted = TAKEN if item.category == visit.intent.name else PASSED_BY
            if self._random.random() < wanted / (1 + 0.25 * int(mark["recommendation_position"])):
                self._tell(visit, ("select_item", {**facts(item), **mark}))
                self._look(visit, item)
                return

    def _look(self, visit: Visit, item: Item) -> None:
        events: list[tuple[str, dict[str, Any]]] = [("view_item", {**facts(item), "engagement_ms": self._random.randrange(2_000, 40_000)})]
        if self._random.random() < CART:
            events.append(("add_to_cart", {**facts(item), "quantity": 1}))
            visit.cart.append(item)
        self._tell(visit, *events)

    def _tell(self, visit: Visit, *events: tuple[str, dict[str, Any]]) -> None:
        now = time.time_ns() // 1_000_000
        head = {"session_id": visit.session}
        told = [
            {**head, "event_id": uuid.uuid4().hex, "event_name": name, "event_time": now + k, **known(fields)}
            for k, (name, fields) in enumerate(events)
        ]
        self._send(visit.user, told)


def known(fields: dict[str, Any]) -> dict[str, Any]:
    """Give the fields that say something."""
    return {name: value for name, value in fields.items() if value is not None}


class FrontDoor:
    """The collector and the API, as a shopper's browser reaches them.

    Parameters
    ----------
    address
        Of the server.
    write_key
        What the collector asks for.
    token
        Gives a shopper's token; none: none is asked for.
    """

    def __init__(self, address: str, write_key: str | None, token: Callable[[str], str] | None) -> None:
        self._address, self._write_key, self._token = address, write_key, token
        self._session = requests.Session()

    def send(self, user: str, events: list[dict[str, Any]]) -> None:
        """Send events."""
        body = {
            "write_key": self._write_key,
            "sent_at": time.time_ns() // 1_000_000,
            "user_id": user,
            "device": "desktop",
            "consent": {"analytics_storage": "granted", "personalization_storage": "granted"},
            "events": events,
        }
        self._session.post(f"{self._address}/v1/events", json=body, timeout=TIMEOUT).raise_for_status()

    def show(self, user: str) -> dict[str, Any]:
        """Get the list of the home page."""
        headers = {"Authorization": f"Bearer {self._token(user)}"} if self._token else {}
        answer = self._session.get(f"{self._address}/v1/recommendations/{user}", params={"n": SHOWN}, headers=headers, timeout=TIMEOUT)
        answer.raise_for_status()
        shown: dict[str, Any] = answer.json()
        return shown
