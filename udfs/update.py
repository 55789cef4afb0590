"""The kernel of the job: events of some users, in log order, applied to their profiles. Defined in `docs/semantics.md`."""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

from udfs.events import COUNT_GROUP, EVENT, GOES_TO_RING, IS_INTEREST, KIND
from udfs.profile import BOUGHT, CATEGORIES, LONG_PANES, PROFILE, RING, SEEN, SHORT_PANES, empty_profiles, pack_profiles, unpack_profiles
from udfs.segments import COLD_START, SegmentModel, choose, is_foreign, mark_of, put
from udfs.shift import ADOPTED, NOTHING, SHIFTED, begin_entry, begin_visit, observe
from udfs.windows import LONG_PANE_MS, SHORT_PANE_MS, advance, in_window, long_count

VISIT_GAP_MS = 1_800_000
CART_DELAY_MS = 600_000
EVENT_ASKS, SHIFT_ASKS, CART_ASKS, PURCHASE_ASKS, NTH_ASKS, DEADLINE_ASKS = 1, 2, 4, 8, 16, 32
FIRST, SHIFT, WARM, INTEREST, CONTEXT, MODEL = range(6)
CAUSES = ("first", "shift", "warm", "interest", "context", "model")

#: A segment change; `user` is a position in the profiles, `cause` one in `CAUSES`.
CHANGE = np.dtype(
    [
        ("user", "<i4"),
        ("sequence", "<u4"),
        ("event_time", "<i8"),
        ("from_segment", "<i4"),
        ("to_segment", "<i4"),
        ("cause", "u1"),
        ("focus_before", "<u4"),
        ("focus_after", "<u4"),
    ]
)
COUNTERS = ("applied", "duplicates", "too_late", "shifts", "deadlines", "requests")
_APPLIED, _DUPLICATES, _TOO_LATE, _SHIFTS, _DEADLINES, _REQUESTS = range(6)
_VIEW, _CART, _REMOVE, _PURCHASE, _REFUND = (KIND[k] for k in ("view_item", "add_to_cart", "remove_from_cart", "purchase", "refund"))
_UINT16, _UINT32 = 65_535, 2**32 - 1


@dataclass(frozen=True)
class Applied:
    """What a payload came to.

    Attributes
    ----------
    requests_user : i4[R]
        Who asks for a ranking, as positions in the profiles.
    requests_reason : u1[R]
        Why, as bits.
    requests_profile : PROFILE[R]
        The profile as it was then.
    changes : CHANGE[n]
        Segment changes, in log order.
    counters
        By name (`COUNTERS`); `requests` counts all that asked.
    """

    requests_user: NDArray[np.int32]
    requests_reason: NDArray[np.uint8]
    requests_profile: NDArray[np.void]
    changes: NDArray[np.void]
    counters: dict[str, int]


class Updater:
    """Applies events to profiles.

    Parameters
    ----------
    segments
        The bundle's segments.
    rank_on
        ``"every_event"`` or ``"triggers"``: which events ask for a ranking.
    every
        With triggers, every n-th event of a user asks as well.
    """

    def __init__(self, segments: SegmentModel, rank_on: str = "every_event", every: int = 8) -> None:
        self._categories = np.ascontiguousarray(segments.categories, np.uint32)
        self._centroids = np.ascontiguousarray(segments.centroids, np.float64)
        self._vector = np.zeros(self._centroids.shape[1])
        self._mark = np.uint32(mark_of(segments))
        self._always = rank_on == "every_event"
        self._every = every

    def warm_up(self) -> None:
        """Compile the kernels, or load them, so that the first payload need not wait for it."""
        profiles = empty_profiles(1)
        self.apply(profiles, np.zeros(1, EVENT), latest_only=True)
        fire(profiles, np.zeros(1, np.bool_))
        unpack_profiles(pack_profiles(profiles))

    def apply(self, profiles: NDArray[np.void], events: NDArray[np.void], *, latest_only: bool) -> Applied:
        """Apply events one after the other.

        Parameters
        ----------
        profiles : PROFILE[U]
            The users' profiles, changed in place.
        events : EVENT[n]
            In log order; `user` is a position in `profiles`.
        latest_only
            Keep only the last request of each user (in the order of the users); otherwise all, in log order.
        """
        users, n = len(profiles), len(events)
        room = users if latest_only else 2 * n
        which = np.full(room, -1, np.int32)
        reasons = np.zeros(room, np.uint8)
        snapshots = np.empty(room, PROFILE)
        changes = np.empty(n, CHANGE)
        counters = np.zeros(len(COUNTERS), np.int64)
        n_changes = _apply(
            profiles, events, self._categories, self._centroids, self._mark, self._vector, self._always, self._every, latest_only,
            which, reasons, snapshots, changes, counters,
        )  # fmt: skip
        return _applied(which, reasons, snapshots, changes[:n_changes], counters)


