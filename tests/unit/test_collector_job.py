"""The collector and the job: what the one takes is no dead letter of the other, and what is sent twice counts once."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.collector import ArchiveLog, CollectorOptions
from serving.collector.checks import Checker, Context
from serving.collector.encoding import Encoder
from serving.collector.fields import Refused
from tests.unit.collecting import NOW, Setting, event, run
from tests.unit.wire import framed
from training.decoding import decode_archive
from udfs.collapse import Collapse, Limits
from udfs.decode import Decoder
from udfs.profile import empty_profiles, pack_profiles
from udfs.schemas import LocalSchemas, load
from udfs.segments import no_segments
from udfs.update import Updater

FIELDS = {field["name"]: field for field in load("shop_event")["fields"]}
CHECKER, ENCODE = Checker(CollectorOptions()), Encoder().datum
collapse = Collapse(Limits(buckets=4), LocalSchemas())
texts = st.sampled_from(("GRANTED", "denied", "purchase", "mobile", "DE", "eur", "-", "", " ", "\0")) | st.text(
    st.characters(codec="utf-8"), max_size=300
)
wholes = st.integers(-3, 50) | st.sampled_from((-(2**63), -(2**31), 2**31 - 1, 2**31, 2**63))
numbers = st.floats(allow_nan=False, allow_infinity=False)
anything = st.none() | st.booleans() | texts | wholes | numbers | st.lists(st.none(), max_size=1)
times = st.integers(NOW - 10**9, NOW + 10**9) | wholes | numbers


def of(field: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Values of a field, now and then of another's."""
    kinds = str(field["type"])
    mostly = times if "long" in kinds else wholes if "int" in kinds else numbers if "double" in kinds else texts
    return st.integers(0, 9).flatmap(lambda n: mostly if n else anything)


odd = st.lists(st.sampled_from(list(FIELDS)), max_size=4, unique=True).flatmap(
    lambda names: st.fixed_dictionaries({name: of(FIELDS[name]) for name in names})
)
events = st.builds(lambda fields: {**event(), **fields}, odd)


@given(st.lists(events, min_size=1, max_size=20))
@settings(deadline=None)
def test_what_is_taken_is_no_dead_letter(sent: list[dict[str, Any]]) -> None:
    kept = []
    for one in sent:
        with suppress(Refused):
            kept.append(CHECKER.check(one, Context(NOW), {}))
    n = len(kept)
    given_values: list[bytes | None] = [framed(ENCODE(one)) for one in kept]
    collapsed = collapse.values(given_values, [b"k"] * n, [{}] * n, [NOW] * n, [0] * n, list(range(n)), "t", NOW)
    assert (collapsed.dead_letters, collapsed.events) == ([], n)
    assert collapsed.denied == sum(one["personalization_storage"] == "DENIED" for one in kept)


def test_what_is_sent_again_after_a_restart_counts_once(tmp_path: Path) -> None:
    names = ("view_item_list", "view_item", "add_to_cart", "purchase")
    batch = {"events": [event(n, event_name=names[n % 4], event_time=NOW - 5000 + n, item_category="c", price=3) for n in range(12)]}

    async def sent(times: int) -> list[int]:
        setting = Setting(ArchiveLog(tmp_path))
        await setting.collector.start()
        answers = [(await setting.post(batch)).json["accepted"] for _ in range(times)]
        await setting.collector.stop()
        return answers

    def profile() -> tuple[bytes, int]:
        decoder = Decoder(LocalSchemas())
        found = np.concatenate([decoded.events[decoded.good & decoded.granted] for _, decoded, _ in decode_archive(tmp_path, decoder)])
        profiles = empty_profiles(1)
        applied = Updater(no_segments(), "triggers", 1_000).apply(profiles, found, latest_only=False)
        return pack_profiles(profiles)[0], applied.counters["duplicates"]

    assert run(lambda: sent(2)) == [12, 0]
    once = profile()
    assert run(lambda: sent(2)) == [12, 0]
    again = profile()
    assert again == (once[0], 12)
    assert once[1] == 0
