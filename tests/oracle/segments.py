"""Section "Segment": the nearest centroid, the cold-start segments, and the change that is emitted."""

from __future__ import annotations

import hashlib
import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from tests.oracle.constants import COLD_START, WARM_FROM
from tests.oracle.profile import Profile


@dataclass(frozen=True)
class Segments:
    """The centroids of a bundle: each of C + 3 numbers over its C categories (hashes)."""

    categories: Sequence[int] = ()
    centroids: Sequence[Sequence[float]] = ()

    @cached_property
    def mark(self) -> int:
        """The mark of these segments; 0: there are none."""
        if not self.centroids:
            return 0
        numbers = [number for centroid in self.centroids for number in centroid]
        data = struct.pack(f"<{len(self.categories)}I", *self.categories) + struct.pack(f"<{len(numbers)}d", *numbers)
        return int.from_bytes(hashlib.blake2b(data, digest_size=4).digest(), "little") or 1


@dataclass(frozen=True)
class SegmentChange:
    user_id: str
    sequence: int
    event_time: int
    segment_from: int
    segment_to: int
    cause: str
    focus_before: int
    focus_after: int


def vector(profile: Profile, categories: Sequence[int]) -> list[float]:
    """The vector v of a profile over the categories of a bundle."""
    shorts = {entry.category: sum(entry.short) for entry in profile.categories if entry.category}
    longs = {entry.category: sum(entry.long) for entry in profile.categories if entry.category}
    s, total = sum(shorts.values()), sum(longs.values())
    v = []
    for category in categories:
        if category not in shorts:
            v.append(0.0)
        elif s > 0:
            # No event counts in the short window alone: where s > 0, l > 0.
            v.append(0.7 * (shorts[category] / s) + 0.3 * (longs[category] / total))
        elif total > 0:
            v.append(longs[category] / total)
        else:
            v.append(0.0)
    v.append(0.1 * math.log(1 + profile.price_sum / profile.price_n) if profile.price_n else 0.0)
    views, carts, purchases = profile.counts[2], profile.counts[5], profile.counts[8]
    v.append(0.5 * (carts / (views + carts)) if views + carts else 0.0)
    v.append(0.5 * (purchases / (views + carts + purchases)) if views + carts + purchases else 0.0)
    return v


def nearest(v: Sequence[float], centroids: Sequence[Sequence[float]]) -> int:
    """The index of the nearest centroid, the lowest among equals."""
    best, best_distance = 0, math.inf
    for index, centroid in enumerate(centroids):
        distance = 0.0
        for x, y in zip(v, centroid, strict=True):
            distance += (x - y) * (x - y)
        if distance < best_distance:
            best, best_distance = index, distance
    return best


def is_foreign(profile: Profile, segments: Segments) -> bool:
    """Whether the profile's segment is one of another bundle."""
    return 0 <= profile.segment < COLD_START and profile.segments_of != segments.mark


def choose(profile: Profile, segments: Segments, outcome: str) -> int:
    """The segment after an event whose shift rule gave `outcome`."""
    if profile.n_events < WARM_FROM or not segments.centroids:
        return COLD_START + profile.device
    if profile.segment < 0 or profile.segment >= COLD_START or outcome or is_foreign(profile, segments):
        return nearest(vector(profile, segments.categories), segments.centroids)
    return profile.segment


def put(profile: Profile, segment: int, segments: Segments) -> None:
    """Write the segment down, and whose it is."""
    profile.segment = segment
    profile.segments_of = segments.mark if segment < COLD_START else 0


def for_ranking(profile: Profile, segments: Segments) -> Profile:
    """The profile as it is ranked: in a segment of the bundle that ranks."""
    if is_foreign(profile, segments):
        profile = profile.copy()
        put(profile, choose(profile, segments, ""), segments)
    return profile


def cause_of(before: int, after: int, outcome: str, foreign: bool) -> str:
    if before == -1:
        return "first"
    if outcome == "shift":
        return "shift"
    if before >= COLD_START > after:
        return "warm"
    if foreign:
        return "model"
    return "interest" if outcome == "adopted" else "context"
