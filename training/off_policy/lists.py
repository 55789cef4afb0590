"""What another bundle would have earned, from the lists that one bundle showed. Why like this: docs/decisions/0012-off-policy.md."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from models.bundle import Bundle
from training.feedback.attribution import attribute
from training.feedback.events import read_reactions
from training.feedback.shown import read_shown
from training.history import read_history
from training.off_policy.click_model import ClickModel, fit_clicks, placing_chances
from training.off_policy.estimators import Terms, bootstrap, contrasts
from training.off_policy.overlap import NoOverlap
from training.off_policy.requests import Again, rank_again
from udfs.errors import SwerveError, UsageError
from udfs.rank import Ranker

FOLDS, LISTS, DRAWS = 3, 20_000, 500
#: Below the first, only the model speaks; below the second, it says much of what the estimates are.
LEAST_COVERED, WELL_COVERED = 0.2, 0.9
LEAST_MATCHED = 0.5
LEAST_CLICKS = 20
EXPLORE = "show the new bundle to a share of the shoppers, or some of its items in every list"

Progress = Callable[[int, int], None]


def evaluate_lists(
    recommendations: Path, events: Path, bundle: Path, *, since: int | None = None, until: int | None = None,
    examined: Sequence[float] | None = None, temperature: float | None = None, cap: float = 10.0, candidates: int = 100,
    resamples: int = 1000, seed: int = 0, progress: Progress | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Estimate the clicks a list of another bundle, on the requests of a log.

    Parameters
    ----------
    recommendations, events
        As for `training.feedback.report.feedback`; the events from the beginning of the profiles on.
    bundle
        The other bundle.
    since, until
        Recommendations from the first on and before the second, by event time in ms.
    examined
        How likely each place is looked at, where it is known; default: found from the log.
    temperature
        The shop drew the order of each list, with probabilities in proportion to exp(score / temperature); infinite: all orders alike;
        None: it showed the lists as they came.
    cap
        Greatest weight of the clipped estimator.
    candidates
        Items that the bundle scores for a shopper.
    resamples, seed
        Of the bootstrap, by shopper, and of all that is random.
    progress
        Called with events read and to read.

    Returns
    -------
    dict
        `log`, `overlap` with warnings, `examination`, `estimates`, and `difference` to the log.

    Raises
    ------
    NoOverlap
        If the log tells nothing of the bundle.
    SwerveError
        If something cannot be read, or log and events do not belong together.
    """
    shown, _ = read_shown(recommendations)
    shown = shown.filter(pl.col("event_time").is_between(since or 0, until if until is not None else 2**62, closed="left"))
    found = attribute(shown, read_reactions(events, progress))
    if temperature is not None and not found.exposed:
        raise UsageError(
            "no view_item_list in the log says in which order its lists were shown",
            "send one for each item that came into view, with recommendation_id and recommendation_position",
        )
    places = _some(found.places, seed)
    seen = _places(places)
    # A list is chosen as a whole, with diversity, however much of it comes into view.
    ranker = Ranker(Bundle.open(bundle), candidates, max(seen, int(shown["items"].list.len().max() or 0)))  # type: ignore[arg-type]
    again = rank_again(ranker, read_history(events, progress), places, seen)
    _require(again)
    known = None if examined is None else _given(examined, seen)
    if temperature is not None and known is None:
        known = _by_chance(again, seen)
    models, fold = _models(again, seen, known, seed)
    overlap = _overlap(again, models[0].examined, found.exposed)
    terms = _terms(again, models, fold, cap, overlap["covered"])
    if temperature is not None and overlap["covered"] >= LEAST_COVERED:
        terms["by_placing"] = _by_placing(again, temperature, seed)
    logged = Terms(np.bincount(again.list, again.clicked, len(again.owner)).astype(np.float64), np.ones(len(again.owner)))
    estimates = bootstrap({"logged": logged, **terms}, again.owner, resamples=resamples, seed=seed)
    differences = contrasts(terms, logged, again.owner, resamples=resamples, seed=seed)
    return {
        "bundle": {"name": ranker.bundle.name, "version": ranker.bundle.version},
        "log": {
            "models": found.places["model"].unique().sort().to_list(),
            "counted": "exposed" if found.exposed else "emitted",
            "lists": len(again.owner),
            "unmatched": again.unmatched,
            "clicks": int(again.clicked.sum()),
        },
        "overlap": overlap,
        "examination": models[0].examined.tolist(),
        "estimates": {name: one.as_json() for name, one in estimates.items()},
        "difference": {name: one.as_json() for name, one in differences.items()},
    }


def _some(places: pl.DataFrame, seed: int) -> pl.DataFrame:
    lists = places["list"].unique(maintain_order=True)
    if len(lists) <= LISTS:
        return places
    return places.filter(pl.col("list").is_in(lists.sample(LISTS, seed=seed).implode()))


def _places(places: pl.DataFrame) -> int:
    greatest: Any = places["position"].max()
    if greatest is None:
        raise SwerveError(
            "no recommendation counts as shown", "are the recommendations of the time that is asked for, and of these shoppers?"
        )
    return int(greatest) + 1


def _require(again: Again) -> None:
    lists = len(again.owner) + again.unmatched
    if len(again.owner) < LEAST_MATCHED * lists:
        raise SwerveError(
            f"of {lists:,} lists only {len(again.owner):,} have a profile in these events that is as it was when they were ranked",
            "give the events from the beginning on, as the job read them",
        )
    if not again.clicked.any():
        raise NoOverlap("nothing in the log was clicked", "clicks need the recommendation_id of their recommendation: see docs/models.md")
    if not (again.place >= 0).any():
        raise NoOverlap("this bundle shows nothing of what the log shows", EXPLORE)


