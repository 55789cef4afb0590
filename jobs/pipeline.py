"""A wired job, ready to be executed, whose operators with state have uids of their own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyflink.common.job_client import JobClient
    from pyflink.table import StatementSet, StreamTableEnvironment

#: By the table that it reads.
SOURCES = {"records": "source", "beats": "heartbeat", "chunks": "source", "ticks": "ticks"}


class Pipeline:
    """A job.

    The planner gives operators of SQL uids from a counter, which the next release, or a second job in the same JVM, would count
    otherwise. Sources and sinks keep state, so they get fixed ones here; those of the operators in Python are fixed where they are made.

    Parameters
    ----------
    tables
        The environment that the job was wired in.
    statements
        Its statements.
    """

    def __init__(self, tables: StreamTableEnvironment, statements: StatementSet) -> None:
        statements.attach_as_datastream()
        self.environment: Any = tables._j_tenv.execEnv()
        for end in self.environment.getTransformations():
            for transformation in end.getTransitivePredecessors():
                if uid := uid_of(transformation.getClass().getSimpleName(), transformation.getName()):
                    transformation.setUid(uid)

    def execute(self, options: Mapping[str, str] | None = None) -> JobClient:
        """Start the job, and go on without waiting for it.

        Parameters
        ----------
        options
            Options of Flink's, beside those of the environment.
        """
        from pyflink.common.job_client import JobClient
        from pyflink.util.java_utils import get_j_env_configuration

        configuration = get_j_env_configuration(self.environment)
        for key, value in (options or {}).items():
            configuration.setString(key, value)
        return JobClient(self.environment.executeAsync())


def uid_of(kind: str, name: str) -> str | None:
    """Give the uid of a source or sink of SQL; None for any other operator.

    Examples
    --------
    >>> uid_of("SinkTransformation", "topic_of_segments[61]: Writer")
    'topic_of_segments'
    """
    table = name.partition("[")[0].rpartition(".")[2].removeprefix("Source: ")
    if kind.endswith("SourceTransformation"):
        return SOURCES.get(table)
    return table if kind == "SinkTransformation" else None
