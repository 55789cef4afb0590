"""Section "Hashes" of `docs/semantics.md`."""

from __future__ import annotations

from tests.oracle.constants import MASK64


def hash64(text: str | None) -> int:
    """FNV-1a over the UTF-8 bytes, finished as in MurmurHash3; never 0 for a text, 0 for none."""
    if not text:
        return 0
    h = 0xCBF29CE484222325
    for byte in text.encode("utf-8"):
        h ^= byte
        h = h * 0x100000001B3 & MASK64
    h ^= h >> 33
    h = h * 0xFF51AFD7ED558CCD & MASK64
    h ^= h >> 33
    h = h * 0xC4CEB9FE1A85EC53 & MASK64
    h ^= h >> 33
    return h or 1


def item_hash(item_id: str | None) -> int:
    return hash64(item_id)


def category_hash(item_category: str | None) -> int:
    return (hash64(item_category) >> 32 or 1) if item_category else 0


def event_id_hash(event_id: str) -> int:
    return hash64(event_id) >> 16 or 1


def bucket_of(user_id: str, buckets: int) -> int:
    return hash64(user_id) % buckets


def country_code(country: str | None) -> int:
    """Two ASCII capitals as first + 256 * second; anything else is 0."""
    if country is None or len(country) != 2 or not all("A" <= letter <= "Z" for letter in country):
        return 0
    return ord(country[0]) + 256 * ord(country[1])