def _given(examined: Sequence[float], positions: int) -> NDArray[np.float64]:
    values = np.array(examined, np.float64)
    if len(values) < positions or np.any(~(values > 0)) or np.any(values > 1):
        raise UsageError(f"examination is one number above 0 and at most 1 for each of the {positions} places")
    return values[:positions]


def _by_chance(again: Again, positions: int) -> NDArray[np.float64]:
    """Examination where the order is drawn: items of all places are alike, so the click-through by place is it."""
    shown, clicked = (np.bincount(again.position, column, positions) for column in (None, again.clicked))
    rate = clicked / np.maximum(shown, 1)
    return np.clip(rate / rate[0], 0.01, 1.0) if rate[0] else np.ones(positions)


def _models(again: Again, positions: int, known: NDArray[np.float64] | None, seed: int) -> tuple[list[ClickModel], NDArray[np.int64]]:
    """Fit one model on all, for examination, and one for each fold of shoppers on the others; gives also the fold of each list."""
    fit = np.isfinite(again.features).all(1)
    if again.clicked[fit].sum() < LEAST_CLICKS:
        raise NoOverlap(
            f"{int(again.clicked[fit].sum())} clicks on items that this bundle knows for their shopper: too few to learn from",
            "a longer log",
        )
    shopper = np.random.default_rng(seed).permutation(int(again.owner.max()) + 1) % FOLDS
    everything = fit_clicks(again.features[fit], again.position[fit], again.clicked[fit], positions, known)
    models = [everything]
    for fold in range(FOLDS):
        rest = fit & (shopper[again.user] != fold)
        models.append(fit_clicks(again.features[rest], again.position[rest], again.clicked[rest], positions, everything.examined))
    return models, shopper[again.owner]


def _overlap(again: Again, examined: NDArray[np.float64], exposed: bool) -> dict[str, Any]:
    lists = len(again.owner)
    shown = np.isfinite(again.target[:, :, 0])
    both = again.place >= 0
    wanted = float((shown * examined).sum())
    covered = float(examined[again.place[both]].sum()) / max(wanted, 1e-12)
    weight = examined[again.place[both]] / examined[again.position[both]]
    warnings = []
    if not exposed:
        warnings.append(
            "no view_item_list says what was seen: lists that nobody looked at count as not clicked, and make all values smaller"
        )
    if covered < LEAST_COVERED:
        warnings.append(
            f"the log shows {covered:.0%} of what this bundle would: only dm is given, which is as wrong as its model; {EXPLORE}"
        )
    elif covered < WELL_COVERED:
        warnings.append(
            f"the log shows {covered:.0%} of what this bundle would: ips takes the rest as never clicked, dr believes its model; {EXPLORE}"
        )
    if again.unmatched > 0.1 * (lists + again.unmatched):
        warnings.append(f"{again.unmatched:,} lists are left out: their profiles are not in these events")
    return {
        "covered": covered,
        "places": len(again.list),
        "shared": int(both.sum()),
        "same_place": int((both & (again.place == again.position)).sum()),
        "effective": float(weight.sum() ** 2 / max(np.square(weight).sum(), 1e-12)),
        "max_weight": float(weight.max(initial=0.0)),
        "warnings": warnings,
    }


def _terms(again: Again, models: list[ClickModel], fold: NDArray[np.int64], cap: float, covered: float) -> dict[str, Terms]:
    """Terms of the estimators, one a list."""
    lists, examined = len(again.owner), models[0].examined
    ones = np.ones(lists)
    shown = np.isfinite(again.target[:, :, 0])
    both = np.flatnonzero(again.place >= 0)
    expected, predicted = np.zeros(lists), np.zeros(len(again.list))
    for number, model in enumerate(models[1:]):
        rows, cells = both[fold[again.list[both]] == number], shown & (fold == number)[:, None]
        attraction = np.zeros(shown.shape)
        attraction[cells] = model.attraction(again.target[cells])
        expected += (attraction * examined).sum(1)
        predicted[rows] = model.attraction(again.features[rows]) * examined[again.position[rows]]
    direct = {"dm": Terms(expected, ones)}
    if covered < LEAST_COVERED:
        return direct
    weight = examined[again.place[both]] / examined[again.position[both]]

    def of_lists(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.bincount(again.list[both], values, lists).astype(np.float64)

    clicked, error = again.clicked[both].astype(np.float64), again.clicked[both] - predicted[both]
    mean = float((shown * examined).sum()) / lists
    return {
        "ips": Terms(of_lists(weight * clicked), ones),
        "snips": Terms(mean * of_lists(weight * clicked), of_lists(examined[again.place[both]])),
        **direct,
        "dr": Terms(expected + of_lists(weight * error), ones),
        "clipped_dr": Terms(expected + of_lists(np.minimum(weight, cap) * error), ones),
    }


def _by_placing(again: Again, temperature: float, seed: int) -> Terms:
    """Weigh a click by 1 over the probability that its item stood where it did, if the bundle puts it there: no click model is needed."""
    lists = len(again.owner)
    earned = np.zeros(lists)
    order = np.argsort(again.list, kind="stable")
    begins = np.searchsorted(again.list[order], np.arange(lists + 1))
    for number in range(lists):
        rows = order[begins[number] : begins[number + 1]]
        same = again.place[rows] == again.position[rows]
        if not (same & again.clicked[rows]).any():
            continue
        chances = placing_chances(again.score[rows], temperature, DRAWS, seed + number)
        hit = np.flatnonzero(same & again.clicked[rows] & (again.position[rows] < len(rows)))
        earned[number] = (1 / np.maximum(chances[hit, again.position[rows][hit]], 1 / DRAWS)).sum()
    return Terms(earned, np.ones(lists))
