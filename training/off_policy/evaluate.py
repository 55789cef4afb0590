"""What policies would have earned, by a log of single items at positions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.off_policy import bandit, estimators, obd, overlap
from training.off_policy.bandit import BanditLog, Policy
from training.off_policy.estimators import Terms
from training.off_policy.examination import examination, examination_intervals, position_based_weights
from training.off_policy.reward_model import Predictions, predict_reward, sample_of
from udfs.errors import SwerveError, UsageError

UNIFORM, LEARNED = "uniform", {"popular": bandit.popular, "greedy": bandit.greedy}
LEARN_FROM = 0.5


def evaluate_log(
    path: Path, policies: Sequence[str], items: Path | None = None, *, cap: float = 10.0, resamples: int = 1000, seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Evaluate policies on a log of the Open Bandit Dataset.

    Parameters
    ----------
    path
        The log.
    policies
        ``uniform``; ``popular`` or ``greedy``, learned from the first half of the log's time and evaluated on the rest; a CSV with
        `item_id`, `position`, `probability`; or another log, whose policy is taken as it was on average, and whose own mean reward is given
        beside the estimates.
    items
        Contexts of the items, for the reward model.
    cap
        Greatest weight of the clipped estimators.
    resamples
        Draws of the bootstrap.
    seed
        Of draws and folds.
    progress
        Called with policies done and to do.

    Returns
    -------
    dict
        `log`: rows, clicks, value with interval, examination by position; `policies`: each with `overlap`, `estimates`, `by_position`.

    Raises
    ------
    SwerveError
        If a file is not what it should be.
    NoOverlap
        If the log tells nothing of a policy.
    """
    features = obd.read_item_features(items) if items else None
    log = obd.read_log(path, None if features is None else len(features))
    overlap.require_chance(log.propensity)
    learn = log.time < np.quantile(log.time, LEARN_FROM)
    predictions: dict[str, Predictions] = {}
    found = []
    for done, name in enumerate(policies):
        if progress:
            progress(done, len(policies))
        learned = name in LEARNED
        rows = log.rows(~learn) if learned else log
        part = "rest" if learned else "all"
        if part not in predictions:
            predictions[part] = predict_reward(rows, features, seed=seed)
        policy, truth = _policy(name, log, learn)
        document = _evaluate(rows, policy, predictions[part], cap, resamples, seed)
        found.append({"policy": name, "rows": len(rows.item), "on_policy": truth, **document})
    return {"log": _describe(path, log, resamples, seed), "cap": cap, "policies": found}


def _policy(name: str, log: BanditLog, learn: NDArray[np.bool_]) -> tuple[Policy, dict[str, Any] | None]:
    if name == UNIFORM:
        return bandit.uniform(log), None
    if name in LEARNED:
        return LEARNED[name](log.rows(learn)), None
    path = Path(name)
    if not path.exists():
        raise UsageError(f"there is no policy {name}", f"it is {UNIFORM}, {', '.join(LEARNED)}, or a file")
    if not obd.is_log(path):
        return obd.read_policy(path, log), None
    other = obd.read_log(path, log.items)
    if other.positions != log.positions:
        raise SwerveError(f"{path} has {other.positions} positions, the log has {log.positions}")
    return bandit.shares(other), _mean(other)


def _evaluate(log: BanditLog, policy: Policy, predictions: Predictions, cap: float, resamples: int, seed: int) -> dict[str, Any]:
    weight = bandit.weights(log, policy)
    found = overlap.examine(weight, log.reward, bandit.unseen(log, policy))
    terms = estimators.all_terms(sample_of(log, policy, predictions, weight), cap)
    by_item = position_based_weights(log, policy, examination(log))
    terms["position_based"] = Terms(by_item * log.reward, np.ones(len(by_item)))
    estimates = estimators.bootstrap(terms, resamples=resamples, seed=seed)
    by_position = []
    for position in range(log.positions):
        here = log.position == position
        part = {name: Terms(one.above[here], one.below[here]) for name, one in terms.items() if name in ("ips", "snips", "dr")}
        if here.any():
            of_part = estimators.bootstrap(part, resamples=resamples, seed=seed)
            by_position.append({"position": position + 1, **{name: one.as_json() for name, one in of_part.items()}})
    return {
        "overlap": found.as_json(),
        "estimates": {name: one.as_json() for name, one in estimates.items()},
        "by_position": by_position,
    }


def _describe(path: Path, log: BanditLog, resamples: int, seed: int) -> dict[str, Any]:
    examined = examination_intervals(log, resamples=resamples, seed=seed)
    return {
        "path": str(path),
        "rows": len(log.item),
        "clicks": int(log.reward.sum()),
        "items": log.items,
        "positions": log.positions,
        "on_policy": _mean(log),
        "examination": [{"position": k + 1, **one.as_json()} for k, one in enumerate(examined)],
    }


def _mean(log: BanditLog) -> dict[str, float]:
    return estimators.normal(Terms(log.reward, np.ones(len(log.reward)))).as_json()
