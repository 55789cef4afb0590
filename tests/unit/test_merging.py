"""Parts that were decoded one by one and merged are what decoding them together gives."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.wire import GOOD, NOW, WRITERS, datum, framed
from udfs.decode import Decoded, Decoder
from udfs.grouping import group
from udfs.merging import merge
from udfs.schemas import LocalSchemas

KEEP = ("user_id", "item_id")
decoder = Decoder(LocalSchemas(WRITERS), keep=KEEP)
VALUES = st.one_of(
    st.builds(
        lambda user, event, item, consent: framed(
            datum({**GOOD, "user_id": user, "event_id": event, "item_id": item, "personalization_storage": consent})
        ),
        st.text(min_size=1, max_size=5),
        st.text(min_size=1, max_size=5),
        st.none() | st.text(max_size=5),
        st.sampled_from(["GRANTED", "DENIED"]),
    ),
    st.sampled_from([None, b"", b"{}", framed(b"", 99), framed(datum({**GOOD, "price": -1.0}))]),
)


def decode(values: list[bytes | None]) -> Decoded:
    return decoder.values(values, NOW)


@given(st.lists(st.lists(VALUES, max_size=8), min_size=1, max_size=4))
def test_merged_parts_are_the_whole(parts: list[list[bytes | None]]) -> None:
    values = [value for part in parts for value in part]
    merged, whole = merge([decode(part) for part in parts]), decode(values)
    assert merged.reasons.tolist() == whole.reasons.tolist()
    good = whole.good.nonzero()[0]
    assert merged.events[good].tobytes() == whole.events[good].tobytes()
    for column in ("users", "granted"):
        assert getattr(merged, column)[good].tolist() == getattr(whole, column)[good].tolist()
    for name in KEEP:
        assert merged.strings(name, good) == whole.strings(name, good)
    for row in good.tolist():
        found = merged.data[merged.starts[row] : merged.ends[row]].tobytes()
        assert framed(found) == values[row]
    assert group(merged, good, 4) == group(whole, good, 4)


def test_one_part_is_itself() -> None:
    part = decode([framed(datum(GOOD))])
    assert merge([part]) is part
