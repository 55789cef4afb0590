"""Asking a schema registry over its Confluent API: what it answers, and what to say where it does not."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

import requests
from requests.auth import HTTPBasicAuth

from udfs.errors import SwerveError
from udfs.schemas import SchemaUnavailable

CONNECT_SECONDS, READ_SECONDS = 1.0, 2.0
OK, UNAUTHORIZED, FORBIDDEN, NOT_FOUND, CONFLICT, UNPROCESSABLE = 200, 401, 403, 404, 409, 422
#: A registry that does not have something says so with a number of its own, 40401 to 40409; a proxy or another program cannot.
_NOT_FOUND_CODE = re.compile(r"404\d\d")
JSON = "application/vnd.schemaregistry.v1+json"


class NotFound(LookupError):
    """The registry says that it does not have it."""


class RegistryHttp:
    """Requests to a registry, each bounded in time.

    Parameters
    ----------
    url
        Base of its Confluent API; it may hold a login.
    user, password
        Login; they win over the one in the address.
    ca
        PEM file of the authority that signed its certificate; default: those that the system trusts.

    Attributes
    ----------
    url : str
        The address without a login.
    """

    def __init__(self, url: str, user: str | None = None, password: str | None = None, ca: Path | None = None) -> None:
        parts = urlsplit(url)
        user = user or (unquote(parts.username) if parts.username else None)
        password = password or (unquote(parts.password) if parts.password else None)
        self.url = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path.rstrip("/"), "", ""))
        self._ca = ca
        self._session = requests.Session()
        self._session.headers["Accept"] = f"{JSON}, application/json"
        if user is not None:
            # As bytes: texts would be sent in Latin-1.
            self._session.auth = HTTPBasicAuth(user.encode(), (password or "").encode())

    def get(self, path: str) -> Any:
        """Ask for something.

        Returns
        -------
        Any
            The JSON document.

        Raises
        ------
        NotFound
            If the registry says that it does not have it.
        SchemaUnavailable
            If it does not answer, does not let us in, or answers with anything else.
        """
        answer = self._send("GET", path)
        document = _json(answer)
        if answer.status_code == NOT_FOUND:
            if _is_no_such(document) or self._is_registry():
                raise NotFound(path)
            raise self._no_registry()
        if answer.status_code != OK or document is None:
            raise self._refusal(answer, document)
        return document

    def put(self, method: str, path: str, body: dict[str, Any]) -> Any:
        """Give the registry something.

        Returns
        -------
        Any
            The JSON document that it answers with.

        Raises
        ------
        SwerveError
            If it does not take it.
        SchemaUnavailable
            As for `get`.
        """
        answer = self._send(method, path, body)
        document = _json(answer)
        if answer.status_code in (CONFLICT, UNPROCESSABLE):
            raise SwerveError(f"the registry {self.url} does not take it: {_message(document)}", "is it compatible with what is there?")
        if answer.status_code != OK or document is None:
            raise self._refusal(answer, document)
        return document

    def check(self) -> None:
        """Find out whether a registry answers and lets us in.

        Raises
        ------
        SchemaUnavailable
            If not: one line with the reason.
        """
        answer = self._send("GET", "/subjects")
        document = _json(answer)
        if answer.status_code not in (OK, NOT_FOUND):
            raise self._refusal(answer, document)
        if not isinstance(document, list):
            raise self._no_registry()

    def _is_registry(self) -> bool:
        try:
            self.check()
        except SchemaUnavailable:
            return False
        return True

    def _send(self, method: str, path: str, body: dict[str, Any] | None = None) -> requests.Response:
        if self._ca is not None and not self._ca.is_file():
            raise SchemaUnavailable(f"registry.ca: there is no file {self._ca}", "name the PEM file of the registry's authority")
        # Given with the request: set on the session, it loses against environment variables.
        verify = True if self._ca is None else str(self._ca)
        try:
            return self._session.request(
                method, self.url + path, json=body, timeout=(CONNECT_SECONDS, READ_SECONDS), verify=verify, headers={"Content-Type": JSON}
            )
        except requests.exceptions.SSLError as error:
            raise SchemaUnavailable(f"the registry {self.url}: {_tls(error)}", "check registry.ca and the address") from None
        except requests.exceptions.Timeout:
            raise SchemaUnavailable(f"the registry {self.url} does not answer in time", "is it overloaded, or behind a firewall?") from None
        except requests.exceptions.ConnectionError as error:
            raise SchemaUnavailable(
                f"the registry {self.url} cannot be reached: {_connection(error)}", "is it running, and is registry.url right?"
            ) from None
        except (requests.exceptions.RequestException, OSError) as error:
            raise SchemaUnavailable(f"the registry {self.url} cannot be asked: {type(error).__name__}", "check registry.url") from None

    def _refusal(self, answer: requests.Response, document: Any) -> SchemaUnavailable:
        status = answer.status_code
        if status == UNAUTHORIZED:
            what = "refuses the login" if self._session.auth else "asks for a login"
            return SchemaUnavailable(f"the registry {self.url} {what} (401)", "check registry.user and registry.password")
        if status == FORBIDDEN:
            return SchemaUnavailable(f"the registry {self.url} does not let this user do that (403)", "check registry.user and its rights")
        if status == OK:
            return self._no_registry()
        return SchemaUnavailable(f"the registry {self.url} answers {status}: {_message(document)}", "see its log")

    def _no_registry(self) -> SchemaUnavailable:
        return SchemaUnavailable(
            f"what answers at {self.url} is no schema registry",
            "registry.url is the base of the Confluent API, such as http://host:8081 or http://host:8080/apis/ccompat/v7",
        )


def _json(answer: requests.Response) -> Any:
    try:
        return answer.json()
    except ValueError:
        return None


def _is_no_such(document: Any) -> bool:
    return isinstance(document, dict) and bool(_NOT_FOUND_CODE.fullmatch(str(document.get("error_code"))))


def _message(document: Any) -> str:
    text = document.get("message") if isinstance(document, dict) else None
    return " ".join(str(text or "it says no more").split())[:300]


def _tls(error: Exception) -> str:
    text = str(error)
    if "NO_CERTIFICATE_OR_CRL_FOUND" in text or "PEM lib" in text:
        return "registry.ca is no PEM file of certificates"
    if "doesn't match" in text or "mismatch" in text:
        return "its certificate is for another host"
    if "CERTIFICATE_VERIFY_FAILED" in text:
        return "its certificate is not signed by an authority that is trusted"
    return "it does not speak TLS as we do"


def _connection(error: Exception) -> str:
    text = str(error)
    if "Name or service not known" in text or "NameResolution" in text:
        return "its name is not known"
    return "connection refused" if "refused" in text else "the connection breaks"
