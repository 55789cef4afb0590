"""A schema registry that speaks Confluent's API, on loopback."""

from __future__ import annotations

from pathlib import Path

import requests

from jobs.dev.artifacts import ensure
from jobs.dev.processes import LOOPBACK, Daemon, free_port, start
from jobs.embedded.java import find_java

#: The oldest Java that Apicurio runs on.
OLDEST = 21


class RegistryServer(Daemon):
    """A registry.

    Parameters
    ----------
    folder : Path
        For its data and its log; schemas that are there keep their ids.
    port : int
        Where it listens.
    heap : str
        Largest heap of its JVM.
    """

    def __init__(self, folder: Path, port: int, heap: str = "384m") -> None:
        folder = folder.resolve()
        self.port = port
        properties = {
            "quarkus.http.host": LOOPBACK,
            "quarkus.http.port": port,
            # Health and metrics would otherwise listen everywhere, at one port for all.
            "quarkus.management.host": LOOPBACK,
            "quarkus.management.port": 0,
            # On disk; the default is gone with the process.
            "apicurio.datasource.url": f"jdbc:h2:file:{folder / 'schemas'};WRITE_DELAY=0",
            "apicurio.datasource.jdbc.initial-size": 2,
            "apicurio.datasource.jdbc.min-size": 2,
            "apicurio.datasource.jdbc.max-size": 20,
            "apicurio.storage.snapshot.location": folder,
            "java.util.logging.manager": "org.jboss.logmanager.LogManager",
        }
        # Quick to come up: it never has much to do.
        quick = [f"-Xmx{heap}", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
        options = [f"-D{name}={value}" for name, value in properties.items()]
        command = [str(find_java(oldest=OLDEST)), *quick, *options, "-jar", str(ensure("registry") / "quarkus-run.jar")]
        super().__init__("the schema registry", command, folder / "registry.log", self._serves)

    @property
    def url(self) -> str:
        """Base of its Confluent API."""
        return f"http://{LOOPBACK}:{self.port}/apis/ccompat/v7"

    def _serves(self) -> bool:
        return requests.get(f"{self.url}/subjects", timeout=5).status_code == 200


def start_registry(folder: Path, port: int | None = None, heap: str = "384m") -> RegistryServer:
    """Start a registry and wait until it answers.

    Parameters
    ----------
    folder, heap
        See `RegistryServer`.
    port
        Default: a free one.

    Raises
    ------
    SwerveError
        If a given port is in use or the registry does not come up.
    """
    return start(lambda: RegistryServer(folder, port or free_port(), heap), port)
