"""The history that training learns from: an archive's events, once each, as the job would apply them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from training.decoding import Progress, decode_archive
from training.sessions import number_sessions
from udfs.decode import Decoder
from udfs.events import EVENT
from udfs.hashing import hash_span
from udfs.schemas import LocalSchemas
from udfs.windows import LONG_PANE_MS

TEXTS = ("item_id", "item_category", "item_category2", "item_brand", "item_name")


class ItemTexts(NamedTuple):
    """What events say of an item."""

    item_id: str
    category: str
    subcategory: str
    brand: str
    title: str


@dataclass
class History:
    """Events with consent, in log order.

    Attributes
    ----------
    events : EVENT[n]
        `user` numbers the users from 0; no event twice, none that is too late for a profile.
    users
        How many users.
    items : dict
        What the events say of an item, by its hash.
    categories : dict
        Names of categories by hash.
    rejects, denied
        Values that are no events; events without consent.
    user_hash : u8[users]
        `hash64` of the users, by number.
    recommendation : u8[n]
        `hash64` of the `recommendation_id` of each event, 0 for none.
    """

    events: NDArray[np.void]
    users: int
    session: NDArray[np.int64]
    items: dict[int, ItemTexts]
    categories: dict[int, str]
    rejects: int
    denied: int
    user_hash: NDArray[np.uint64] = field(default_factory=lambda: np.empty(0, np.uint64))
    recommendation: NDArray[np.uint64] = field(default_factory=lambda: np.empty(0, np.uint64))


def read_history(archive: Path, progress: Progress | None = None) -> History:
    """Read an archive.

    Parameters
    ----------
    archive
        The folder.
    progress
        Called with events read and to read.

    Raises
    ------
    udfs.archive.ArchiveError
        It cannot be read.
    """
    decoder = Decoder(LocalSchemas(), keep=("user_id", "session_id", "recommendation_id", *TEXTS))
    items: dict[int, ItemTexts] = {}
    categories: dict[int, str] = {}
    parts, hashes, sessions, shown = [np.empty(0, EVENT)], *([np.empty(0, np.uint64)] for _ in range(3))
    rejects = denied = 0
    for _, decoded, lost in decode_archive(archive, decoder, progress):
        rejects += lost
        kept = decoded.good & decoded.granted
        denied += int((decoded.good & ~decoded.granted).sum())
        rows = np.flatnonzero(kept)
        events = decoded.events[rows]
        parts.append(events)
        hashes.append(decoded.users[rows])
        for of, name in ((sessions, "session_id"), (shown, "recommendation_id")):
            of.append(_hashes(decoded.data, decoded.spans[rows, decoded.keep.index(name)]))
        _learn_items(decoded, events, rows, items)
        _learn_categories(decoded, events, rows, categories)
    names, users = np.unique(np.concatenate(hashes), return_inverse=True)
    events = np.concatenate(parts)
    events["user"] = users
    _, first = np.unique(events["event_id"], return_index=True)
    kept = np.sort(first)
    kept = kept[_in_time(events[kept], len(names))]
    events = events[kept]
    session = number_sessions(events, np.concatenate(sessions)[kept])
    recommendation = np.concatenate(shown)[kept]
    return History(events, len(names), session, items, categories, rejects, denied, names, recommendation)


def _learn_items(decoded: Any, events: NDArray[np.void], rows: NDArray[np.int64], items: dict[int, ItemTexts]) -> None:
    hashes, first = np.unique(events["item"], return_index=True)
    new = [i for i, item in enumerate(hashes.tolist()) if item and item not in items]
    texts = [decoded.strings(name, rows[first[new]]) for name in TEXTS]
    for i, *of_item in zip(new, *texts, strict=True):
        items[int(hashes[i])] = ItemTexts(*(text or "" for text in of_item))


def _learn_categories(decoded: Any, events: NDArray[np.void], rows: NDArray[np.int64], categories: dict[int, str]) -> None:
    hashes, first = np.unique(events["category"], return_index=True)
    new = [i for i, category in enumerate(hashes.tolist()) if category and category not in categories]
    for i, name in zip(new, decoded.strings("item_category", rows[first[new]]), strict=True):
        categories[int(hashes[i])] = name or ""


@numba.njit(cache=True)
def _hashes(data: Any, spans: Any) -> Any:
    """Hash the texts in some spans; 0 where there is none."""
    hashes = np.empty(len(spans), np.uint64)
    for i in range(len(spans)):
        hashes[i] = hash_span(data, spans[i, 0], spans[i, 1])
    return hashes


@numba.njit(cache=True)
def _in_time(events: Any, users: int) -> Any:
    """Find the events that a profile would not pass over as too late."""
    kept = np.ones(len(events), np.bool_)
    newest = np.full(users, -1, np.int64)
    for i in range(len(events)):
        user, pane = events[i].user, events[i].event_time // LONG_PANE_MS
        if newest[user] >= 0 and pane < newest[user] - 3:
            kept[i] = False
        else:
            newest[user] = max(newest[user], pane)
    return kept
