"""`swerve serve` and `swerve token`: what they do not start with, and what they print."""

from __future__ import annotations

import json
import socket

import jwt
import pytest

from jobs import cli
from serving.tokens import TokenRules, Verifier

SECRET = "a secret of 32 characters at least"


@pytest.mark.parametrize(
    ("given", "code", "says"),
    [
        (
            ("redis.url=redis://127.0.0.1:1/0",),
            2,
            "set serving.token_secret (openssl rand -hex 32), or, for a demo,",
        ),
        (("redis.url=redis://127.0.0.1:1/0", "serving.token_secret=short"), 2, "fewer than 32 characters"),
        (("redis.url=redis://127.0.0.1:1/0", f"serving.token_secret={SECRET}", "serving.token_secrets_before=old"), 2, "fewer than 32"),
        (("serving.tokens=off",), 2, "there is nothing to serve"),
        (("redis.url=redis://127.0.0.1:1/0", "serving.tokens=off", "serving.host=198.51.100.1"), 1, "cannot listen on 198.51.100.1:0"),
    ],
)
def test_it_does_not_start_without_what_it_needs(given: tuple[str, ...], code: int, says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["serve", "--port", "0", *(part for each in given for part in ("--set", each))]) == code
    out, err = capsys.readouterr()
    assert says in err
    assert (out, err.count("\n")) == ("", 1)
    assert SECRET not in err


def test_a_port_that_is_taken_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        given = ["--redis", "redis://127.0.0.1:1/0", "--set", "serving.tokens=off", "--port", str(port)]
        assert cli.main(["serve", *given]) == 1
    assert f"cannot listen on 127.0.0.1:{port}" in capsys.readouterr().err


def test_a_token_for_a_demo(capsys: pytest.CaptureFixture[str]) -> None:
    given = ["--set", f"serving.token_secret={SECRET}", "--set", "serving.token_audience=lists"]
    assert cli.main(["token", "ana", *given]) == 0
    token = capsys.readouterr().out.strip()
    assert Verifier(TokenRules((SECRET,), "lists")).user(token.encode()) == "ana"
    assert cli.main(["token", "ana", "--minutes", "2", *given, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    claims = jwt.decode(document["token"], options={"verify_signature": False})
    assert (document["user_id"], document["expires_in"], claims["exp"] - claims["iat"]) == ("ana", 120, 120)
    assert cli.main(["token", "ana"]) == 2
    assert "serving.token_secret" in capsys.readouterr().err
