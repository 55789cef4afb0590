"""A Flink that runs in this process: a real JobManager and TaskManager, nothing to install or to start."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from jobs.embedded.java import find_java
from jobs.settings.load import ENV_PREFIX

if TYPE_CHECKING:
    from pyflink.table import StreamTableEnvironment

    from jobs.settings import Settings


def prepare_process(work: Path) -> None:
    """Set what Flink reads from the process's environment; to be called before pyflink is imported."""
    java = find_java()
    binaries = Path(sys.executable).parent
    logs = work / "log"
    logs.mkdir(parents=True, exist_ok=True)
    os.environ["JAVA_HOME"] = str(java.parent.parent)
    # The embedded interpreter looks for its home through the `python` on the path; another one's packages are not ours.
    os.environ["PATH"] = os.pathsep.join([str(binaries), str(java.parent), os.environ.get("PATH", "")])
    os.environ["FLINK_LOG_DIR"] = str(logs.resolve())
    # Settings were read by now. Flink's Python runner logs its whole environment, and passwords may stand in it.
    for name in [name for name in os.environ if name.upper().startswith(ENV_PREFIX)]:
        del os.environ[name]
    # Without this a local run executes the UDFs in the client process, one after the other.
    os.environ["_python_worker_execution_mode"] = "process"


def add_kafka_connector(work: Path) -> None:
    """Put the Kafka connector on the class path of the JVM that pyflink starts; to be called before pyflink is imported.

    The JVM plans the job, also one for a cluster: it needs the connector as much as the cluster's lib folder does. `pipeline.jars` would do
    here, but on a cluster it takes the place of the jars with the Python operators.

    Parameters
    ----------
    work
        The work folder; a folder of links to jars is made in it.

    Raises
    ------
    SwerveError
        If the connector is not there and cannot be fetched.
    """
    named = os.environ.get("FLINK_HOME")
    home = Path(named or _flink_package())
    lib = Path((named and os.environ.get("FLINK_LIB_DIR")) or home / "lib")
    jars = sorted(lib.glob("*.jar"))
    if not any(jar.name.startswith("flink-sql-connector-kafka") for jar in jars):
        from jobs.dev.artifacts import connector_jar

        jars.append(connector_jar())
        # Other jars, another folder: one that a running JVM reads from does not change.
        lib = work.resolve() / "lib" / hashlib.blake2b(repr(jars).encode(), digest_size=6).hexdigest()
        lib.mkdir(parents=True, exist_ok=True)
        for jar in jars:
            with suppress(FileExistsError):
                (lib / jar.name).symlink_to(jar.resolve())
    # pyflink sets FLINK_LIB_DIR itself unless there is a FLINK_HOME.
    os.environ["FLINK_HOME"] = str(home)
    os.environ["FLINK_LIB_DIR"] = str(lib)


def _flink_package() -> str:
    """Find the Flink that came as a Python package, without importing it."""
    found = importlib.util.find_spec("pyflink")
    assert found is not None
    assert found.submodule_search_locations
    return found.submodule_search_locations[0]


def local_tables(settings: Settings, options: Mapping[str, str], *, restarts: int = 0) -> StreamTableEnvironment:
    """Make the table environment of an embedded Flink.

    Parameters
    ----------
    settings
        The effective settings.
    options
        The job's options, see `job_options`.
    restarts
        How often the job may start again from its last checkpoint before it gives up. Flink's own default is: for ever, and a job
        that cannot work then looks like one that hangs.
    """
    return make_tables({**options, **embedded_options(settings, restarts)})


def make_tables(options: Mapping[str, str]) -> StreamTableEnvironment:
    """Make a table environment with Flink options."""
    from pyflink.common import Configuration
    from pyflink.datastream import StreamExecutionEnvironment
    from pyflink.table import StreamTableEnvironment

    configuration = Configuration()
    for key, value in options.items():
        configuration.set_string(key, value)
    return StreamTableEnvironment.create(StreamExecutionEnvironment.get_execution_environment(configuration))


def job_options(settings: Settings, rows: int, bundle_ms: int) -> dict[str, str]:
    """Give the options of the job, wherever it runs.

    Parameters
    ----------
    settings
        The effective settings.
    rows, bundle_ms
        Of a batch: rows at most, and the longest wait for it to fill.
    """
    return {
        "parallelism.default": str(settings.parallelism),
        "pipeline.max-parallelism": "128",
        "pipeline.object-reuse": "true",
        "pipeline.auto-watermark-interval": "100 ms",
        "python.execution-mode": "thread",
        "python.fn-execution.arrow.batch.size": str(rows),
        "python.fn-execution.bundle.size": str(rows),
        "python.fn-execution.bundle.time": str(bundle_ms),
        # The counters are Flink's own, counted in one operator; a second set costs time in every batch.
        "python.metric.enabled": "false",
        "execution.checkpointing.interval": f"{settings.checkpoint.interval_ms} ms",
        # A replay's chunks all lie between source and operators at once: behind them, a barrier would wait for the end of the run.
        "execution.checkpointing.unaligned.enabled": "true",
        "table.exec.uid.generation": "ALWAYS",
        "table.local-time-zone": "UTC",
    }


def embedded_options(settings: Settings, restarts: int) -> dict[str, str]:
    """Give what is a cluster's own matter, for an embedded Flink."""
    options = {
        "python.executable": sys.executable,
        "python.client.executable": sys.executable,
        "rest.bind-address": "127.0.0.1",
        "execution.checkpointing.dir": Path(settings.checkpoint.dir).resolve().as_uri(),
        "execution.checkpointing.externalized-checkpoint-retention": "NO_EXTERNALIZED_CHECKPOINTS"
        if not settings.checkpoint.keep
        else "RETAIN_ON_CANCELLATION",
        "restart-strategy.type": "none" if restarts == 0 else "fixed-delay",
    }
    if restarts:
        options["restart-strategy.fixed-delay.attempts"] = str(restarts)
        options["restart-strategy.fixed-delay.delay"] = "1 s"
    return options
