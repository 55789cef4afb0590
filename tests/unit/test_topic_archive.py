"""Records of a topic as files, without a broker."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from kafka import TopicPartition

from jobs.kafka import reading
from jobs.kafka.client import KafkaUnavailable
from jobs.kafka.local_values import LocalValues
from jobs.kafka.topic_archive import _write_events, _write_recommendations
from jobs.settings import Settings
from tests.unit.feedback_logs import START, event, recommendation
from training.feedback.events import read_reactions
from training.feedback.shown import read_shown
from udfs.archive import ArchiveWriter
from udfs.blocks import pack_block
from udfs.messages import messages
from udfs.schemas import LocalSchemas, local_id


def records(kind: str, rows: list[dict[str, Any]]) -> list[Any]:
    found = messages(kind, pack_block(kind, rows), local_id(kind))
    return [
        SimpleNamespace(partition=n % 2, offset=n, timestamp=START, key=one.key, value=one.value, headers=[]) for n, one in enumerate(found)
    ]


def test_events_and_recommendations_become_what_feedback_reads(tmp_path: Path) -> None:
    writers: dict[int, ArchiveWriter] = {}
    rows = [{"event_id": f"{n}", **event("select_item", "u", n, "a", "r1")} for n in range(5)]
    bad = SimpleNamespace(partition=1, offset=9, timestamp=START, key=None, value=b"bad", headers=[])
    _write_events(tmp_path, [*records("shop_event", rows), bad], LocalValues(LocalSchemas(), "shop_event"), writers)
    shown: dict[int, ArchiveWriter] = {}
    lists = records("recommendation", [recommendation(n, "u", n, "ab") for n in range(3)])
    _write_recommendations(tmp_path, [*lists, bad], LocalValues(LocalSchemas(), "recommendation"), shown)
    for writer in (*writers.values(), *shown.values()):
        writer.close()
    reactions = read_reactions(tmp_path)
    assert (sorted(writers), reactions.read, reactions.rejects) == ([0, 1], 5, 1)
    assert read_shown(tmp_path)[0]["recommendation_id"].to_list() == ["r0", "r1", "r2"]


class Reader:
    """A consumer of two partitions, the second of which has a gap at its end, as aborted transactions leave it."""

    def __init__(self, silent: bool = False) -> None:
        self._places: dict[TopicPartition, int] = {}
        self._silent = silent

    def assign(self, places: list[TopicPartition]) -> None:
        self._places = dict.fromkeys(places, 0)

    def assignment(self) -> list[TopicPartition]:
        return list(self._places)

    def seek(self, place: TopicPartition, offset: int) -> None:
        self._places[place] = offset

    def position(self, place: TopicPartition) -> int:
        return self._places[place]

    def pause(self, *places: TopicPartition) -> None:
        for place in places:
            self._places.pop(place)

    def poll(self, timeout_ms: int) -> dict[TopicPartition, list[Any]]:
        if self._silent:
            return {}
        polled = {}
        for place, offset in self._places.items():
            self._places[place] = offset + 2
            if not (place.partition == 1 and offset >= 2):
                polled[place] = [SimpleNamespace(partition=place.partition, offset=offset + n) for n in range(2)]
        return polled


def test_a_topic_is_read_between_offsets(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [
        (record.partition, record.offset)
        for some in reading.read_spans(Reader(), Settings(), "t", {0: (1, 4), 1: (0, 6), 2: (3, 3)})
        for record in some
    ]
    assert sorted(found) == [(0, 1), (0, 2), (0, 3), (1, 0), (1, 1)]
    monkeypatch.setattr(reading, "SILENT_SECONDS", 0.0)
    with pytest.raises(KafkaUnavailable, match="gives no more of topic t"):
        list(reading.read_spans(Reader(silent=True), Settings(), "t", {0: (0, 1)}))
