"""What changed between two lists, two profiles: in words and numbers, for a page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from models.bundle import Bundle
from udfs.describe import describe_estimates, describe_shift, describe_windows
from udfs.profile import unpack_profiles

#: Of a list that is compared, and of categories that are weighed.
SHOWN, WEIGHED = 12, 4


def list_changes(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> dict[str, Any]:
    """Compare two recommendations as a page shows them.

    Parameters
    ----------
    before, after
        Values as Redis holds them; none: there was nothing.

    Returns
    -------
    dict
        `items`: those of the new list with `place`, `was` (their place before; none: they came) and `reason`; `left`: those that are
        gone, with the place that they had.

    Examples
    --------
    >>> before = {"items": [{"item_id": "b"}]}
    >>> list_changes(before, {"items": [{"item_id": "a"}]})["left"]
    [{'item_id': 'b', 'was': 0}]
    """
    old = [item["item_id"] for item in (before or {"items": []})["items"][:SHOWN]]
    places = {item_id: place for place, item_id in enumerate(old)}
    items = [
        {
            "item_id": item["item_id"],
            "place": place,
            "was": places.get(item["item_id"]),
            "score": item.get("score"),
            "reason": item.get("reason", ""),
        }
        for place, item in enumerate(after["items"][:SHOWN])
    ]
    there = {item["item_id"] for item in items}
    return {"items": items, "left": [{"item_id": item_id, "was": place} for item_id, place in places.items() if item_id not in there]}


def describe(packed: bytes, bundle: Bundle) -> dict[str, Any]:
    """Say what a stored profile holds, as far as the live view shows it.

    Parameters
    ----------
    packed
        The profile as `udfs.profile` packs it.
    bundle
        Names its categories and segments.

    Returns
    -------
    dict
        `events`, `time` (ms), `visit` (events of it), `windows`, `shift` (with the best challengers alone), `segment`, `estimates`.

    Raises
    ------
    ProfileError
        It is no profile.
    """
    profiles = unpack_profiles([packed])
    record = profiles[0]
    shift = describe_shift(profiles, bundle.category_name)
    segment = int(record["segment"])
    return {
        "events": int(record["n_events"]),
        "time": int(record["clock"]),
        "visit": int(record["visit_events"]),
        "windows": describe_windows(profiles, bundle.category_name),
        "shift": {**shift, "challengers": [one for one in shift["challengers"] if one["evidence"] > 0][:WEIGHED]},
        "segment": {"id": segment, "name": bundle.segment_name(segment)},
        "estimates": describe_estimates(profiles, bundle.manifest.training.get("churn_days")),
    }


def point(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> dict[str, Any]:
    """Give a point of the chart of evidence: what spoke for each challenger after an event, and the swerve if it was one.

    Parameters
    ----------
    before, after
        Profiles as `describe` gives them.
    """
    shift = after["shift"]
    swerved = before is not None and shift["shifts"] > before["shift"]["shifts"]
    return {
        "event": after["events"],
        "time": after["time"],
        "focus": shift["focus"],
        "evidence": {one["category"]: round(one["evidence"], 3) for one in shift["challengers"]},
        "threshold": shift["threshold"],
        # The evidence is used up by then.
        "swerve": {"from": before["shift"]["focus"], "to": shift["focus"]} if swerved and before is not None else None,
    }
