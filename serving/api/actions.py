"""What a page asks when it sends the actions of this visit: whose list, for which place, and what she has just done."""

from __future__ import annotations

import re
import uuid
from typing import Any, NamedTuple

from serving.api.access import NOBODY
from serving.api.query import LONGEST_USER, MOST_ITEMS, Queries, checked_user
from serving.collector.checks import Checker, Context
from serving.collector.encoding import Encoder
from serving.collector.fields import Refused
from serving.collector.options import CollectorOptions
from serving.collector.visitor import Visitor
from serving.problems import Problem
from udfs.events import KINDS

MOST_ACTIONS = 200
#: An event that is too old for the collector may still be one that the profile has not seen.
CENTURY_MS = 100 * 365 * 24 * 3600 * 1000
#: Nothing is kept of these actions, and whoever sends them asks for a list that answers them.
GRANTED = {"personalization_storage": "granted"}
NAMES = {"type": "event_name", "name": "event_name", "time": "event_time", "id": "event_id"}
_CAPITAL = re.compile(r"(?<=[a-z0-9])([A-Z])")


class Asked(NamedTuple):
    """A request for a list that answers some actions.

    Attributes
    ----------
    user, surface, n
        As for a stored list.
    datums
        The actions as the records of ``shop_event`` that the collector would keep of them, in order.
    """

    user: str
    surface: str
    n: int
    datums: list[bytes]


class Actions:
    """Reads such requests.

    Parameters
    ----------
    queries
        Knows the surfaces.
    """

    def __init__(self, queries: Queries) -> None:
        self._queries = queries
        self._checker = Checker(CollectorOptions(oldest_ms=CENTURY_MS, id_bytes=4 * LONGEST_USER))
        self._encoder = Encoder()

    def read(self, body: Any, visitor: Visitor, now_ms: int) -> Asked:
        """Read a body.

        Parameters
        ----------
        body
            As it was parsed.
        visitor
            What headers say of her.
        now_ms
            The clock.

        Raises
        ------
        Problem
            400 or 422: what is wrong.
        """
        if not isinstance(body, dict):
            raise Problem(400, "a body is an object with userId and actions")
        given = {_snake(name): value for name, value in body.items()}
        user, surface, n, actions = given.get("user_id"), given.get("surface"), given.get("n"), given.get("actions", [])
        if not isinstance(user, str):
            raise Problem(400, "userId is a text", field="userId")
        if surface is not None and not isinstance(surface, str):
            raise Problem(400, "surface is a text", field="surface")
        if n is not None and (type(n) is not int or not 1 <= n <= MOST_ITEMS):
            raise Problem(400, f"n is a whole number from 1 to {MOST_ITEMS}", field="n")
        if not isinstance(actions, list):
            raise Problem(400, "actions is a list", field="actions")
        if len(actions) > MOST_ACTIONS:
            raise Problem(413, f"at most {MOST_ACTIONS} actions: those of this visit are enough", field="actions")
        asked = Asked(checked_user(user), self._queries.surface(surface), n or MOST_ITEMS, [])
        if user != NOBODY:
            consent = GRANTED if given.get("consent") is None else given["consent"]
            context = Context(now_ms, 0, {"user_id": user, "consent": consent}, visitor)
            asked.datums.extend(self._datum(at, action, context) for at, action in enumerate(actions))
        return asked

    def _datum(self, at: int, action: Any, context: Context) -> bytes:
        field = f"actions/{at}"
        if not isinstance(action, dict):
            raise Problem(422, f"action {at}: an action is an object", field=field)
        event = {NAMES.get(name, name): value for name, value in ((_snake(name), value) for name, value in action.items())}
        if event.get("event_name") not in KINDS:
            raise Problem(422, f"action {at}: type is one of {', '.join(KINDS)}", field=f"{field}/type")
        if event.get("event_id") is None:
            event["event_id"] = str(uuid.uuid4())
        # Whose actions they are is said once; what an action says of it would be somebody else.
        event["user_id"] = context.defaults["user_id"]
        try:
            checked = self._checker.check(event, context, {})
        except Refused as refused:
            raise Problem(422, f"action {at}: {refused}", field=f"{field}/{refused.field}" if refused.field else field) from None
        return self._encoder.datum(checked)


def _snake(name: str) -> str:
    """Give the name of a field as the schema has it.

    Examples
    --------
    >>> _snake("itemId"), _snake("item_id"), _snake("itemCategory2")
    ('item_id', 'item_id', 'item_category2')
    """
    return _CAPITAL.sub(r"_\1", name).lower()
