"""Models of shoppers out of a history: before the ranker's examples for these, and at last for the bundle."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.examples import TOP
from training.finding import USERS_A_STEP, find_in_steps
from training.history import History
from training.propensity.choosing import Choice, choose, halves
from training.propensity.fitting import Fitted
from training.propensity.horizon import churn_days
from training.propensity.impressions import LEAST, shown_lists
from training.propensity.onnx_file import export
from training.propensity.outcomes import outcomes, visit_times
from training.propensity.samples import Parts, Samples, of_categories, of_users
from training.sessions import Sessions
from udfs.propensity import AFFINITY, Propensities, fill
from udfs.tables import RankTables
from udfs.user_features import DAY_MS

MOMENTS, LISTS = 30_000, 6_000
CLICK, PURCHASE, CHURN = "click_propensity", "purchase_propensity", "churn_risk"


class Shoppers:
    """Learns what shoppers will do.

    Parameters
    ----------
    history
        The history.
    sessions
        Its sessions.
    split
        The ranker's examples lie after `learn`.
    check
        From when on lists are judged by a ranker that has not seen what followed, in ms.
    cases
        How many of the clicks after `check` that another one follows are judged, of how many.
    seed
        Of everything random.

    Attributes
    ----------
    rows : i8[n]
        Events after which the profile is wanted; ascending.
    """

    def __init__(self, history: History, sessions: Sessions, split: Parts, check: int, cases: tuple[int, int], seed: int) -> None:
        self._events, self._split, self._seed = history.events, split, seed
        self._after = outcomes(history.events)
        times = history.events["event_time"]
        random = np.random.default_rng(seed)
        self._moments = _some(random, np.arange(len(times)), MOMENTS)
        self._shown = shown_lists(history, self._after)
        self._logged = len(self._shown.row) >= LEAST
        begun = np.repeat(sessions.first_time, sessions.lengths)
        at = times[sessions.rows]
        self._clicks = _some(random, sessions.rows[(begun >= split.fit) & (at >= split.fit) & (at < split.learn)], LISTS)
        last = sessions.ends - 1
        unfollowed = sessions.rows[last[(sessions.first_time >= split.learn) & (at[last] >= check)]]
        self._unfollowed = _some(random, unfollowed, -(-len(unfollowed) * cases[0] // max(1, cases[1])))
        self._days, self._why_days = churn_days(visit_times(history.events), split)
        wanted = [self._moments, self._shown.row] if self._logged else [self._moments, self._clicks, self._unfollowed]
        self.rows = np.unique(np.concatenate(wanted))
        self._models: dict[str, Fitted] = {}
        self._report: dict[str, Any] = {}

    def learn(self, profiles: NDArray[np.void], tables: Callable[[int], RankTables]) -> Propensities:
        """Learn all but clicks for good, and clicks from what lies before the ranker's examples.

        Parameters
        ----------
        profiles : PROFILE[n]
            After `rows`.
        tables
            Makes tables that know nothing from a time in ms on.

        Returns
        -------
        Propensities
            Models that know nothing from `Parts.learn` on.
        """
        self._profiles = profiles
        at, after, rows = self._of(self._moments), self._after, self._moments
        times = self._events["event_time"][rows]
        choices = {PURCHASE: self._choose(of_users(at, after.buys[rows], times, after.over[rows]))}
        gone = after.returns[rows] > times + self._days * DAY_MS
        asked = np.full(len(rows), self._days > 0)
        churn = of_users(at, gone, times, times + self._days * DAY_MS).only(asked)
        choices[CHURN] = self._choose(churn)
        following = after.next_click[rows]
        category = self._events["category"][following]
        known = (following >= 0) & (category != 0)
        when = self._events["event_time"][following]
        choices[AFFINITY] = self._choose(of_categories(at[known], category[known], times[known], when[known]))
        if self._logged:
            row = self._shown.row
            shown = of_users(self._of(row), self._shown.clicked, self._events["event_time"][row], after.over[row])
            choices[CLICK] = self._choose(shown)
            early_click = choices[CLICK].early
        else:
            early_click = self._early_click(tables)
        self._models = {name: choice.final for name, choice in choices.items()}
        self._report = {name: choice.report for name, choice in choices.items()}
        self._report[CHURN] = {"days": self._days, "why_days": self._why_days, **self._report[CHURN]}
        if not self._days:
            self._report[CHURN]["why"] = self._why_days
        return Propensities(export({**{name: choice.early for name, choice in choices.items()}, CLICK: early_click}))

    def finish(self, rows: NDArray[np.int64], profiles: NDArray[np.void], hit: NDArray[np.bool_]) -> tuple[bytes, dict[str, Any]]:
        """Learn what is left: how likely she clicks on one of the lists that this bundle shows.

        Parameters
        ----------
        rows : i8[n]
            Clicks that another one follows.
        profiles : PROFILE[n]
            After them.
        hit : bool[n]
            Whether the next click's item was among the first of a list of a ranker that had not seen it.

        Returns
        -------
        bytes, dict
            The ONNX file, and the document `propensity.json`.
        """
        if not self._logged:
            everything = np.concatenate([rows, self._unfollowed])
            label = np.concatenate([hit, np.zeros(len(self._unfollowed), np.bool_)])
            at = np.concatenate([profiles, self._of(self._unfollowed)])
            choice = self._clicks_of(at, label, everything, self._split.end)
            self._models[CLICK], self._report[CLICK] = choice.final, choice.report
        self._report[CLICK] = {"from": "logged impressions" if self._logged else f"the ranker's first {TOP}", **self._report[CLICK]}
        return export(self._models), self._report

    def _early_click(self, tables: Callable[[int], RankTables]) -> Fitted:
        """Learn from lists in the order in which candidates are found: there is no ranker yet."""
        at, rows = self._of(self._clicks), self._clicks
        following = self._after.next_click[rows]
        hit = np.zeros(len(rows), np.bool_)
        followed = np.flatnonzero(following >= 0)
        if len(followed):
            hit[followed] = _hits(tables(self._split.fit), at[followed], self._events["item"][following[followed]])
        return self._clicks_of(at, hit, rows, self._split.learn).final

    def _clicks_of(self, profiles: NDArray[np.void], hit: NDArray[np.bool_], rows: NDArray[np.int64], end: int) -> Choice:
        samples = of_users(profiles, hit, self._events["event_time"][rows], self._after.over[rows])
        return choose(samples, halves(samples, end), self._seed)

    def _choose(self, samples: Samples) -> Choice:
        return choose(samples, self._split, self._seed)

    def _of(self, rows: NDArray[np.int64]) -> NDArray[np.void]:
        return self._profiles[np.searchsorted(self.rows, rows)]


def fill_in_steps(profiles: NDArray[np.void], propensities: Propensities) -> None:
    """Write estimates into many profiles; `udfs.propensity.fill`.

    Parameters
    ----------
    profiles : PROFILE[n]
        Changed in place.
    propensities
        The models.
    """
    for start in range(0, len(profiles), USERS_A_STEP):
        fill(profiles[start : start + USERS_A_STEP], propensities)


def told(report: dict[str, Any]) -> dict[str, str]:
    """Say of each model what it is, or why there is none.

    Parameters
    ----------
    report
        The document `propensity.json`.
    """
    return {
        name: f"{of['kind']}, AUC {of['tried'][of['kind']]['auc']:.3f}, calibration error {of['tried'][of['kind']]['ece']:.4f}"
        if of["shipped"]
        else f"always {of['base_rate']:g}: {of['why']}"
        for name, of in report.items()
    }


def _hits(tables: RankTables, profiles: NDArray[np.void], following: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Tell whether the next item was among the first candidates."""
    hits = [np.zeros(0, np.bool_), *(found.right.any(1) for found in find_in_steps(tables, profiles, following, TOP))]
    return np.concatenate(hits)


def _some(random: np.random.Generator, rows: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    return np.sort(random.choice(rows, most, replace=False)) if len(rows) > most else np.sort(rows)
