"""Adapter of `udfs.rank` and `udfs.redis_writes`: rank requests → recommendations in Redis, inside the call.

Flink waits for a running call before a checkpoint, so nothing is acknowledged that Redis has not confirmed.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from pyflink.table.udf import FunctionContext, ScalarFunction

from jobs.rows import Tag, row

if TYPE_CHECKING:
    import pandas as pd

    from jobs.settings import Settings


class RankFunction(ScalarFunction):  # type: ignore[misc]
    """Pandas UDF; row 0 of a call's result holds the rows of the whole batch, the others none."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def is_deterministic(self) -> bool:
        """Tell the planner to evaluate once."""
        return False

    def open(self, function_context: FunctionContext) -> None:
        """Load the bundle, connect to Redis, write the fall-backs."""
        from models.bundle import Bundle
        from udfs.rank import Ranker
        from udfs.redis_writes import RedisWriter

        settings = self._settings
        self._ranker = Ranker(
            Bundle.open(settings.model.path), settings.rank.candidates, settings.rank.top, tuple(settings.rank.surfaces)
        )
        self._writer = RedisWriter.open(settings.redis, self._ranker.fallbacks())

    def close(self) -> None:
        """Disconnect."""
        self._writer.close()

    def eval(self, requests: pd.Series[Any]) -> pd.Series[Any]:
        """Rank and write one batch."""
        import orjson
        import pandas as pd

        from udfs.requests import latest_of_each_user, unpack_requests

        started = time.time_ns()
        users, reasons, profiles = latest_of_each_user(*unpack_requests([bytes(memoryview(blob)[1:]) for blob in requests]))
        unpacked = time.time_ns()
        ranked = self._ranker.rank(users, profiles, reasons, int(time.time() * 1000))
        scored = time.time_ns()
        written = self._writer.write(users, profiles, ranked.values)
        ended = time.time_ns()
        report = {
            "stage": "rank",
            "at_ns": started,
            "ranked": len(users),
            "written": written.written,
            "stale": written.stale,
            "retries": written.retries,
            "unpack_ns": unpacked - started,
            "redis_ns": ended - scored,
            **ranked.timings,
            "busy_ns": ended - started,
        }
        rows = [row(Tag.REPORT, orjson.dumps(report))]
        if self._settings.out.recommendations:
            rows.append(row(Tag.RECOMMENDATIONS, ranked.block()))
        return pd.Series([rows, *[[]] * (len(requests) - 1)])
