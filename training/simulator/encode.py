"""Events → Avro datums of `shop_event.v1`, compiled: most of an event is bytes that were encoded once."""

# Compiled code: Numba's types are not those that mypy sees.
# mypy: disable-error-code="assignment, arg-type, return-value, no-any-return"

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from training.simulator.catalogue import Catalogue
from training.simulator.random_stream import mix
from training.simulator.shoppers import Shoppers, Visits
from training.simulator.walk import SEARCH, Walked
from training.simulator.words import COUNTRIES, CURRENCY, REFERRERS
from udfs.container import write_varint

NULL, PRESENT = b"\x00", b"\x02"
CONSENTS = ((1, 1), (1, 0), (0, 0))  # positions in the enum: analytics, personalisation
DEVICES = 5
ID_DIGITS = 16
FIXED_BYTES = 96
"""More than the parts of an event that are not in a table ever need."""


class Table(NamedTuple):
    """Byte strings behind each other; string n is `data[ends[n]:ends[n + 1]]`."""

    data: NDArray[np.uint8]
    ends: NDArray[np.int64]


class Parts(NamedTuple):
    """The encoded parts of events.

    Attributes
    ----------
    users
        By shopper: `user_id`.
    items
        By what the event is about, see `Walked.what`, with nothing last: `item_id` to `currency`.
    contexts
        By visit's context: `device` to `recommendation_position`.
    terms
        By subcategory, four each: `search_term`; without one last.
    context_of_visit
        Position in `contexts`.
    """

    users: Table
    items: Table
    contexts: Table
    terms: Table
    context_of_visit: NDArray[np.int32]


def table(strings: Iterable[bytes]) -> Table:
    """Put byte strings into a table."""
    parts = list(strings)
    return Table(np.frombuffer(b"".join(parts), np.uint8), np.cumsum([0, *map(len, parts)]))


def make_parts(catalogue: Catalogue, shoppers: Shoppers, visits: Visits, user_ids: Sequence[str]) -> Parts:
    """Encode what repeats."""
    subs = range(len(catalogue.sub_names))
    category = [catalogue.categories[c] for c in catalogue.category_of_sub.tolist()]
    items = [
        b"".join(
            (
                _text(catalogue.item_ids[i]), _text(catalogue.titles[i]), _text(category[sub]), _text(catalogue.sub_names[sub]), NULL,
                _text(catalogue.brand_names[i]), PRESENT, struct.pack("<d", catalogue.price[i]), _text(CURRENCY),
            )
        )
        for i, sub in enumerate(catalogue.sub.tolist())
    ]  # fmt: skip
    about_sub = [b"".join((NULL, NULL, _text(category[sub]), _text(catalogue.sub_names[sub]), NULL, NULL, NULL, NULL)) for sub in subs]
    contexts = [
        b"".join(
            (write_varint(device), _text(country), _text(referrer), write_varint(analytics), write_varint(personalization), NULL, NULL)
        )
        for device in range(DEVICES)
        for country, _ in COUNTRIES
        for referrer, _ in REFERRERS
        for analytics, personalization in CONSENTS
    ]
    who = visits.shopper
    context = ((visits.device * len(COUNTRIES) + shoppers.country[who]) * len(REFERRERS) + visits.referrer) * len(
        CONSENTS
    ) + shoppers.consent[who]
    return Parts(
        users=table(write_varint(len(user)) + user.encode() for user in user_ids),
        items=table([*items, *about_sub, NULL * 8]),
        contexts=table(contexts),
        terms=table([*(_text(term) for sub in subs for term in catalogue.sub_terms[sub]), NULL]),
        context_of_visit=context.astype(np.int32),
    )


def longest(parts: Parts) -> int:
    """Give a number of bytes that no event exceeds."""
    return FIXED_BYTES + sum(int(np.diff(part.ends).max()) for part in (parts.users, parts.items, parts.contexts, parts.terms))


def event_id(seed: int, row: int) -> str:
    """Give the id of an event, as `encode` writes it."""
    return f"{int(_id_bits(seed, row)):0{ID_DIGITS}x}"