def due(profiles: NDArray[np.void], until_ms: int) -> NDArray[np.bool_]:
    """Tell which profiles have a deadline up to a time.

    Parameters
    ----------
    profiles : PROFILE[R]
        Profiles.
    until_ms
        The latest.

    Returns
    -------
    bool[R]
    """
    deadlines = profiles["cart_deadline"]
    found: NDArray[np.bool_] = (deadlines > 0) & (deadlines <= until_ms)
    return found


def fire(profiles: NDArray[np.void], which: NDArray[np.bool_]) -> None:
    """Fire the deadlines of some profiles.

    Parameters
    ----------
    profiles : PROFILE[R]
        Changed in place.
    which : bool[R]
        Those that have one that passed.
    """
    _fire_all(profiles, np.flatnonzero(which).astype(np.int32))


def _applied(
    which: NDArray[np.int32],
    reasons: NDArray[np.uint8],
    snapshots: NDArray[np.void],
    changes: NDArray[np.void],
    counters: NDArray[np.int64],
) -> Applied:
    asked = which >= 0
    return Applied(which[asked], reasons[asked], snapshots[asked], changes, dict(zip(COUNTERS, counters.tolist())))


@numba.njit(nogil=True, cache=True)
def _apply(  # type: ignore[no-untyped-def]
    profiles, events, categories, centroids, mark, v, always, every, latest_only, which, reasons, snapshots, changes, counters
):
    n_changes = 0
    for i in range(len(events)):
        event = events[i]
        user, t, kind = event.user, event.event_time, event.kind
        profile = profiles[user]
        if _is_duplicate(profile, event.event_id):
            counters[_DUPLICATES] += 1
            continue
        if 0 < profile.cart_deadline < t:
            _fire(profile)
            counters[_DEADLINES] += 1
            _ask(profiles, user, DEADLINE_ASKS, latest_only, which, reasons, snapshots, counters)
        profile.seen[profile.seen_n % SEEN] = event.event_id
        profile.seen_n += 1
        if profile.n_events > 0 and t // LONG_PANE_MS < profile.last_time // LONG_PANE_MS - (LONG_PANES - 1):
            counters[_TOO_LATE] += 1
            continue

        focus_before = profile.focus
        _begin(profile, t)
        _count(profile, event)
        _trade(profile, event)
        if GOES_TO_RING[kind] and event.item != 0:
            _push(profile, event.item, kind)
        outcome = _interest(profile, event.category, kind, t) if IS_INTEREST[kind] and event.category != 0 else NOTHING
        if outcome == SHIFTED:
            counters[_SHIFTS] += 1

        before, foreign = int(profile.segment), is_foreign(profile, mark)
        after = choose(profile, categories, centroids, mark, v, outcome != NOTHING)
        put(profile, after, mark)
        if after != before or outcome == SHIFTED or foreign:
            change = changes[n_changes]
            change.user, change.sequence, change.event_time = user, profile.n_events, t
            change.from_segment, change.to_segment = before, after
            change.cause = _cause(before, after, outcome, foreign)
            change.focus_before, change.focus_after = focus_before, profile.focus
            n_changes += 1

        reason = EVENT_ASKS if always else 0
        if outcome == SHIFTED:
            reason |= SHIFT_ASKS
        if kind == _CART:
            reason |= CART_ASKS
        if kind == _PURCHASE:
            reason |= PURCHASE_ASKS
        if profile.n_events % every == 0:
            reason |= NTH_ASKS
        if reason:
            _ask(profiles, user, reason, latest_only, which, reasons, snapshots, counters)
        counters[_APPLIED] += 1
    return n_changes


@numba.njit(nogil=True, cache=True)
def _ask(profiles, user, reason, latest_only, which, reasons, snapshots, counters):  # type: ignore[no-untyped-def]
    at = user if latest_only else counters[_REQUESTS]
    which[at], reasons[at], snapshots[at] = user, reason, profiles[user]
    counters[_REQUESTS] += 1


@numba.njit(nogil=True, cache=True)
def _is_duplicate(profile, event_id):  # type: ignore[no-untyped-def]
    for j in range(min(profile.seen_n, SEEN)):
        if profile.seen[j] == event_id:
            return True
    return False


@numba.njit(nogil=True, cache=True)
def _fire(profile):  # type: ignore[no-untyped-def]
    profile.abandoned = min(profile.abandoned + 1, _UINT16)
    profile.clock = max(profile.clock, profile.cart_deadline)
    profile.cart_deadline = 0


@numba.njit(nogil=True, cache=True)
def _fire_all(profiles, due):  # type: ignore[no-untyped-def]
    for i in due:
        _fire(profiles[i])


