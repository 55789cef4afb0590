"""Events as the profiles see them, and the payload that carries those of one bucket.

Kinds, devices and defaults: `docs/semantics.md`, section "Events".
"""

from __future__ import annotations

import struct
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

#: One event, 56 bytes without gaps. `user` is an index into the payload's users, `row` the event's place in its batch.
EVENT = np.dtype(
    [
        ("user", "<i4"),
        ("kind", "u1"),
        ("device", "u1"),
        ("country", "<u2"),
        ("event_time", "<i8"),
        ("event_id", "<u8"),
        ("item", "<u8"),
        ("category", "<u4"),
        ("quantity", "<i4"),
        ("price", "<f8"),
        ("engagement_ms", "<i4"),
        ("row", "<i4"),
    ]
)

#: Event names; `EVENT.kind` is a place in it.
KINDS = (
    "other", "page_view", "view_item_list", "select_item", "view_item", "search", "add_to_wishlist", "add_to_cart", "remove_from_cart",
    "view_cart", "begin_checkout", "add_shipping_info", "add_payment_info", "purchase", "refund", "view_promotion", "select_promotion",
)  # fmt: skip
KIND = {name: kind for kind, name in enumerate(KINDS)}

#: Devices; `EVENT.device` is a place in it.
DEVICES = ("unknown", "desktop", "mobile", "tablet", "other")

#: Consents; `GRANTED` is the one that lets an event reach a profile.
CONSENTS = ("DENIED", "GRANTED")

#: Count group of a kind, and whether it tells of interest and goes to the item ring.
COUNT_GROUP = np.array([0, 0, 1, 1, 2, 3, 4, 5, 6, 7, 7, 7, 7, 8, 9, 1, 1], np.uint8)
IS_INTEREST = np.isin(np.arange(len(KINDS)), [3, 4, 5, 6, 7, 13])
GOES_TO_RING = np.isin(np.arange(len(KINDS)), [3, 4, 6, 7, 13])

#: Bucket, users, events, bytes of the users' names (i4 each), greatest event time (i8).
HEADER = struct.Struct("<iiiiq")
ALIGNMENT = 8


class Payload(NamedTuple):
    """The events of one bucket, in log order.

    Attributes
    ----------
    bucket
        Number of the bucket.
    users
        User ids in UTF-8, each once.
    events : EVENT[n]
        `user` is an index into `users`.
    max_event_time
        Greatest event time in ms.
    """

    bucket: int
    users: list[bytes]
    events: NDArray[np.void]
    max_event_time: int


def country_code(country: str | None) -> int:
    """Give what `EVENT.country` holds for a country; 0 for what is no two ASCII capitals."""
    if country is None or len(country) != 2 or not all("A" <= letter <= "Z" for letter in country):
        return 0
    return ord(country[0]) + 256 * ord(country[1])


def pack_payload(bucket: int, users: list[bytes], events: NDArray[np.void]) -> bytes:
    """Pack events of one bucket.

    Parameters
    ----------
    bucket
        Number of the bucket.
    users
        User ids in UTF-8, each once.
    events : EVENT[n]
        In log order, n > 0; `user` is an index into `users`.

    Returns
    -------
    bytes
        Header, the users' end offsets (i4), their bytes, filled up to a multiple of 8, the events.
    """
    blob = b"".join(users)
    ends = np.cumsum(np.fromiter(map(len, users), np.int64, len(users))).astype("<i4")
    header = HEADER.pack(bucket, len(users), len(events), len(blob), int(events["event_time"].max()))
    front = header + ends.tobytes() + blob
    return front + bytes(-len(front) % ALIGNMENT) + events.astype(EVENT, copy=False).tobytes()


def unpack_payload(payload: bytes | memoryview) -> Payload:
    """Unpack what `pack_payload` packed; the events are a copy and may be changed.

    Raises
    ------
    ValueError
        If the length is not what the header says.
    """
    bucket, n_users, n_events, blob_len, max_event_time = HEADER.unpack_from(payload)
    start = HEADER.size + 4 * n_users
    events_at = -(-(start + blob_len) // ALIGNMENT) * ALIGNMENT
    if len(payload) != events_at + EVENT.itemsize * n_events:
        raise ValueError(f"a payload of {n_events} events has {len(payload)} bytes")
    ends = np.frombuffer(payload, "<i4", n_users, HEADER.size).tolist()
    blob = bytes(payload[start : start + blob_len])
    users = [blob[first:last] for first, last in zip([0, *ends], ends, strict=False)]
    return Payload(bucket, users, np.frombuffer(payload, EVENT, n_events, events_at).copy(), max_event_time)
