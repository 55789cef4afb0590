"""ZooKeeper as one process, from Flink's own jar: what a killed JobManager is found again by."""

from __future__ import annotations

from pathlib import Path

from jobs.dev.flink_home import LOGGING, flink_home
from jobs.dev.processes import LOOPBACK, Daemon, accepts, free_port, start
from jobs.embedded.java import find_java

SETTINGS = """\
tickTime=2000
dataDir={data}
clientPort={port}
clientPortAddress={host}
# A web server for operators, which would listen everywhere.
admin.enableServer=false
# One server is no quorum, and the two ports for the others stay unused.
server.1={host}:2888:3888
"""


class ZooKeeperServer(Daemon):
    """A ZooKeeper.

    Parameters
    ----------
    folder : Path
        For its data and its log.
    port : int
        Where it listens.
    """

    def __init__(self, folder: Path, port: int) -> None:
        self.home, self.port = folder.resolve(), port
        libraries = str(flink_home() / "lib" / "*")
        options = ["-Xmx128m", "-XX:+UseSerialGC", f"-Dlog4j.configurationFile={LOGGING}", f"-Dlog.file={self.home / 'server.log'}"]
        peer = [
            "org.apache.flink.runtime.zookeeper.FlinkZooKeeperQuorumPeer",
            "--zkConfigFile",
            str(self.home / "zoo.cfg"),
            "--peerId",
            "1",
        ]
        command = [str(find_java()), *options, "-Dconsole.log.level=OFF", "-cp", libraries, *peer]
        super().__init__("ZooKeeper", command, self.home / "zookeeper.log", lambda: accepts(port))

    @property
    def quorum(self) -> str:
        """What clients connect to."""
        return f"{LOOPBACK}:{self.port}"

    def spawn(self) -> None:
        """Write its configuration and start it."""
        self.home.mkdir(parents=True, exist_ok=True)
        text = SETTINGS.format(data=self.home / "data", port=self.port, host=LOOPBACK)
        (self.home / "zoo.cfg").write_text(text, encoding="utf-8")
        super().spawn()


def start_zookeeper(folder: Path, port: int | None = None) -> ZooKeeperServer:
    """Start a ZooKeeper and wait until it accepts connections.

    Parameters
    ----------
    folder
        See `ZooKeeperServer`.
    port
        Default: a free one.

    Raises
    ------
    SwerveError
        If a given port is in use or it does not come up.
    """
    return start(lambda: ZooKeeperServer(folder, port or free_port()), port)
