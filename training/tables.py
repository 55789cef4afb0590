"""Tables of a bundle from a stretch of history."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from training.content import content_similarity
from training.interactions import WEIGHTS
from training.item_to_item import LISTED as NEIGHBOURS
from training.item_to_item import association_rules, merge_methods, sequential_rules
from training.items import Items
from training.retrieval import Retrieval
from training.sequence.fit import fit_network
from training.sequence.nearest import following_items
from training.sequence.network import Network, no_network
from training.session_index import SessionIndex, index_sessions
from training.sessions import Sessions, item_numbers
from udfs.events import KIND
from udfs.segments import COLD_START
from udfs.tables import COLD_SEGMENTS, RankTables
from udfs.writing import spans

LISTED, LISTED_OF_CATEGORY, POPULAR, SHORT_LIST = 100, 60, 1000, 100
RECENT_SHARE = 0.1
BYTE = 127
FEW, LEAST_RECENT = 8, 3
Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]


class Built(NamedTuple):
    """Tables, the past sessions that they hold, and the network of these sessions, whose item vectors are the embeddings."""

    tables: RankTables
    past: SessionIndex
    network: Network


def build_tables(
    items: Items,
    events: NDArray[np.void],
    sessions: Sessions,
    segment: NDArray[np.int32],
    segments: int,
    until: int,
    seed: int,
    retrieval: Retrieval | None = None,
    embed: bool = True,
) -> Built:
    """Build the tables from what happened before a time.

    Parameters
    ----------
    items
        All items that shall be known.
    events : EVENT[n]
        History in log order.
    sessions
        Its sessions.
    segment : i4[n]
        The user's segment after each event.
    segments
        Number of centroids.
    until
        Events from this time on are not looked at, in ms.
    seed
        Of the network.
    retrieval
        How candidates are found; None: the usual way.
    embed
        Whether to fit the network, which takes most of the time; without it the embeddings are 0.
    """
    retrieval = retrieval or Retrieval()
    before = events["event_time"] < until
    item, order = _popular_first(items, events, before)
    items = items.ordered(order)
    count = len(order)
    weight = np.where(item >= 0, WEIGHTS[events["kind"]], 0.0)
    rows = np.flatnonzero(before & (weight > 0))
    of, by, times = item[rows], weight[rows], events["event_time"][rows]
    total = _sums(of, weights=by, count=count)
    recent, expected = _recent(of, by, times, count)
    first = int(times.min()) if len(rows) else 0
    trend = recent / (recent + expected + LEAST_RECENT)
    is_new = (total < FEW) & (items.created_at > first) & (items.created_at <= until)
    numbers = np.arange(count)
    stock = items.in_stock
    risen = (recent - expected) / np.sqrt(expected + LEAST_RECENT)
    categories, category_row = np.unique(items.category, return_inverse=True)
    known = categories != 0
    index = index_sessions(_before(sessions, events, items, until), count)
    network = fit_network(index.items, index.ends, count, seed) if embed and len(index.ends) else no_network(count)
    methods = [association_rules(index, count), sequential_rules(index, count), content_similarity(items)]
    neighbours, similarity = merge_methods(methods, following_items(network, NEIGHBOURS)[0], np.array(retrieval.blend[1:]))
    item_ids, item_id_ends = spans([text.encode() for text in items.ids])
    tables = RankTables(
        item_ids=item_ids,
        item_id_ends=item_id_ends,
        item_hash=items.hash,
        item_category=items.category,
        item_subcategory=items.subcategory,
        item_brand=items.brand,
        in_stock=stock.astype(np.uint8),
        log_price=np.log1p(items.price).astype(np.float32),
        popularity=_scaled(np.log1p(total)).astype(np.float32),
        category_popularity=_share_of_best(total, category_row).astype(np.float32),
        trend=trend.astype(np.float32),
        conversion=_conversion(item, events, before, count).astype(np.float32),
        is_new=is_new.astype(np.float32),
        item_vectors=np.rint(BYTE * network.items).astype(np.int8),
        neighbours=neighbours,
        similarity=similarity,
        session_items=index.items,
        session_ends=index.ends,
        session_weight=np.empty(0, np.float32),
        item_sessions=index.of_item,
        item_session_ends=index.of_item_ends,
        place_weights=np.empty(0),
        distance_weights=np.empty(0),
        blend=np.empty(0),
        quotas=np.empty(0, np.int32),
        categories=categories[known].astype(np.uint32),
        category_items=np.array(
            [_best(numbers[(category_row == row) & stock], total, LISTED_OF_CATEGORY) for row in np.flatnonzero(known)], np.int32
        ).reshape(-1, LISTED_OF_CATEGORY),
        segment_items=_segment_items(of, by, segment[rows], segments, total, stock),
        trending=_best(numbers[stock & (recent >= LEAST_RECENT) & (risen > 0)], risen, SHORT_LIST),
        new=_best(numbers[stock & is_new], items.created_at, SHORT_LIST),
        popular=_best(numbers[stock], total, min(count, POPULAR)),
    )
    return Built(retrieval.apply(tables, index), index, network)


def _before(sessions: Sessions, events: NDArray[np.void], items: Items, until: int) -> Sessions:
    """Keep the clicks before a time, with the numbers that the items have now."""
    times = events["event_time"][sessions.rows]
    of = np.repeat(np.arange(len(sessions.ends)), sessions.lengths)[times < until]
    rows, times = sessions.rows[times < until], times[times < until]
    _, lengths = np.unique(of, return_counts=True)
    ends = np.cumsum(lengths)
    last = np.maximum.reduceat(times, ends - lengths) if len(ends) else times
    first = np.minimum.reduceat(times, ends - lengths) if len(ends) else times
    return Sessions(item_numbers(events["item"][rows], items.hash), rows, ends, first, last)


def _popular_first(items: Items, events: NDArray[np.void], before: NDArray[np.bool_]) -> tuple[Numbers, Numbers]:
    """Number the items by how much they were looked at, then by id; give the number of each event's item (-1: none), and the order."""
    by_hash = np.argsort(items.hash)
    at = np.minimum(np.searchsorted(items.hash[by_hash], events["item"]), max(0, len(by_hash) - 1))
    row = by_hash[at] if len(by_hash) else at
    row = np.where((items.hash[row] == events["item"]) if len(by_hash) else False, row, -1)
    counted = before & (row >= 0)
    total = _sums(row[counted], weights=WEIGHTS[events["kind"][counted]], count=len(items.ids))
    order = np.lexsort((np.array(items.ids, dtype=object).astype(str), -total))
    number = np.empty(len(order) + 1, np.int64)
    number[order], number[-1] = np.arange(len(order)), -1
    return number[row], order


