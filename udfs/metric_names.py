"""Names of the job's metrics. In Flink they stand in the group ``swerve`` of the operator ``metrics``."""

from __future__ import annotations

GROUP = "swerve"

EVENTS, DENIED, REJECTS = "events", "events_without_consent", "rejects"
HELD, RELEASED = "held_back", "released"
DUPLICATES, TOO_LATE, SHIFTS, DEADLINES, REQUESTS, USERS = "duplicates", "too_late", "shifts", "deadlines", "rank_requests", "users"
RANKED, WRITTEN, STALE, RETRIES = "ranked", "redis_written", "redis_stale", "redis_retries"
SWAPS, REFUSALS = "model_swaps", "model_refusals"
BATCH_EVENTS, LAG_MS = "collapse_batch_events", "lag_ms"

#: Upper ends of the buckets, cumulative as in Prometheus' histograms; the last has no end.
BATCH_BUCKETS = (1, 10, 100, 1_000, 10_000, 100_000)
LAG_BUCKETS = (50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 60_000)
INFINITE = "inf"

COUNTERS = (
    EVENTS, DENIED, HELD, RELEASED, DUPLICATES, TOO_LATE, SHIFTS, DEADLINES, REQUESTS, USERS, WRITTEN, STALE, RETRIES, SWAPS,
    REFUSALS,
)  # fmt: skip
"""Plain counters."""
LABELLED = {REJECTS: ("reason",), RANKED: ("model", "model_version")}
"""Counters by label."""
HISTOGRAMS = {BATCH_EVENTS: BATCH_BUCKETS, LAG_MS: LAG_BUCKETS}
"""Counters by bucket: ``<name>_le`` with the label ``le``, ``<name>_count`` and ``<name>_sum``."""
