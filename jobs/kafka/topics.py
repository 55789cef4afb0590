"""Topics: made with the settings that they need, and looked at before they are used."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import NamedTuple

from kafka import KafkaAdminClient
from kafka import errors as kafka_errors
from kafka.admin import ConfigResource, ConfigResourceType

from jobs.kafka.client import explained
from jobs.settings import Settings
from udfs.errors import SwerveError

DAY_MS = 86_400_000
#: The broker deletes by the timestamp of records, which is event time here: history would be gone within minutes.
FOREVER = {"retention.ms": "-1"}
#: A dead letter keeps the record's timestamp and bytes: neither its time nor its size may be a reason to refuse it.
ANYTHING = {"message.timestamp.after.max.ms": str(2**63 - 1), "max.message.bytes": str(16 * 2**20)}
COMPACTED = {"cleanup.policy": "compact"}


class Topic(NamedTuple):
    """A topic: its name, the numbers of its partitions, and its configuration by name."""

    name: str
    partitions: list[int]
    config: dict[str, str]


def wanted(settings: Settings) -> dict[str, dict[str, str]]:
    """Give the topics of the settings with the configuration that each needs."""
    topics = settings.topics
    return {
        topics.events: FOREVER | ANYTHING,
        topics.dead_letters: FOREVER | ANYTHING,
        topics.segments: FOREVER,
        topics.recommendations: FOREVER,
        topics.catalog: COMPACTED,
    }


def create(
    client: KafkaAdminClient, settings: Settings, name: str, partitions: int = -1, config: Mapping[str, str] = FOREVER, replicas: int = -1
) -> bool:
    """Make a topic if it is not there.

    Parameters
    ----------
    client
        Of `jobs.kafka.client.admin`.
    settings
        For messages.
    name
        Of the topic.
    partitions, replicas
        How many; -1: what the broker's own configuration says.
    config
        Its configuration.

    Returns
    -------
    bool
        Whether it was made; one that is there is left as it is.

    Raises
    ------
    SwerveError
        If the broker does not make it.
    """
    new = {name: {"num_partitions": partitions, "replication_factor": replicas, "configs": dict(config)}}
    with explained(settings, name):
        try:
            client.create_topics(new, timeout_ms=10_000, wait_for_metadata=True)
        except kafka_errors.TopicAlreadyExistsError:
            return False
    return True


def create_all(client: KafkaAdminClient, settings: Settings, partitions: int = -1, replicas: int = -1) -> list[str]:
    """Make the topics of the settings that are not there; gives their names. Raises as `create`."""
    return [name for name, config in wanted(settings).items() if create(client, settings, name, partitions, config, replicas)]


def describe(client: KafkaAdminClient, settings: Settings, name: str) -> Topic:
    """Look at a topic.

    Raises
    ------
    SwerveError
        If it is not there (names those that are near), or this user may not see it.
    """
    with explained(settings, name):
        found = client.describe_topics([name])[0]
        code = kafka_errors.for_code(found["error_code"])
        if code is kafka_errors.UnknownTopicOrPartitionError:
            raise missing(name, [other for other in client.list_topics() if not other.startswith("__")], settings)
        if code is not kafka_errors.NoError:
            raise code
        partitions = sorted(partition["partition_index"] for partition in found["partitions"])
        try:
            resource = ConfigResource(ConfigResourceType.TOPIC, name)
            entries = client.describe_configs([resource], config_filter="all")["topic"][name]
        except kafka_errors.AuthorizationError:
            entries = {}  # whoever may read the topic need not see how it is set up
    return Topic(name, partitions, {key: str(entry["value"]) for key, entry in entries.items()})


def missing(name: str, there: list[str], settings: Settings) -> SwerveError:
    """Say that a topic is not there, and which ones are."""
    near = difflib.get_close_matches(name, there, 3, 0.5)
    if near:
        hint = f"did you mean {' or '.join(near)}?"
    else:
        hint = f"there are {', '.join(sorted(there)[:8])}" if there else "there are none that this user may see"
    return SwerveError(f"Kafka at {settings.kafka.brokers} has no topic {name}", hint)


def retention_warning(topic: Topic) -> str | None:
    """Say so if a topic loses historic events; None if it keeps them, or that is not known."""
    retention = int(topic.config.get("retention.ms", -1))
    if retention < 0 or "delete" not in topic.config.get("cleanup.policy", "delete"):
        return None
    return (
        f"topic {topic.name} deletes records whose timestamp is older than {retention / DAY_MS:g} days: timestamps are event times, so "
        "history is gone soon after it is written (set retention.ms=-1 on the topic)"
    )