def _recent(of: Numbers, by: Floats, times: Numbers, count: int) -> tuple[Floats, Floats]:
    """Sum the last tenth of the time, and what the rest lets expect of it."""
    if not len(times):
        return np.zeros(count), np.zeros(count)
    start = times.max() - RECENT_SHARE * (times.max() - times.min())
    late = times >= start
    recent = _sums(of[late], weights=by[late], count=count)
    return recent, _sums(of[~late], weights=by[~late], count=count) * (RECENT_SHARE / (1 - RECENT_SHARE))


def _conversion(item: Numbers, events: NDArray[np.void], before: NDArray[np.bool_], count: int) -> Floats:
    """Carts a view, drawn towards the mean of all items where there are few views."""
    counted = before & (item >= 0)
    views = _sums(item[counted & (events["kind"] == KIND["view_item"])], count=count)
    carts = _sums(item[counted & (events["kind"] == KIND["add_to_cart"])], count=count)
    mean = carts.sum() / max(1, views.sum())
    rate: Floats = np.clip((carts + 10 * mean) / (views + 10), 0.0, 1.0)
    return rate


def _segment_items(
    of: Numbers, by: Floats, segment: NDArray[np.int32], segments: int, total: Floats, stock: NDArray[np.bool_]
) -> NDArray[np.int32]:
    rows = np.where(segment >= COLD_START, segments + segment - COLD_START, segment)
    lists = []
    for row in range(segments + COLD_SEGMENTS):
        mine = rows == row
        liked = _sums(of[mine], weights=by[mine], count=len(total))
        # What all like fills up after what the segment likes.
        lists.append(_best(np.flatnonzero(stock), liked + 1e-6 * total, LISTED))
    return np.array(lists, np.int32).reshape(-1, LISTED)


def _sums(of: NDArray[Any], count: int, weights: NDArray[Any] | None = None) -> Floats:
    sums: Floats = np.bincount(of, weights, count).astype(np.float64)
    return sums


def _best(numbers: Numbers, values: NDArray[np.generic], most: int) -> NDArray[np.int32]:
    """List the best of some items, padded to `most`."""
    best = numbers[np.lexsort((numbers, -values[numbers].astype(np.float64)))][:most]
    listed = np.full(most, -1, np.int32)
    listed[: len(best)] = best
    return listed


def _scaled(values: Floats) -> Floats:
    scaled: Floats = values / max(1e-9, float(values.max(initial=0.0)))
    return scaled


def _share_of_best(total: Floats, group: Numbers) -> Floats:
    best = np.zeros(int(group.max(initial=-1)) + 1)
    np.maximum.at(best, group, total)
    share: Floats = np.log1p(total) / np.maximum(1e-9, np.log1p(best[group]))
    return share
