"""Sending the job to a cluster by its REST address, from this process.

The cluster has the Python operators and the connector to Kafka in its lib folder, and this package in its Python: none is sent along.
"""

from __future__ import annotations

import signal
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from jobs.causes import root_cause
from jobs.cluster.parameters import describe
from jobs.cluster.rest import ClusterError
from jobs.environment import add_kafka_connector, embedded_options, prepare_process
from jobs.recommend import build_live, live_options, prepare_topics
from udfs.errors import UsageError

if TYPE_CHECKING:
    from jobs.pipeline import Pipeline
    from jobs.settings import Settings

#: What the cluster's own configuration says unless it is set; the rest of `embedded_options` is always the cluster's.
UNLESS_SET = {"execution.checkpointing.dir": "dir", "execution.checkpointing.externalized-checkpoint-retention": "keep"}


class Submission:
    """The live job, built for a cluster and ready to be sent. Its topics and schemas are made if they are missing.

    It is built in a process of its own: an upgrade has one job built before it stops the other, and may need a third to go back.

    Parameters
    ----------
    settings
        Those of `jobs.recommend.live_settings`; `cluster.url` and `redis.url` are set.
    name
        Name of the job.

    Raises
    ------
    UsageError
        If a setting is missing.
    SwerveError
        If the job cannot be built, or Kafka or the registry does not answer.
    """

    def __init__(self, settings: Settings, name: str) -> None:
        if settings.redis.url is None:
            raise UsageError("redis.url is not set", "a job on a cluster needs a Redis that the cluster reaches: --redis URL")
        options = cluster_options(settings, name)
        # Spawned: what a fork would take along of this process is not wanted. Settings go through a pipe, with their secrets.
        self._process = ProcessPoolExecutor(1, get_context("spawn"), signal.signal, (signal.SIGINT, signal.SIG_IGN))
        try:
            self._process.submit(_build, settings, options).result()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Submission:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the process."""
        self._process.shutdown(wait=True, cancel_futures=True)

    def send(self, savepoint: str | None = None, *, allow_non_restored: bool = False) -> str:
        """Send the job; gives its id.

        Parameters
        ----------
        savepoint
            Where the savepoint or retained checkpoint lies that it begins with.
        allow_non_restored
            Begin even if the savepoint has state that no operator takes.

        Raises
        ------
        ClusterError
            If the cluster does not take it, such as for a savepoint that cannot be read.
        """
        return self._process.submit(_send, savepoint, allow_non_restored).result()


_built: list[Pipeline] = []


def _build(settings: Settings, options: dict[str, str]) -> None:
    prepare_process(settings.work)
    add_kafka_connector(settings.work)
    schema_ids = prepare_topics(settings)
    # pyflink reads the environment when it is imported.
    from pyflink.common import Configuration
    from pyflink.datastream import StreamExecutionEnvironment
    from pyflink.java_gateway import get_gateway
    from pyflink.table import StreamTableEnvironment

    configuration = Configuration()
    for key, value in options.items():
        configuration.set_string(key, value)
    # Not get_execution_environment: outside of `flink run` that is a local one, whatever the target says.
    environment = get_gateway().jvm.org.apache.flink.streaming.api.environment.StreamExecutionEnvironment(configuration._j_configuration)
    tables = StreamTableEnvironment.create(StreamExecutionEnvironment(environment))
    _built.append(build_live(tables, settings, schema_ids))


def _send(savepoint: str | None, allow_non_restored: bool) -> str:
    from py4j.protocol import Py4JError
    from pyflink.util.exceptions import TableException

    (pipeline,) = _built
    options = {}
    if savepoint is not None:
        options = {
            "execution.state-recovery.path": savepoint,
            "execution.state-recovery.ignore-unclaimed-state": str(allow_non_restored).lower(),
        }
    try:
        client = pipeline.execute(options)
    except (Py4JError, TableException) as error:
        raise _refused(root_cause(str(error))) from None
    return str(client.get_job_id())


def cluster_options(settings: Settings, name: str) -> dict[str, str]:
    """Give Flink's options of the job, and where it is sent to."""
    parts = urlsplit(settings.cluster.url or "")
    if parts.scheme != "http" or not parts.hostname:
        raise UsageError("cluster.url should be the REST address of a cluster, http://host:port", "--cluster http://127.0.0.1:8081")
    options = live_options(settings)
    chosen = settings.checkpoint.model_fields_set
    options |= {key: value for key, value in embedded_options(settings, 0).items() if UNLESS_SET.get(key) in chosen}
    if settings.cluster.python is not None:
        options["python.executable"] = settings.cluster.python
    return {
        **options,
        "execution.target": "remote",
        "execution.attached": "false",
        "rest.address": parts.hostname,
        "rest.port": str(parts.port or 80),
        "rest.path": parts.path.rstrip("/"),
        "pipeline.name": name,
        **{f"pipeline.global-job-parameters.{key}": value for key, value in describe(settings).items()},
    }


def _refused(cause: str) -> ClusterError:
    hint = ""
    if "allowNonRestoredState" in cause:
        hint = "the savepoint has state that this job does not take; --allow-non-restored leaves it behind"
    elif "Cannot find checkpoint or savepoint" in cause:
        hint = "the path is one that the cluster sees; swerve savepoint prints it"
    elif "ClassNotFound" in cause:
        hint = "the cluster's lib folder lacks flink-python or the connector to Kafka"
    return ClusterError(f"the cluster did not take the job: {cause}", hint)
