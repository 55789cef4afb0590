"""The events of a request, sorted: to keep, known already, without consent, refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from serving.collector.checks import Checker, Context, is_denied
from serving.collector.fields import Refused
from serving.collector.recent import Recent
from serving.problems import document

WARNINGS, SHOWN = 20, 64


@dataclass
class Sorted:
    """What is to be done with the events of a request.

    Attributes
    ----------
    kept
        Events for the log.
    duplicates, dropped
        How many were known already, and how many may be used for nothing.
    rejected
        A problem for each event that is refused, as the answer has it.
    reasons
        Of those, in the same order.
    warnings
        What was changed or left out.
    """

    kept: list[dict[str, Any]] = field(default_factory=list)
    duplicates: int = 0
    dropped: int = 0
    rejected: list[dict[str, Any]] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    warnings: list[dict[str, Any]] = field(default_factory=list)

    @property
    def answer(self) -> dict[str, Any]:
        """The document for the sender."""
        counts = {"accepted": len(self.kept), "duplicates": self.duplicates, "dropped": self.dropped, "rejected": self.rejected}
        return {**counts, "warnings": self.warnings} if self.warnings else counts

    @property
    def all_rejected(self) -> bool:
        """Whether there was something, and nothing of it was any good."""
        return bool(self.rejected) and not (self.kept or self.duplicates or self.dropped)


def sort_out(events: Sequence[Any], context: Context, checker: Checker, recent: Recent) -> Sorted:
    """Sort the events of a request; each is judged on its own.

    Parameters
    ----------
    events
        As they came.
    context
        What holds for all of them.
    checker
        Checks each.
    recent
        Ids that were kept before.
    """
    done = Sorted()
    warn: dict[tuple[str, str], int] = {}
    here: set[tuple[str, str]] = set()
    for index, event in enumerate(events):
        try:
            kept = checker.check(event, context, warn)
        except Refused as refused:
            done.rejected.append(_problem(index, event, refused))
            done.reasons.append(refused.reason)
            continue
        key = kept["user_id"], kept["event_id"]
        if is_denied(kept):
            done.dropped += 1
        elif key in here or key in recent:
            done.duplicates += 1
        else:
            here.add(key)
            done.kept.append(kept)
    done.warnings = [{"field": name[:SHOWN], "detail": detail, "events": count} for (name, detail), count in list(warn.items())[:WARNINGS]]
    return done


def _problem(index: int, event: Any, refused: Refused) -> dict[str, Any]:
    event_id = event.get("event_id") if isinstance(event, dict) else None
    return {
        "index": index,
        "event_id": event_id[:SHOWN] if isinstance(event_id, str) else None,
        **document(422, refused.detail),
        "field": refused.field,
        "reason": refused.reason,
    }