@numba.njit(nogil=True, cache=True)
def _begin(profile, t):  # type: ignore[no-untyped-def]
    """Start a visit if there was a gap, and move time on."""
    starts = profile.n_events == 0 or t > profile.last_time + VISIT_GAP_MS
    if starts:
        profile.visits += 1
        profile.visit_start = t
        profile.visit_events = 0
    if profile.n_events == 0:
        profile.first_time = t
        profile.last_time = t
    elif t > profile.last_time:
        advance(profile, t)
        profile.last_time = t
    else:
        profile.first_time = min(profile.first_time, t)
    profile.clock = max(profile.clock, t)
    if starts:
        begin_visit(profile)


@numba.njit(nogil=True, cache=True)
def _count(profile, event):  # type: ignore[no-untyped-def]
    profile.n_events += 1
    profile.visit_events = min(profile.visit_events + 1, _UINT16)
    group = COUNT_GROUP[event.kind]
    profile.counts[group] = min(int(profile.counts[group]) + 1, _UINT16)
    profile.engagement_ms = min(int(profile.engagement_ms) + event.engagement_ms, _UINT32)
    if event.event_time == profile.last_time:
        if event.device != 0:
            profile.device = event.device
        if event.country != 0:
            profile.country = event.country
    if event.kind == _VIEW and event.price > 0:
        profile.price_sum += event.price
        profile.price_n += 1


@numba.njit(nogil=True, cache=True)
def _trade(profile, event):  # type: ignore[no-untyped-def]
    """Cart, deadline and money."""
    kind, t = event.kind, event.event_time
    if kind == _CART:
        profile.cart_items = min(int(profile.cart_items) + event.quantity, _UINT16)
        profile.cart_deadline = max(profile.cart_deadline, t + CART_DELAY_MS)
        return
    if kind == _REMOVE:
        profile.cart_items = max(0, int(profile.cart_items) - event.quantity)
    elif kind == _PURCHASE:
        profile.cart_items = 0
    if (kind in (_REMOVE, _PURCHASE)) and profile.cart_items == 0:
        profile.cart_deadline = 0
    elif profile.cart_deadline > 0:
        profile.cart_deadline = max(profile.cart_deadline, t + CART_DELAY_MS)
    if kind == _PURCHASE:
        profile.monetary += event.price * event.quantity
        profile.last_purchase_time = max(profile.last_purchase_time, t)
        if event.item != 0:
            profile.bought[profile.bought_n % BOUGHT] = event.item >> np.uint64(32)
            profile.bought_n += 1
    elif kind == _REFUND:
        profile.monetary -= event.price * event.quantity


@numba.njit(nogil=True, cache=True)
def _push(profile, item, kind):  # type: ignore[no-untyped-def]
    n = int(profile.items_n)
    if n > 0 and profile.items[(n - 1) % RING].item == item:
        n -= 1
    else:
        profile.items_n = n + 1
    place = profile.items[n % RING]
    place.item, place.kind, place.visit = item, kind, profile.visits % 256


@numba.njit(nogil=True, cache=True)
def _interest(profile, category, kind, t):  # type: ignore[no-untyped-def]
    c = _entry(profile, category)
    in_short = in_window(t, profile.last_time, SHORT_PANE_MS, SHORT_PANES)
    outcome = observe(profile, c, kind, t) if in_short else NOTHING
    entry = profile.categories[c]
    if in_short:
        place = (t // SHORT_PANE_MS) % SHORT_PANES
        entry.short[place] = min(int(entry.short[place]) + 1, 255)
    if in_window(t, profile.last_time, LONG_PANE_MS, LONG_PANES):
        place = (t // LONG_PANE_MS) % LONG_PANES
        entry.long[place] = min(int(entry.long[place]) + 1, _UINT16)
    return outcome


@numba.njit(nogil=True, cache=True)
def _entry(profile, category):  # type: ignore[no-untyped-def]
    """Find the entry of a category, or make room for it."""
    for k in range(CATEGORIES):
        if profile.categories[k].category == category:
            return k
    least, c = np.int64(2**62), 0
    for k in range(CATEGORIES):
        if profile.categories[k].category == 0:
            c = k
            break
        count = long_count(profile.categories[k])
        if profile.categories[k].category != profile.focus and count < least:
            least, c = count, k
    entry = profile.categories[c]
    entry.category = category
    entry.affinity = 0
    for j in range(SHORT_PANES):
        entry.short[j] = 0
    for j in range(LONG_PANES):
        entry.long[j] = 0
    begin_entry(profile, c)
    return c


@numba.njit(nogil=True, cache=True)
def _cause(before, after, outcome, foreign):  # type: ignore[no-untyped-def]
    if before == -1:
        return FIRST
    if outcome == SHIFTED:
        return SHIFT
    if before >= COLD_START and after < COLD_START:
        return WARM
    if foreign:
        return MODEL
    return INTEREST if outcome == ADOPTED else CONTEXT
