"""Java's properties as options of the Python client; what makes no sense is said without what may be secret."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
import trustme

from jobs.kafka.properties import client_options, jaas_options
from udfs.errors import UsageError

SECRET = "s3cret-word"
PLAIN = "org.apache.kafka.common.security.plain.PlainLoginModule required"
LOGIN = f'{PLAIN} username="ana" password="{SECRET}";'


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    trustme.CA().cert_pem.write_to_path(str(path))
    return path


def test_nothing_is_plain() -> None:
    assert client_options({"linger.ms": "5", "group.id": "x"}) == {"security_protocol": "PLAINTEXT"}


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "scram-sha-512"])
def test_a_login(mechanism: str) -> None:
    properties = {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": mechanism, "sasl.jaas.config": LOGIN, "client.id": "tools"}
    assert client_options(properties) == {
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": mechanism.upper(),
        "sasl_plain_username": "ana",
        "sasl_plain_password": SECRET,
        "client_id": "tools",
    }


@pytest.mark.parametrize(
    ("line", "password"),
    [
        (f'{PLAIN} username="ana" password="a b;c=d";', "a b;c=d"),
        (f"{PLAIN} username='ana' password='it\\'s';", "it's"),
        (f'{PLAIN} username="ana" password="q\\"\\\\";', 'q"\\'),
        (f"{PLAIN} required username=ana password=bare;", "bare"),
        (f'{PLAIN} password="" username="ana";', ""),
        (f'{PLAIN}\n  username = "ana"\n  password = "x"\n;', "x"),
    ],
)
def test_login_lines(line: str, password: str) -> None:
    assert (jaas_options(line)["username"], jaas_options(line)["password"]) == ("ana", password)


def test_tls(ca: Path) -> None:
    properties = {"security.protocol": "SSL", "ssl.truststore.location": str(ca), "ssl.truststore.type": "PEM"}
    context = client_options(properties)["ssl_context"]
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert len(context.get_ca_certs()) == 1
    inline = {"security.protocol": "SSL", "ssl.truststore.type": "PEM", "ssl.truststore.certificates": ca.read_text()}
    assert client_options(inline)["ssl_context"].get_ca_certs() == context.get_ca_certs()
    lenient = client_options({**properties, "ssl.endpoint.identification.algorithm": ""})["ssl_context"]
    assert (lenient.verify_mode, lenient.check_hostname) == (ssl.CERT_REQUIRED, False)


def test_a_certificate_of_ones_own(ca: Path, tmp_path: Path) -> None:
    pem = tmp_path / "client.pem"
    trustme.CA().issue_cert("client").private_key_and_cert_chain_pem.write_to_path(str(pem))
    properties = {"security.protocol": "SSL", "ssl.keystore.location": str(pem), "ssl.keystore.type": "PEM"}
    client_options(properties)
    with pytest.raises(UsageError, match="no PEM file of a certificate and its key"):
        client_options({**properties, "ssl.keystore.location": str(ca), "ssl.key.password": SECRET})


@pytest.mark.parametrize(
    ("properties", "says"),
    [
        ({"security.protocol": "TLS"}, "security.protocol is TLS"),
        ({"security.protocol": "SASL_SSL", "sasl.jaas.config": LOGIN}, "sasl.mechanism is missing"),
        ({"security.protocol": "SASL_SSL", "sasl.mechanism": "GSSAPI", "sasl.jaas.config": LOGIN}, "sasl.mechanism is GSSAPI"),
        ({"security.protocol": "SASL_SSL", "sasl.mechanism": "PLAIN"}, "has no username and password"),
        ({"security.protocol": "SASL_SSL", "sasl.mechanism": "PLAIN", "sasl.jaas.config": f"password={SECRET}"}, "has no username"),
        ({"security.protocol": "SSL", "ssl.truststore.location": "/x.jks"}, "ssl.truststore.type is JKS"),
        ({"security.protocol": "SSL", "ssl.truststore.location": "/x.pem", "ssl.truststore.type": "PEM"}, "cannot read /x.pem"),
        ({"security.protocol": "SSL", "ssl.truststore.location": __file__, "ssl.truststore.type": "PEM"}, "is no PEM of certificates"),
        ({"security.protocol": "SSL", "ssl.truststore.certificates": SECRET}, "is no PEM of certificates"),
    ],
)
def test_what_makes_no_sense_is_named(properties: dict[str, str], says: str) -> None:
    with pytest.raises(UsageError, match=says) as caught:
        client_options(properties)
    assert SECRET not in str(caught.value)
