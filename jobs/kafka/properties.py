"""Properties of Kafka's Java clients as options of the Python client: the job and the tools are set up once, by the same names.

What the Python client has no counterpart for is left out: it tunes the job, and the tools need no tuning.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from udfs.errors import UsageError

PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
#: name=value of a login module's line, the value in quotes or bare.
_JAAS_OPTION = re.compile(r"""(\w+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|([^\s;"']+))""")


def client_options(properties: Mapping[str, str]) -> dict[str, Any]:
    """Translate properties.

    Parameters
    ----------
    properties
        Under their Java names, such as ``security.protocol``.

    Returns
    -------
    dict
        Options of every client of kafka-python.

    Raises
    ------
    UsageError
        If one of those that are understood does not make sense; it shows no value that may be secret.
    """
    protocol = properties.get("security.protocol", "PLAINTEXT").upper()
    if protocol not in PROTOCOLS:
        raise UsageError(f"kafka.properties: security.protocol is {protocol}", f"it is one of {', '.join(PROTOCOLS)}")
    options: dict[str, Any] = {"security_protocol": protocol}
    if "client.id" in properties:
        options["client_id"] = properties["client.id"]
    if protocol.startswith("SASL"):
        options |= _login(properties)
    if protocol.endswith("SSL"):
        options["ssl_context"] = _tls(properties)
    return options


def jaas_options(line: str) -> dict[str, str]:
    r"""Read the options of a login module.

    Examples
    --------
    >>> jaas_options('org.apache.kafka.common.security.plain.PlainLoginModule required username="ana" password="a\\"b";')
    {'username': 'ana', 'password': 'a"b'}
    """
    return {
        name: re.sub(r"\\(.)", r"\1", quoted or single) if quoted or single else bare
        for name, quoted, single, bare in _JAAS_OPTION.findall(line)
    }


def _login(properties: Mapping[str, str]) -> dict[str, str]:
    mechanism = properties.get("sasl.mechanism", "").upper()
    if mechanism not in MECHANISMS:
        raise UsageError(f"kafka.properties: sasl.mechanism is {mechanism or 'missing'}", f"the command line knows {', '.join(MECHANISMS)}")
    login = jaas_options(properties.get("sasl.jaas.config", ""))
    if not login.get("username") or "password" not in login:
        raise UsageError(
            "kafka.properties: sasl.jaas.config has no username and password",
            'it looks like org.apache.kafka.common.security.plain.PlainLoginModule required username="…" password="…";',
        )
    return {"sasl_mechanism": mechanism, "sasl_plain_username": login["username"], "sasl_plain_password": login["password"]}


def _tls(properties: Mapping[str, str]) -> ssl.SSLContext:
    trust, inline = _pem(properties, "truststore"), properties.get("ssl.truststore.certificates")
    try:
        # Without either, what the system trusts; with one of them, only that.
        context = ssl.create_default_context(cafile=str(trust) if trust else None, cadata=inline)
    except (ssl.SSLError, ValueError):
        raise UsageError(f"kafka.properties: ssl.truststore: {trust or 'the text'} is no PEM of certificates") from None
    context.check_hostname = properties.get("ssl.endpoint.identification.algorithm", "https") != ""
    if key := _pem(properties, "keystore"):
        try:
            context.load_cert_chain(str(key), password=properties.get("ssl.key.password", ""))
        except (ssl.SSLError, ValueError):
            raise UsageError(
                f"kafka.properties: ssl.keystore.location: {key} is no PEM file of a certificate and its key",
                "is ssl.key.password right, if it has one?",
            ) from None
    return context


def _pem(properties: Mapping[str, str], store: str) -> Path | None:
    place = properties.get(f"ssl.{store}.location")
    if not place:
        return None
    kind = properties.get(f"ssl.{store}.type", "JKS").upper()
    if kind != "PEM":
        raise UsageError(
            f"kafka.properties: ssl.{store}.type is {kind}", f"use a PEM file, which Java and Python read, and ssl.{store}.type=PEM"
        )
    path = Path(place)
    try:
        path.open("rb").close()
    except OSError as error:
        raise UsageError(f"kafka.properties: ssl.{store}.location: cannot read {path}: {error.strerror}") from None
    return path
