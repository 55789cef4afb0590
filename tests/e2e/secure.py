"""A broker and a registry that want TLS and a login, with certificates made for the test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests
import trustme
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from jobs.dev.kafka import KafkaServer, start_kafka
from jobs.dev.processes import LOOPBACK, free_port, start
from jobs.dev.registry import RegistryServer

PLAIN = "org.apache.kafka.common.security.plain.PlainLoginModule"
SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule"
PASSWORD = "Wort-Geheim_7"
#: May everything by PLAIN; may nothing by PLAIN; may everything by SCRAM.
ANA, BOB, EVA = "ana", "bob", "eva"


class Certificates:
    """PEM files of a server for loopback, of its authority, and of another authority.

    Parameters
    ----------
    folder
        Where they are written.
    """

    def __init__(self, folder: Path) -> None:
        self.ca, self.other_ca = folder / "ca.pem", folder / "other.pem"
        self.key, self.chain, self.server = folder / "key.pem", folder / "chain.pem", folder / "server.pem"
        authority = trustme.CA()
        authority.cert_pem.write_to_path(self.ca)
        trustme.CA().cert_pem.write_to_path(self.other_ca)
        certificate = authority.issue_cert(LOOPBACK)
        # Java reads keys in PKCS 8 only.
        key = load_pem_private_key(certificate.private_key_pem.bytes(), None)
        self.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        self.chain.write_bytes(b"".join(pem.bytes() for pem in certificate.cert_chain_pems))
        self.server.write_bytes(self.key.read_bytes() + self.chain.read_bytes())


@contextmanager
def secure_kafka(folder: Path, certificates: Certificates) -> Iterator[tuple[KafkaServer, int]]:
    """Run a broker; gives it, and the port of its listener that wants TLS and a login. At the plain one, nobody is asked."""
    port = free_port()
    properties = {
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(certificates.server),
        "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-512",
        "listener.name.sasl_ssl.plain.sasl.jaas.config": f'{PLAIN} required user_{ANA}="{PASSWORD}" user_{BOB}="{PASSWORD}";',
        "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config": f"{SCRAM} required;",
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": f"User:ANONYMOUS;User:{ANA};User:{EVA}",
    }
    server = start_kafka(folder, listeners={"SASL_SSL": port}, properties=properties)
    try:
        yield server, port
    finally:
        server.kill()


class SecureRegistry(RegistryServer):
    """A registry over TLS that wants a login.

    Parameters
    ----------
    folder, port
        See `RegistryServer`; the port is that of TLS.
    certificates
        What it shows.
    """

    def __init__(self, folder: Path, port: int, certificates: Certificates) -> None:
        super().__init__(folder, free_port())
        self._plain_port, self.port, self._ca = self.port, port, certificates.ca
        options = {
            "quarkus.http.ssl-port": port,
            "quarkus.http.ssl.certificate.files": certificates.chain,
            "quarkus.http.ssl.certificate.key-files": certificates.key,
            "quarkus.http.auth.basic": "true",
            "quarkus.security.users.embedded.enabled": "true",
            "quarkus.security.users.embedded.plain-text": "true",
            f"quarkus.security.users.embedded.users.{ANA}": PASSWORD,
            f"quarkus.security.users.embedded.roles.{ANA}": "sr-admin",
            "quarkus.http.auth.permission.all.paths": "/apis/*",
            "quarkus.http.auth.permission.all.policy": "authenticated",
        }
        place = self.command.index("-jar")
        self.command[place:place] = [f"-D{name}={value}" for name, value in options.items()]

    @property
    def url(self) -> str:
        """Base of its Confluent API."""
        return f"https://{LOOPBACK}:{self.port}/apis/ccompat/v7"

    def _serves(self) -> bool:
        answer = requests.get(f"{self.url}/subjects", timeout=5, verify=str(self._ca), auth=(ANA, PASSWORD))
        return answer.ok


@contextmanager
def secure_registry(folder: Path, certificates: Certificates) -> Iterator[SecureRegistry]:
    """Run a registry."""
    server = start(lambda: SecureRegistry(folder, free_port(), certificates), None)
    try:
        yield server
    finally:
        server.kill()
