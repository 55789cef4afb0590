"""Acknowledged means kept: a collector before a real broker that is away for a while, and killed in the middle of it."""

from __future__ import annotations

import io
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fastavro
import pytest
import requests

from jobs.dev.kafka import KafkaServer
from jobs.dev.processes import free_port
from jobs.kafka.client import admin
from jobs.kafka.topics import create
from tests.e2e.commands import Commands, until
from tests.e2e.topics import read_topic, settings_for
from udfs.schemas import load, plain

PARTITIONS, SENDERS, BATCH = 3, 3, 5
FRAMING = b"\0\0\0\0\1"


class Sender(threading.Thread):
    """A shopper's page: sends batches one after the other, each again until it is acknowledged."""

    def __init__(self, url: str, user: str) -> None:
        super().__init__(name=user, daemon=True)
        self.url, self.user, self.acknowledged, self.answers = url, user, 0, set[int]()
        self.over = threading.Event()

    def run(self) -> None:
        """Send until it is over."""
        with requests.Session() as session:
            while not self.over.is_set():
                numbers = range(self.acknowledged, self.acknowledged + BATCH)
                if self._sent(session, [self._event(number) for number in numbers]):
                    self.acknowledged += BATCH
                time.sleep(0.02)

    def _event(self, number: int) -> dict[str, Any]:
        return {"event_id": f"{self.user}-{number}", "event_name": "view_item", "item_id": "i", "event_time": int(time.time() * 1000)}

    def _sent(self, session: requests.Session, events: list[dict[str, Any]]) -> bool:
        body = {"user_id": self.user, "consent": {"personalization_storage": "granted"}, "events": events}
        try:
            answer = session.post(f"{self.url}/v1/events", json=body, timeout=10)
        except requests.RequestException:
            return False
        self.answers.add(answer.status_code)
        return answer.status_code == 202


class Served:
    """`swerve serve`, on a port that it gets again when it is started again."""

    def __init__(self, folder: Path, brokers: str, topic: str, spool_mb: int = 64) -> None:
        self.port = free_port()
        self.spool = folder / "spool"
        settings = {"kafka.brokers": brokers, "serving.port": self.port, "serving.spool": self.spool, "serving.spool_mb": spool_mb}
        self._commands = Commands(folder, settings)
        self._topic = topic
        self.process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, and wait until it listens."""
        self.process = self._commands.start("serve", "--into", f"kafka:{self._topic}")
        until("the collector", self._lives, 60)

    def _lives(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.process.communicate()[1]
        try:
            return requests.get(f"{self.url}/healthz", timeout=5).ok
        except requests.ConnectionError:
            return False

    def spooled(self) -> float:
        """Give what its metrics say of the spool."""
        text = requests.get(f"{self.url}/metrics", timeout=5).text
        found = re.search(r"^swerve_collector_spool_bytes (\S+)$", text, re.MULTILINE)
        assert found
        return float(found[1])

    def end(self, number: int) -> str:
        """Send it a signal, and wait for its end; gives what it said."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.communicate(timeout=30)[1]


@pytest.fixture
def served(kafka: KafkaServer, tmp_path: Path) -> Iterator[Served]:
    settings = settings_for(kafka.bootstrap)
    client = admin(settings)
    create(client, settings, settings.topics.events, PARTITIONS, {}, -1)
    client.close()
    running = Served(tmp_path, kafka.bootstrap, settings.topics.events)
    yield running
    os.kill(kafka.pid, signal.SIGCONT)
    if running.process is not None and running.process.poll() is None:
        running.end(signal.SIGKILL)


def test_acknowledged_means_kept(served: Served, kafka: KafkaServer) -> None:
    served.start()
    senders = [Sender(served.url, f"user-{number}") for number in range(SENDERS)]

    def more(batches: int = 3) -> None:
        """Wait until each has some more batches acknowledged."""
        goals = [sender.acknowledged + batches * BATCH for sender in senders]
        until("acknowledgements", lambda: all(one.acknowledged >= goal for one, goal in zip(senders, goals, strict=True)), 30)

    for sender in senders:
        sender.start()
    more()
    os.kill(kafka.pid, signal.SIGSTOP)
    more()
    assert served.spooled() > 0
    os.kill(kafka.pid, signal.SIGCONT)
    until("the spool to be empty", lambda: served.spooled() == 0, 30)
    more()
    os.kill(kafka.pid, signal.SIGSTOP)
    more()
    served.end(signal.SIGKILL)
    assert list(served.spool.glob("spool-*.log"))
    served.start()
    more()
    os.kill(kafka.pid, signal.SIGCONT)
    more()
    for sender in senders:
        sender.over.set()
        sender.join(15)
    until("the spool to be empty", lambda: served.spooled() == 0, 30)
    said = served.end(signal.SIGTERM)
    assert "Traceback" not in said
    assert not any(sender.user in said for sender in senders)
    assert set.union(*(sender.answers for sender in senders)) == {202}

    settings = settings_for(kafka.bootstrap)
    records = read_topic(settings, served._topic)
    schema = fastavro.parse_schema(plain(load("shop_event")))
    found: dict[str, list[int]] = {}
    partitions: dict[str, set[int]] = {}
    for record in records:
        assert record.value.startswith(FRAMING)
        event: Any = fastavro.schemaless_reader(io.BytesIO(record.value[len(FRAMING) :]), schema, None)
        assert (record.key.decode(), record.timestamp) == (event["user_id"], event["event_time"])
        found.setdefault(event["user_id"], []).append(int(event["event_id"].rpartition("-")[2]))
        partitions.setdefault(event["user_id"], set()).add(record.partition)
    for sender in senders:
        first = list(dict.fromkeys(found[sender.user]))
        assert first == sorted(first)
        assert set(range(sender.acknowledged)) <= set(first)
        assert len(partitions[sender.user]) == 1
