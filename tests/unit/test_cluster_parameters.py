"""The settings that travel with a job: readable by whoever looks at it, without secrets, and enough to go back to."""

from __future__ import annotations

import pytest

from jobs.cluster.parameters import RELEASE, changes, check_state_fits, describe, is_ours, recall
from jobs.cluster.submit import cluster_options
from jobs.settings import Settings
from udfs.errors import SwerveError, UsageError

SECRETS = {
    "redis.url": "redis://ana:hunter2@shop:6379/0",
    "redis.password": "hunter2",
    "registry.url": "https://ana:hunter2@registry",
    "registry.password": "hunter2",
    "kafka.properties": {"security.protocol": "SASL_SSL", "sasl.jaas.config": 'x required password="hunter2";'},
}
VALUES = {"rank.surfaces": ["home", "cart"], "rank.hold_back": False, "parallelism": 2, "kafka.start_time": 5, "redis.prefix": "a:b,c "}


def test_secrets_are_not_described() -> None:
    described = describe(Settings().with_values(SECRETS))
    assert "hunter2" not in str(described)
    assert described["kafka.properties"] == '{"sasl.jaas.config": "********", "security.protocol": "SASL_SSL"}'


def test_options_of_the_job_hold_no_secret() -> None:
    options = cluster_options(Settings().with_values({**SECRETS, "cluster.url": "http://flink:8081"}), "swerve")
    assert "hunter2" not in str(options)
    assert (options["rest.address"], options["rest.port"]) == ("flink", "8081")


def test_what_is_described_can_be_recalled() -> None:
    old = Settings().with_values({**SECRETS, **VALUES})
    now = Settings().with_values({**SECRETS, "rank.top": 3, "rank.hold_back": True, "work": "/elsewhere", "parallelism": 3})
    back = recall(describe(old), now)
    assert back.with_values({"work": old.work}) == old
    assert back.work == now.work


def test_nothing_is_recalled_from_another_release() -> None:
    with pytest.raises(SwerveError, match=r"release 0\.0\.1"):
        recall({**describe(Settings()), RELEASE: "0.0.1"}, Settings())
    with pytest.raises(SwerveError, match="does not say"):
        recall({"a": "b"}, Settings())
    assert not is_ours({"a": "b"})


def test_changes_name_old_and_new() -> None:
    old = describe(Settings())
    assert changes(old, Settings()) == {}
    assert changes(old, Settings().with_values({"parallelism": 2})) == {"parallelism": ["1", "2"]}
    assert changes({}, Settings()) == {}


def test_another_number_of_buckets_is_refused() -> None:
    old = describe(Settings())
    check_state_fits(old, Settings().with_values({"parallelism": 2}))
    with pytest.raises(UsageError, match=r"state\.buckets is 64 .* and 32"):
        check_state_fits(old, Settings().with_values({"state.buckets": 32}))


@pytest.mark.parametrize("url", [None, "flink:8081", "ftp://flink"])
def test_a_cluster_without_an_address(url: str | None) -> None:
    with pytest.raises(UsageError, match=r"cluster\.url"):
        cluster_options(Settings().with_values({"cluster.url": url}), "swerve")
