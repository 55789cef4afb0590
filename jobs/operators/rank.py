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


class RankFunction(ScalarFunction):
    """Pandas UDF; row 0 of a call's result holds the rows of the whole batch, the others none."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def is_deterministic(self) -> bool:
        """Tell the planner to evaluate once."""
        return False

    def open(self, function_context: FunctionContext) -> None:
        """Load the bundle, connect to Redis, write the fall-backs."""
        restore_print()
        from models.bundle import Bundle
        from udfs.rank import Ranker
        from udfs.redis_writes import RedisWriter, Target

        rank, to = self._settings.rank, self._settings.redis
        self._ranker = Ranker(Bundle.open(self._settings.model.path), rank.candidates, rank.top, rank.surfaces)
        if to.url is None:
            raise ValueError("redis.url is not set")
        password = to.password.get_secret_value() if to.password else None
        target = Target(to.url, password, to.prefix, to.ttl_seconds, to.keep_profile, rank.surfaces)
        self._writer = RedisWriter(target, self._ranker.fallbacks())
        self._writer.open()
        self._ranker.warm_up()

    def close(self) -> None:
        """Disconnect."""
        self._writer.close()

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
