"""The job on a real Flink and the oracle agree on every profile, segment change, dead letter and value in Redis."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import redis

from jobs.embedded.redis_server import RedisServer
from tests.job.logs import Logs
from tests.job.running import Case, Outcome, requests_of
from tests.job.training_features import feature_differences

TINY, LARGE = (400, 4), (64_000, 64)
TWO = ("home", "basket")
ALL_RANKINGS = {"rank.latest_only": False, "state.buckets": 5}
CASES = {
    "clean, large batches": Case("clean", 1, LARGE, "every_event", hold_back=True),
    "clean, tiny batches": Case("clean", 2, TINY, "every_event", hold_back=False),
    "troubled, large batches": Case("troubled", 2, LARGE, "triggers", hold_back=True, surfaces=TWO),
    "troubled, tiny batches": Case("troubled", 1, TINY, "triggers", hold_back=False, surfaces=TWO, more=ALL_RANKINGS),
    "rees46, large batches": Case("rees46", 1, LARGE, "every_event", hold_back=True),
    "rees46, tiny batches": Case("rees46", 2, TINY, "every_event", hold_back=False, more={"state.cache_profiles": 50}),
}


@pytest.mark.parametrize("name", CASES)
def test_job_equals_oracle(name: str, job: Callable[..., Outcome], logs: Logs, redis_server: RedisServer) -> None:
    """One case; training makes the features that the job has made.

    What the oracle finds in each log is in `test_the_logs_hold_what_is_to_be_tested`."""
    case = CASES[name]
    outcome = job(case)
    assert outcome.differences(redis_server.url) == []
    if case.log == "clean":
        with redis.Redis.from_url(str(redis_server.url)) as client:
            assert feature_differences(logs.archive(case.log), logs.bundle(case.log), client) == []
    assert outcome.written_records("segments") == len(outcome.oracle.changes)
    assert outcome.written_records("dead-letters") == len(outcome.oracle.rejects)
    rankings = outcome.rankings()
    assert rankings.total() == outcome.report.ranks["ranked"]
    last = outcome.oracle.last_requests()
    if case.hold_back:
        assert rankings.total() == len(last)
    elif not case.more.get("rank.latest_only", True):
        assert rankings == requests_of(outcome.oracle)
    else:
        assert {user: rankings for user, *_ in rankings}.keys() == last.keys()
        assert len(last) < rankings.total() <= len(outcome.oracle.requests)


def test_the_logs_hold_what_is_to_be_tested(logs: Logs) -> None:
    """Shifts, abandoned carts, refused consent everywhere in the simulated logs; lateness, repeats and poison where they belong."""
    clean, troubled = logs.oracle("clean", "every_event", ("home",)), logs.oracle("troubled", "triggers", TWO)
    for oracle in (clean, troubled):
        assert oracle.counts["denied"] > 100
        assert oracle.counts["too_late"] == 1
        assert sum(profile.shifts for profile in oracle.profiles.values()) > 50
        assert sum(profile.abandoned for profile in oracle.profiles.values()) > 50
        assert oracle.profiles["abandons at the end"].abandoned == 0
        assert oracle.profiles["abandons before the end"].abandoned == 1
        assert oracle.profiles["came back in the same batch"].abandoned == 2
    assert clean.counts["rejects"] == 0
    assert troubled.counts["duplicates"] > 500
    assert len({reject.reason for reject in troubled.rejects}) >= 10
    assert len(logs.oracle("rees46", "every_event", ("home",)).profiles) > 4_000
