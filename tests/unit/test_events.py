"""The event record and the payload's bytes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tests.oracle import constants
from tests.oracle.hashes import country_code as oracle_country
from udfs.events import CONSENTS, COUNT_GROUP, DEVICES, EVENT, GOES_TO_RING, IS_INTEREST, KINDS, country_code, pack_payload, unpack_payload

SCHEMA = json.loads((Path(__file__).parents[2] / "avro" / "shop_event.v1.avsc").read_text())
GOLDEN = """
    03000000 02000000 02000000 04000000 0040bcc4a61a0000 02000000 04000000 c3a47533 00000000
    01000000 04 02 4445 0040bcc4a61a0000 0100000000000000 0200000000000080 07000000 05000000 000000000000f83f e8030000 00000000
    00000000 0d 00 0000 ff3fbcc4a61a0000 0300000000000000 0000000000000000 00000000 01000000 0000000000000000 00000000 02000000
"""


def test_the_tables_are_those_of_the_schema_and_the_page() -> None:
    types = {field["name"]: field["type"] for field in SCHEMA["fields"]}
    assert list(KINDS) == types["event_name"]["symbols"] == list(constants.KINDS)
    assert list(DEVICES) == types["device"]["symbols"]
    assert list(CONSENTS) == types["analytics_storage"]["symbols"]
    table = [constants.KINDS[name] for name in KINDS]
    assert [row[1] for row in table] == COUNT_GROUP.tolist()
    assert [row[2] for row in table] == IS_INTEREST.tolist()
    assert [row[3] for row in table] == GOES_TO_RING.tolist()


def test_golden_payload() -> None:
    """Payloads cross processes of one job only, but both ends must mean the same bytes."""
    events = np.zeros(2, EVENT)
    events[0] = (1, 4, 2, 0x4544, 0x1AA6C4BC4000, 1, 2**63 + 2, 7, 5, 1.5, 1000, 0)
    events[1] = (0, 13, 0, 0, 0x1AA6C4BC3FFF, 3, 0, 0, 1, 0.0, 0, 2)
    packed = pack_payload(3, ["ä".encode(), b"u3"], events)
    assert packed == bytes.fromhex(GOLDEN)


@given(
    st.integers(0, 2**31 - 1),
    st.lists(st.text(max_size=20).map(str.encode), max_size=5),
    hnp.arrays(np.uint8, st.integers(1, 9).map(lambda n: n * EVENT.itemsize)),
    st.integers(0, 7),
)
def test_a_payload_comes_back(bucket: int, users: list[bytes], raw: np.ndarray, shift: int) -> None:  # type: ignore[type-arg]
    events = np.frombuffer(raw.tobytes(), EVENT)
    packed = pack_payload(bucket, users, events)
    back = unpack_payload(memoryview(bytes(shift) + packed)[shift:])
    assert (back.bucket, back.users, back.max_event_time) == (bucket, users, events["event_time"].max())
    assert back.events.tobytes() == events.tobytes()
    back.events["user"] = 0


def test_a_payload_that_was_cut_is_refused() -> None:
    packed = pack_payload(0, [b"u"], np.zeros(3, EVENT))
    with pytest.raises(ValueError, match="3 events"):
        unpack_payload(packed[:-1])


@given(st.none() | st.text(max_size=3) | st.text("ABYZ", max_size=3))
def test_countries(country: str | None) -> None:
    assert country_code(country) == oracle_country(country)
