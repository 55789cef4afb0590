"""Hashes agree with published values of their parts and with the page."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.oracle import hashes as oracle
from udfs.hashing import buckets_of, category_hashes, event_id_hashes, finish, hash64, hash_many, item_hashes

MASK = 2**64 - 1
texts = st.lists(st.none() | st.text(max_size=40))


def unfinish(h: int) -> int:
    """Undo the finaliser: multiply by the inverses (it is a bijection)."""
    for factor in (0xC4CEB9FE1A85EC53, 0xFF51AFD7ED558CCD):
        h ^= h >> 33
        h = h * pow(factor, -1, 2**64) & MASK
    return h ^ h >> 33


@pytest.mark.parametrize(
    ("text", "fnv1a"),
    # From the reference implementation's test vectors (isthe.com/chongo/src/fnv/test_fnv.c, fnv1a_64).
    [("a", 0xAF63DC4C8601EC8C), ("foo", 0xDCB27518FED9D577), ("foobar", 0x85944171F73967E8), ("chongo was here!\n", 0x46810940EFF5F915)],
)
def test_the_sum_is_fnv_1a(text: str, fnv1a: int) -> None:
    assert unfinish(hash64(text)) == fnv1a


def test_the_finaliser_is_that_of_murmurhash3() -> None:
    assert int(finish(np.uint64(1))) == 0xB456BCFC34C2CB2C
    assert int(finish(np.uint64(0))) == 1


@pytest.mark.parametrize(("text", "expected"), [("u000123", 0xB7BA771089FEBC5A), ("", 0), (None, 0)])
def test_golden(text: str | None, expected: int) -> None:
    """Keys of stored profiles and models: these never change."""
    assert hash64(text) == expected


@given(texts)
def test_as_on_the_page(values: list[str | None]) -> None:
    def agrees(ours: Any, theirs: Any) -> bool:
        return bool(ours.tolist() == [theirs(value) for value in values])

    assert agrees(hash_many(values), oracle.hash64)
    assert agrees(item_hashes(values), oracle.item_hash)
    assert agrees(category_hashes(values), oracle.category_hash)
    assert agrees(event_id_hashes(values), lambda value: oracle.event_id_hash(value) if value else 0)
    assert agrees(buckets_of(values, 128), lambda value: oracle.hash64(value) % 128)


@given(st.text())
def test_a_text_and_its_bytes_hash_alike(text: str) -> None:
    assert hash64(text) == hash64(text.encode())
