"""Adapter of `udfs.rank` and `udfs.redis_writes`: rank requests → recommendations in Redis, inside the call.

Flink waits for a running call before a checkpoint, so nothing is acknowledged that Redis has not confirmed.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from pyflink.table.udf import FunctionContext, ScalarFunction

from jobs.operators.worker import restore_print
from jobs.rows import Tag, row
from udfs.metric_names import LAG_BUCKETS

if TYPE_CHECKING:
    import pandas as pd

    from jobs.settings import Settings
    from models.bundle import Bundle
    from udfs.rank import Ranker


class RankFunction(ScalarFunction):
    """Pandas UDF; row 0 of a call's result holds the rows of the whole batch, the others none.

    Parameters
    ----------
    settings
        The effective settings.
    follow
        Take other versions of the model as its pointer moves.
    """

    def __init__(self, settings: Settings, *, follow: bool = False) -> None:
        self._settings, self._follow = settings, follow

    def is_deterministic(self) -> bool:
        """Tell the planner to evaluate once."""
        return False

    def open(self, function_context: FunctionContext) -> None:
        """Load the bundle, connect to Redis, write the fall-backs."""
        restore_print()
        from jobs.serving import source_of
        from udfs.redis_writes import RedisWriter, Target

        rank, to = self._settings.rank, self._settings.redis
        if to.url is None:
            raise ValueError("redis.url is not set")
        self._models = source_of(self._settings, "rank", self._prepare, follow=self._follow)
        self._ranker, self._fallbacks = self._models.begin()
        target = Target(to.url, to.secret, to.prefix, to.ttl_seconds, to.keep_profile, rank.surfaces)
        self._writer = RedisWriter(target, self._fallbacks)
        self._writer.open()

    def close(self) -> None:
        """Disconnect."""
        self._models.close()
        self._writer.close()

    def _prepare(self, bundle: Bundle) -> tuple[Ranker, dict[str, bytes]]:
        from udfs.rank import Ranker

        rank = self._settings.rank
        ranker = Ranker(bundle, rank.candidates, rank.top, rank.surfaces, rank.category_percent)
        ranker.warm_up()
        return ranker, ranker.fallbacks()

    def _swap(self) -> int:
        """Take another version if one is ready; gives how many were taken. Called between two batches: none is ranked with two of them."""
        taken = self._models.take()
        if taken is None:
            return 0
        from udfs.fallbacks import replacing

        self._ranker, fallbacks = taken
        self._fallbacks = replacing(self._fallbacks, fallbacks)
        self._writer.set_fallbacks(self._fallbacks)
        return 1

    def eval(self, requests: pd.Series[Any]) -> pd.Series[Any]:
        """Rank and write one batch."""
        import numpy as np
        import orjson
        import pandas as pd

        from udfs.profile import pack_profiles
        from udfs.requests import latest_of_each_user, unpack_requests
        from udfs.segments import choose_anew
        from udfs.versions import settle

        started = time.time_ns()
        swaps = self._swap()
        asked = unpack_requests([memoryview(blob)[1:] for blob in requests])
        users, reasons, profiles = latest_of_each_user(*asked) if self._settings.rank.latest_only else asked
        versions, reasons = settle(profiles, reasons)
        choose_anew(profiles, self._ranker.bundle.segments)
        unpacked = time.time_ns()
        ranked = self._ranker.rank(users, profiles, reasons, int(time.time() * 1000))
        scored = time.time_ns()
        written = self._writer.write(users, versions, ranked.values, pack_profiles(profiles))
        ended = time.time_ns()
        lags = np.maximum(0, ended // 1_000_000 - profiles["last_time"])
        report = {
            "stage": "rank",
            "at_ns": started,
            "ranked": len(users),
            "written": written.written,
            "stale": written.stale,
            "retries": written.retries,
            "model": self._ranker.bundle.name,
            "model_version": self._ranker.bundle.version,
            "model_swaps": swaps,
            "model_refusals": self._models.refusals(),
            "lag_le": np.searchsorted(np.sort(lags), LAG_BUCKETS, "right").tolist(),
            "lag_sum": int(lags.sum()),
            "unpack_ns": unpacked - started,
            "redis_ns": ended - scored,
            **ranked.timings,
            "busy_ns": ended - started,
        }
        rows = [row(Tag.REPORT, orjson.dumps(report))]
        if self._settings.out.everything:
            rows.append(row(Tag.RECOMMENDATIONS, ranked.block()))
        return pd.Series([rows, *[[]] * (len(requests) - 1)])
