"""Which of its published settings a baseline gets: the one that ranks best on the end of the training log."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from training.baselines import AR, POP, SKNN, SR, STAN, VSKNN, Baseline
from training.evaluate.cases import cases_of, choose, known_items, training_of
from training.evaluate.measures import MEASURES, TOP, gains
from training.history import History
from training.sessions import item_sessions

BASELINES: dict[str, type[Baseline]] = {"stan": STAN, "vsknn": VSKNN, "sknn": SKNN, "ar": AR, "sr": SR, "pop": POP}
#: The last tenth of the sessions judges what was learnt from those before; so many of them are asked.
JUDGES, JUDGING_SESSIONS = 0.1, 1000
#: A list counts for its hits and for their rank alike.
BY = (MEASURES.index(f"hr@{TOP}"), MEASURES.index(f"mrr@{TOP}"))

Done = Callable[[float], None]


def tune(history: History, seed: int, done: Done | None = None) -> dict[str, dict[str, Any]]:
    """Choose the settings of every baseline.

    Parameters
    ----------
    history
        The training log; nothing else is looked at.
    seed
        Of the choice of the sessions that judge.
    done
        Called with the share of the work that is done.

    Returns
    -------
    dict
        Settings by method: of the published ones those with the greatest sum of hit rate and mean reciprocal rank.
    """
    first = {name: method.PUBLISHED[0] for name, method in BASELINES.items()}
    everything = item_sessions(history.events, history.session, known_items(history.events).hashes, 2)
    if not len(everything.ends):
        return first
    cut = np.quantile(everything.last_time, 1 - JUDGES)
    late = np.zeros(int(history.session.max()) + 1, np.bool_)
    late[history.session[everything.rows[everything.starts[everything.last_time > cut]]]] = True
    judges = late[history.session]
    known = known_items(history.events[~judges])
    training = training_of(history.events[~judges], history.session[~judges], known)
    asking = item_sessions(history.events[judges], history.session[judges], known.hashes, 2)
    cases = cases_of(history.events[judges], asking, choose(len(asking.ends), JUDGING_SESSIONS, seed))
    if not len(cases.right) or not len(training.sessions.ends):
        return first
    chosen, tried, trials = {}, 0, sum(len(method.PUBLISHED) for method in BASELINES.values())
    for name, method in BASELINES.items():
        scores = []
        for settings in method.PUBLISHED:
            if len(method.PUBLISHED) > 1:
                baseline = method(**settings)
                baseline.fit(training)
                found = gains(baseline.recommend(cases.prefixes, TOP).items, cases.right)
                scores.append(float(found.mean(0)[list(BY)].sum()))
            tried += 1
            if done:
                done(tried / trials)
        chosen[name] = method.PUBLISHED[int(np.argmax(scores)) if scores else 0]
    return chosen
