"""Rank requests of a batch of users: candidates → features → ONNX → rules → values. Defined in docs/semantics.md, section "Ranking"."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from udfs.candidates import POPULAR, SEGMENT, Candidates, Quotas, find_candidates
from udfs.features import columns, compute_features
from udfs.keys import fallback_key
from udfs.profile import empty_profiles
from udfs.propensity import Propensities, fill
from udfs.rules import Chosen, choose, most_of_a_category
from udfs.scorer import Scorer, padded
from udfs.segments import COLD_START, SegmentModel
from udfs.session_neighbours import working_memory
from udfs.tables import COLD_SEGMENTS, RankTables, item_slots
from udfs.values import Heads, Lists, Renderer, Values, join_blocks

USERS_A_CALL = 256  # what a call works on stays in the processor's cache; no result depends on it
STAGES = ("estimates", "candidates", "features", "onnx", "rules", "json")


class RankBundle(Protocol):
    """What ranking needs of a bundle."""

    name: str
    version: str
    tables: RankTables
    created_at: int
    segments: SegmentModel

    @property
    def scorer(self) -> Scorer:
        """Its ranker."""

    @property
    def propensity(self) -> Propensities | None:
        """What it thinks of shoppers; none where it has no such models."""

    def segment_name(self, segment: int) -> str:
        """Name a segment."""

    def segment_ids(self) -> list[int]:
        """Give all segments, cold start included."""


@dataclass
class Ranked:
    """Rankings of R users.

    Attributes
    ----------
    users
        Their ids.
    surfaces
        Names.
    by_surface : list of Values
        Ids and JSON, one for each surface.
    lists : Lists
        Items, scores and sources; N places a user.
    dropped : int
        Candidates dropped because their score was not finite.
    timings : dict
        Nanoseconds by stage, `<stage>_ns`.
    """

    users: Sequence[bytes]
    surfaces: Sequence[str]
    by_surface: list[Values]
    lists: Lists
    dropped: int
    timings: dict[str, int]
    _heads: Heads
    _reasons: NDArray[np.uint8]
    _renderer: Renderer

    @property
    def values(self) -> list[tuple[bytes, ...]]:
        """JSON by user: one for each surface, in their order."""
        return list(zip(*(values.json for values in self.by_surface), strict=True))

    def block(self) -> bytes:
        """Encode everything as a block of ``recommendation`` records."""
        datums = [
            self._renderer.block(surface, values.ids, self._heads, self.lists, self._reasons)
            for surface, values in zip(self.surfaces, self.by_surface, strict=True)
        ]
        return join_blocks(len(self.users) * len(self.surfaces), datums)


class Ranker:
    """Ranks with one bundle.

    Parameters
    ----------
    bundle
        The bundle.
    candidates
        Items scored for a user.
    top
        Items shown to a user.
    surfaces
        Names of the places that show them.
    category_percent
        How many percent of the items may be of one category while there are others.
    """

    def __init__(
        self,
        bundle: RankBundle,
        candidates: int = 100,
        top: int = 20,
        surfaces: Sequence[str] = ("home",),
        category_percent: int = 100,
    ) -> None:
        self.bundle, self.tables, self.top, self.surfaces = bundle, bundle.tables, top, tuple(surfaces)
        self.quotas = Quotas.of(candidates, self.tables.quotas[1:].tolist())
        self.most_of_a_category = most_of_a_category(top, category_percent)
        self.rows = padded(candidates)
        self._working = working_memory(len(self.tables.session_ends))
        self.slots = item_slots(self.tables.item_hash)
        self._wanted = columns(bundle.scorer.features)
        self._renderer = Renderer(self.tables, bundle.name, bundle.version)

    def warm_up(self) -> None:
        """Compile the kernels, or load them, so that the first users need not wait for it."""
        self.rank([b"-"], empty_profiles(1), np.zeros(1, np.uint8), 0).block()

    def rank(self, users: Sequence[bytes], profiles: NDArray[np.void], reasons: NDArray[np.uint8], now_ms: int) -> Ranked:
        """Rank some users.

        Parameters
        ----------
        users
            R user ids.
        profiles : PROFILE[R]
            Their profiles at the event that asked; the bundle's estimates are written into them.
        reasons : u1[R]
            What asked, as bits.
        now_ms
            The clock, for `generated_at`.
        """
        timings = dict.fromkeys(STAGES, 0)
        started = time.perf_counter_ns()
        fill(profiles, self.bundle.propensity)
        timings["estimates"] = time.perf_counter_ns() - started
        parts, dropped = [], 0
        for start in range(0, len(users), USERS_A_CALL):
            lists, lost = self._lists(profiles[start : start + USERS_A_CALL], timings)
            parts.append(lists)
            dropped += lost
        lists = Lists(*(np.concatenate(columns) for columns in zip(*parts, strict=True))) if parts else self._no_lists()
        started = time.perf_counter_ns()
        heads = Heads(
            users,
            profiles["clock"].astype(np.int64),
            profiles["n_events"].astype(np.int64),
            profiles["segment"].astype(np.int32),
            [self.bundle.segment_name(segment) for segment in profiles["segment"].tolist()],
            now_ms,
        )
        by_surface = [self._renderer.values(surface, heads, lists) for surface in self.surfaces]
        timings["json"] = time.perf_counter_ns() - started
        named = {f"{stage}_ns": spent for stage, spent in timings.items()}
        return Ranked(users, self.surfaces, by_surface, lists, dropped, named, heads, reasons, self._renderer)

    def stages(self, profiles: NDArray[np.void]) -> tuple[Candidates, NDArray[np.float32], NDArray[np.float32], Chosen]:
        """Give everything that a ranking goes through.

        Parameters
        ----------
        profiles : PROFILE[R]
            Profiles; the bundle's estimates are written into them.

        Returns
        -------
        Candidates, f4[R * rows, F], f4[R * rows], Chosen
            Candidates, features in the order of the bundle, scores, and what was chosen.
        """
        fill(profiles, self.bundle.propensity)
        found = find_candidates(self.tables, self.slots, profiles, self.quotas, self._working)
        rows = compute_features(self.tables, profiles, found, self._wanted, self.rows)
        scores = self.bundle.scorer.score(rows, found.item, found.ring)
        return found, rows, scores, choose(self.tables.item_category, found, scores, self.rows, self.top, self.most_of_a_category)

    def explain(self, user: bytes, profile: NDArray[np.void]) -> dict[str, Any]:
        """Rank one user and tell why; see `udfs.explanation`.

        Parameters
        ----------
        user
            Her id.
        profile : PROFILE[1]
            Her profile.
        """
        from udfs.explanation import explain_ranking

        return explain_ranking(self, user, profile)

    def fallbacks(self) -> dict[str, bytes]:
        """Give what is shown to those of whom nothing is known.

        Returns
        -------
        dict
            Value by key without its prefix: ``rec:default:<segment>:<surface>`` and ``rec:default:<surface>``.
        """
        segments = self.bundle.segment_ids()
        rows = [*self.tables.segment_items, self.tables.popular]
        lists = self._no_lists(len(rows))
        for r, (items, source) in enumerate(zip(rows, [SEGMENT] * len(segments) + [POPULAR], strict=True)):
            best = [item for item in items.tolist() if item >= 0 and self.tables.in_stock[item]][: self.top]
            lists.filled[r] = len(best)
            lists.item[r, : len(best)] = best
            lists.score[r, : len(best)] = self.tables.popularity[best]
            lists.source[r] = source
        created = np.full(len(rows), self.bundle.created_at, np.int64)
        names = [*map(self.bundle.segment_name, segments), "everybody"]
        heads = Heads(
            [b""] * len(rows), created, np.zeros(len(rows), np.int64), np.array([*segments, -1], np.int32), names, int(created[0])
        )
        found = {}
        for surface in self.surfaces:
            *of_segments, of_all = self._renderer.values(surface, heads, lists).json
            found.update({fallback_key(surface, segment): value for segment, value in zip(segments, of_segments, strict=True)})
            found[fallback_key(surface)] = of_all
        return found

    def _lists(self, profiles: NDArray[np.void], timings: dict[str, int]) -> tuple[Lists, int]:
        times = [time.perf_counter_ns()]
        found = find_candidates(self.tables, self.slots, profiles, self.quotas, self._working)
        times.append(time.perf_counter_ns())
        rows = compute_features(self.tables, profiles, found, self._wanted, self.rows)
        times.append(time.perf_counter_ns())
        scores = self.bundle.scorer.score(rows, found.item, found.ring)
        times.append(time.perf_counter_ns())
        chosen = choose(self.tables.item_category, found, scores, self.rows, self.top, self.most_of_a_category)
        by_user = scores.reshape(len(profiles), self.rows)
        at = np.maximum(chosen.position, 0)
        lists = Lists(
            chosen.filled,
            np.take_along_axis(found.item, at, 1),
            np.take_along_axis(by_user, at, 1),
            np.take_along_axis(found.source, at, 1),
            np.take_along_axis(found.anchor, at, 1),
        )
        times.append(time.perf_counter_ns())
        for stage, spent in zip(STAGES[1:], np.diff(times).tolist(), strict=False):
            timings[stage] += spent
        return lists, int(chosen.dropped[0])

    def _no_lists(self, users: int = 0) -> Lists:
        shape = (users, self.top)
        return Lists(
            np.zeros(users, np.int32),
            np.zeros(shape, np.int32),
            np.zeros(shape, np.float32),
            np.zeros(shape, np.uint8),
            np.full(shape, -1, np.int32),
        )


def segment_ids(segments: int) -> list[int]:
    """Give the ids of the segments of a bundle, in the order of `segment_items`."""
    return [*range(segments), *range(COLD_START, COLD_START + COLD_SEGMENTS)]
