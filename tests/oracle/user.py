"""One user of the job: her profile, and what an event of hers or a deadline emits."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.oracle import profile as steps
from tests.oracle import shift
from tests.oracle.constants import (
    REASON_CART,
    REASON_DEADLINE,
    REASON_EVENT,
    REASON_NTH,
    REASON_PURCHASE,
    REASON_SHIFT,
)
from tests.oracle.events import Event
from tests.oracle.profile import Profile
from tests.oracle.segments import SegmentChange, Segments, cause_of, choose, is_foreign, put


@dataclass(frozen=True)
class RankRequest:
    """A request for a ranking, with the profile as it was then."""

    user_id: str
    reasons: int
    profile: Profile
    ahead_of: int | None = None
    """Of a deadline that no event followed: the clock before it."""

    @property
    def version(self) -> tuple[int, int]:
        """What decides in Redis which value stays."""
        if self.ahead_of is None:
            return self.profile.clock, 2 * self.profile.n_events
        return self.ahead_of, 2 * self.profile.n_events + 1


@dataclass
class User:
    """Applies events to one user's profile, in the order of the log."""

    user_id: str
    segments: Segments
    rank_on: str = "every_event"
    every: int = 8
    profile: Profile = field(default_factory=Profile)
    changes: list[SegmentChange] = field(default_factory=list)
    requests: list[RankRequest] = field(default_factory=list)
    duplicates: int = 0
    too_late: int = 0

    def apply(self, event: Event) -> None:
        """Steps 1 to 13."""
        profile = self.profile
        if steps.is_duplicate(profile, event):
            self.duplicates += 1
            return
        self.fire(event.time)
        steps.mark_seen(profile, event)
        if steps.is_too_late(profile, event):
            self.too_late += 1
            return
        focus_before = profile.focus
        starts = steps.begin_visit(profile, event)
        steps.advance(profile, event.time)
        if starts:
            shift.begin_visit(profile)
        steps.count(profile, event)
        steps.trade(profile, event)
        steps.push_item(profile, event)
        outcome = self._interest(event)
        self._segment(event, outcome, focus_before)
        self._ask(event, outcome)

    def fire(self, before: int, *, ahead: bool = False) -> None:
        """Fire the deadline if it stands and lies before a time; ahead: of any event."""
        if 0 < self.profile.cart_deadline < before:
            clock = self.profile.clock
            steps.fire(self.profile)
            self.requests.append(RankRequest(self.user_id, REASON_DEADLINE, self.profile.copy(), clock if ahead else None))

    def _interest(self, event: Event) -> str:
        """Step 11."""
        if not event.is_interest or event.category == 0:
            return ""
        c, taken = self.profile.take_entry(event.category)
        if taken:
            shift.begin_entry(self.profile, c)
        outcome = shift.observe(self.profile, c, event) if steps.in_short_window(self.profile, event.time) else ""
        steps.count_interest(self.profile, c, event.time)
        return outcome

    def _segment(self, event: Event, outcome: str, focus_before: int) -> None:
        """Step 12."""
        profile = self.profile
        before, after, foreign = profile.segment, choose(profile, self.segments, outcome), is_foreign(profile, self.segments)
        put(profile, after, self.segments)
        if after != before or outcome == "shift" or foreign:
            cause = cause_of(before, after, outcome, foreign)
            self.changes.append(
                SegmentChange(self.user_id, profile.n_events, event.time, before, after, cause, focus_before, profile.focus)
            )

    def _ask(self, event: Event, outcome: str) -> None:
        """Step 13."""
        reasons = REASON_EVENT if self.rank_on == "every_event" else 0
        reasons |= REASON_SHIFT if outcome == "shift" else 0
        reasons |= REASON_CART if event.event_name == "add_to_cart" else 0
        reasons |= REASON_PURCHASE if event.event_name == "purchase" else 0
        reasons |= REASON_NTH if self.profile.n_events % self.every == 0 else 0
        if reasons:
            self.requests.append(RankRequest(self.user_id, reasons, self.profile.copy()))
