"""A Kafka broker that is its own controller, on loopback."""

from __future__ import annotations

import base64
import subprocess
import uuid
from collections.abc import Mapping
from pathlib import Path

from jobs.dev.artifacts import ensure
from jobs.dev.processes import LOOPBACK, Daemon, accepts, free_port, reason, start
from jobs.embedded.java import find_java
from udfs.errors import SwerveError

DEFAULTS = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "PLAINTEXT",
    # There is but one broker.
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    # Fewer files and a quick start; 50 is for many brokers.
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.num.partitions": "4",
    # No group has a second member that would come a moment later.
    "group.initial.rebalance.delay.ms": "0",
    # A mistyped topic is an error, not a new topic with settings that nobody chose.
    "auto.create.topics.enable": "false",
    # A broker that was killed may come back once its own controller has given it up: 9 s by default.
    "broker.session.timeout.ms": "2000",
    "broker.heartbeat.interval.ms": "500",
    # The default of 128 MB would be a quarter of the heap.
    "log.cleaner.dedupe.buffer.size": "16777216",
}


class KafkaServer(Daemon):
    """A broker.

    Parameters
    ----------
    folder : Path
        For its data, its configuration and its log; what is there is used again.
    port : int
        Of its plain listener.
    listeners : mapping of str to int
        Further listeners: security protocol, such as "SASL_SSL", to port.
    properties : mapping
        Further lines of server.properties; they win.
    heap : str
        Largest heap of its JVM.
    """

    def __init__(
        self,
        folder: Path,
        port: int,
        controller_port: int,
        listeners: Mapping[str, int] | None = None,
        properties: Mapping[str, str] | None = None,
        heap: str = "512m",
    ) -> None:
        folder = folder.resolve()
        self.home, self.port, self.controller_port = folder, port, controller_port
        self.properties = self._lines(listeners or {}, properties or {})
        self._java = [str(find_java()), f"-Xmx{heap}", "-XX:+UseSerialGC", "-Dlog4j2.level=INFO", "-cp", f"{ensure('kafka')}/*"]
        command = [*self._java, "kafka.Kafka", str(folder / "server.properties")]
        super().__init__("Kafka", command, folder / "kafka.log", self._leads)

    @property
    def bootstrap(self) -> str:
        """What clients connect to."""
        return f"{LOOPBACK}:{self.port}"

    def spawn(self) -> None:
        """Write its configuration, format its storage if that is new, and start it."""
        self.home.mkdir(parents=True, exist_ok=True)
        file = self.home / "server.properties"
        file.touch(mode=0o600)
        # A backslash escapes in a properties file.
        lines = [f"{key}={value}".replace("\\", "\\\\") for key, value in self.properties.items()]
        file.write_text("\n".join(lines) + "\n", encoding="utf-8")
        if not (self.home / "data" / "meta.properties").exists():
            self._format(file)
        super().spawn()

    def _format(self, file: Path) -> None:
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        # An id that begins with a dash would be read as an option.
        arguments = ["kafka.tools.StorageTool", "format", "--standalone", f"--cluster-id={cluster}", "--config", str(file)]
        done = subprocess.run([*self._java, *arguments], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
        if done.returncode:
            raise SwerveError(f"Kafka's storage in {self.home} cannot be formatted: {reason(done.stderr or done.stdout)}")

    def _lines(self, listeners: Mapping[str, int], properties: Mapping[str, str]) -> dict[str, str]:
        clients = {"PLAINTEXT": self.port, **listeners}
        advertised = [f"{protocol}://{LOOPBACK}:{port}" for protocol, port in clients.items()]
        protocols = ["CONTROLLER:PLAINTEXT", *(f"{protocol}:{protocol}" for protocol in clients)]
        return {
            **DEFAULTS,
            "controller.quorum.bootstrap.servers": f"{LOOPBACK}:{self.controller_port}",
            "listeners": ",".join([*advertised, f"CONTROLLER://{LOOPBACK}:{self.controller_port}"]),
            "advertised.listeners": ",".join(advertised),
            "listener.security.protocol.map": ",".join(protocols),
            "log.dirs": str(self.home / "data"),
            **properties,
        }

    def _leads(self) -> bool:
        # A client of kafka-python's that finds nobody leaves its sockets open.
        if not accepts(self.port):
            return False
        from kafka import KafkaAdminClient
        from kafka.errors import KafkaError

        try:
            client = KafkaAdminClient(bootstrap_servers=self.bootstrap, request_timeout_ms=5000, bootstrap_timeout_ms=2000)
            try:
                return len(client.describe_cluster()["brokers"]) == 1
            finally:
                client.close()
        except KafkaError:
            return False


def start_kafka(
    folder: Path,
    port: int | None = None,
    *,
    listeners: Mapping[str, int] | None = None,
    properties: Mapping[str, str] | None = None,
    heap: str = "512m",
) -> KafkaServer:
    """Start a broker and wait until it answers.

    Parameters
    ----------
    folder, listeners, properties, heap
        See `KafkaServer`. Topics are not made by asking for them unless the properties say so.
    port
        Default: a free one.

    Raises
    ------
    SwerveError
        If a given port is in use or the broker does not come up.
    """
    return start(lambda: KafkaServer(folder, port or free_port(), free_port(), listeners, properties, heap), port)
