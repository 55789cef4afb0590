"""Tokens: only those of a known key, for their time, name a shopper."""

from __future__ import annotations

import time
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving import tokens
from serving.tokens import BadToken, TokenRules, Verifier, mint

SECRET, OTHER = "k" * 32, "another secret that is long enough"


def token(secret: str = SECRET, algorithm: str = "HS256", **claims: Any) -> bytes:
    """A token with claims of its own; None leaves one out."""
    full = {"sub": "ana", "exp": time.time() + 60, **claims}
    return jwt.encode({name: value for name, value in full.items() if value is not None}, secret, algorithm).encode()


def verifier(*secrets: str, **rules: Any) -> Verifier:
    return Verifier(TokenRules(secrets or (SECRET,), **rules))


@given(st.text(min_size=1, max_size=60).filter(lambda text: text.encode("utf-8", "ignore").decode() == text))
def test_a_minted_token_names_its_user(user: str) -> None:
    assert verifier().user(mint(SECRET, user).encode()) == user


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (token(OTHER), "signature"),
        (token(exp=time.time() - 3600), "expired"),
        (token(exp=None), "sub and exp"),
        (token(sub=None), "sub and exp"),
        (token(sub=""), "sub and exp"),
        (token(exp="tomorrow"), "sub and exp|no JWT"),
        (token(exp=float("nan")), "expired"),
        (token(nbf=time.time() + 3600), "not valid yet"),
        (token(algorithm="HS512", secret="k" * 64), "HS256"),
        # Names of tests must be the same in every process: a token has the time in it.
        pytest.param(jwt.encode({"sub": "ana", "exp": time.time() + 60}, "", algorithm="none").encode(), "HS256", id="unsigned"),
        (b"", "no JWT"),
        (b"a.b.c", "no JWT"),
        (b"\xff\xfe.\xff.\xff", "no JWT"),
        (b"x" * 5000, "too long"),
    ],
)
def test_any_other_is_refused_with_its_reason(bad: bytes, why: str) -> None:
    one = verifier()
    for _ in range(2):
        with pytest.raises(BadToken, match=why):
            one.user(bad)


def test_a_changed_claim_is_noticed() -> None:
    head, body, signature = token().split(b".")
    with pytest.raises(BadToken):
        verifier().user(b".".join((head, body[:-2] + b"AA", signature)))


def test_while_a_key_is_replaced_both_are_accepted() -> None:
    both = verifier(OTHER, SECRET)
    assert both.user(token(SECRET)) == both.user(token(OTHER)) == "ana"
    with pytest.raises(BadToken):
        verifier(OTHER).user(token(SECRET))


def test_audience_and_issuer_are_asked_for_where_they_are_set() -> None:
    strict = verifier(audience="recommendations", issuer="shop")
    assert strict.user(mint(SECRET, "ana", 60, "recommendations", "shop").encode()) == "ana"
    for claims in ({}, {"aud": "other", "iss": "shop"}, {"aud": "recommendations", "iss": "other"}, {"aud": "recommendations"}):
        with pytest.raises(BadToken):
            strict.user(token(**claims))
    assert verifier().user(token(aud="whatever", iss="whoever")) == "ana"


def test_one_that_was_good_is_known_until_it_ends() -> None:
    now = [time.time()]
    one = Verifier(TokenRules((SECRET,)), lambda: now[0])
    good = token(exp=now[0] + 60)
    assert [one.user(good) for _ in range(3)] == ["ana"] * 3
    assert (one.hits, one.misses) == (2, 1)
    now[0] += 60 + tokens.LEEWAY_SECONDS + 1
    with pytest.raises(BadToken, match="expired"):
        one.user(good)


def test_few_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "REMEMBERED", 2)
    one, several = verifier(), [token(sub=f"u{n}") for n in range(4)]
    assert [one.user(each) for each in several * 2] == ["u0", "u1", "u2", "u3"] * 2
    assert len(one._good) == 2


def test_secrets_are_not_shown() -> None:
    assert SECRET not in repr(TokenRules((SECRET,)))