@njit(cache=True, nogil=True)
def encode(
    seed: int,
    rows: NDArray[np.int64],
    events: Walked,
    visit_shopper: NDArray[np.int32],
    parts: Parts,
    n_items: int,
    out: NDArray[np.uint8],
    ends: NDArray[np.int64],
) -> int:
    """Write events behind each other.

    Parameters
    ----------
    seed
        Of the event ids.
    rows
        Events to write, in this order.
    out
        Room for all of them, see `longest`.
    ends
        Is given where each ends; one longer than `rows`, the first is 0.

    Returns
    -------
    int
        Bytes written.
    """
    at = 0
    nothing = parts.items.ends.size - 2
    no_term = parts.terms.ends.size - 2
    ends[0] = 0
    for n in range(rows.size):
        row = rows[n]
        visit, kind, what = events.visit[row], events.kind[row], events.what[row]
        at = _hex(out, at, _id_bits(seed, row))
        at = copy_part(out, at, parts.users, visit_shopper[visit])
        out[at], out[at + 1] = 2, 20  # session_id: "s" and nine digits
        at = _number_text(out, at + 2, ord("s"), visit)
        out[at] = kind << 1
        at = write_number(out, at + 1, events.time[row])
        at = copy_part(out, at, parts.items, what if what >= 0 else nothing)
        at = _optional(out, at, events.quantity[row])
        if events.order[row] >= 0:
            out[at], out[at + 1] = 2, 20
            at = _number_text(out, at + 2, ord("t"), events.order[row])
        else:
            out[at] = 0
            at += 1
        term = no_term
        if kind == SEARCH and what >= n_items:
            term = (what - n_items) * 4 + row % 4
        at = copy_part(out, at, parts.terms, term)
        at = _optional(out, at, events.engagement[row])
        at = copy_part(out, at, parts.contexts, parts.context_of_visit[visit])
        ends[n + 1] = at
    return at


def _text(text: str | None) -> bytes:
    if text is None:
        return NULL
    raw = text.encode()
    return PRESENT + write_varint(len(raw)) + raw


@njit(cache=True, nogil=True)
def _id_bits(seed: int, row: int) -> int:
    """Different for each row; nearly always for each seed too."""
    return mix(np.uint64(row) ^ mix(np.uint64(seed) + np.uint64(0x5EED)))


@njit(cache=True, nogil=True)
def _hex(out: NDArray[np.uint8], at: int, bits: int) -> int:
    out[at] = 2 * ID_DIGITS
    for n in range(ID_DIGITS):
        digit = (bits >> np.uint64(60 - 4 * n)) & np.uint64(15)
        out[at + 1 + n] = digit + (48 if digit < 10 else 87)
    return at + 1 + ID_DIGITS


@njit(cache=True, nogil=True)
def _number_text(out: NDArray[np.uint8], at: int, letter: int, number: int) -> int:
    out[at] = letter
    for n in range(9, 0, -1):
        out[at + n] = 48 + number % 10
        number //= 10
    return at + 10


@njit(cache=True, nogil=True)
def _optional(out: NDArray[np.uint8], at: int, number: int) -> int:
    if number < 0:
        out[at] = 0
        return at + 1
    out[at] = 2
    return write_number(out, at + 1, number)


@njit(cache=True, nogil=True)
def write_number(out: NDArray[np.uint8], at: int, number: int) -> int:
    """Write a number that is not negative as zigzag varint; gives where it ends."""
    rest = np.uint64(number) << np.uint64(1)
    while rest > 0x7F:
        out[at] = np.uint8(rest & np.uint64(0x7F)) | np.uint8(0x80)
        rest >>= np.uint64(7)
        at += 1
    out[at] = np.uint8(rest)
    return at + 1


@njit(cache=True, nogil=True)
def copy_part(out: NDArray[np.uint8], at: int, source: Table, which: int) -> int:
    """Copy a string of a table; gives where it ends."""
    begin, end = source.ends[which], source.ends[which + 1]
    for n in range(begin, end):
        out[at + n - begin] = source.data[n]
    return at + end - begin
