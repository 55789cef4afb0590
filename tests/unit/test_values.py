from __future__ import annotations

import io
import json
import math
from typing import Any

import fastavro
import numpy as np
import orjson
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.unit.bundles import make_tables
from udfs.blocks import unpack_block
from udfs.candidates import REASONS
from udfs.schemas import load
from udfs.similar import SIMILAR
from udfs.values import Heads, Lists, Renderer, join_blocks, recommendation_id
from udfs.writing import put_decimal, put_long, put_score, spans

TEXTS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)
SCORES = st.floats(width=32, allow_nan=False, allow_infinity=False)
AWKWARD = 'a"\\\n\t\x01\x7f é🎧'


def written(put: Any, value: Any) -> bytes:
    out = np.zeros(64, np.uint8)
    return out[: put(out, 0, value)].tobytes()


@given(st.integers(-(2**63) + 1, 2**63 - 1))
@example(0)
@example(10**18)
@example(10**18 - 1)
def test_decimals(value: int) -> None:
    assert written(put_decimal, value) == str(value).encode()


@given(st.integers(-(2**63), 2**63 - 1))
def test_longs(value: int) -> None:
    assert fastavro.schemaless_reader(io.BytesIO(written(put_long, value)), "long") == value


@given(SCORES)
@example(-0.00004)
@example(0.99995)
@example(3.4e38)
@example(-3.4e38)
def test_scores(score: float) -> None:
    score = float(np.float32(score))
    units = math.floor(max(-999_999_999.0, min(999_999_999.0, score)) * 10_000 + 0.5)
    text = written(put_score, np.float32(score)).decode()
    assert text == f"{'-' if units < 0 else ''}{abs(units) // 10_000}.{abs(units) % 10_000:04d}"
    assert orjson.loads(text) == units / 10_000


def lists_of(random: np.random.Generator, users: int, items: int, top: int, scores: list[float]) -> Lists:
    source = random.integers(0, 8, (users, top)).astype(np.uint8)
    return Lists(
        random.integers(0, top + 1, users).astype(np.int32),
        random.integers(0, items, (users, top)).astype(np.int32),
        np.array(random.choice(scores, (users, top)), np.float32),
        source,
        np.where(source == SIMILAR, random.integers(0, items, (users, top)), -1).astype(np.int32),
    )


@settings(deadline=None, max_examples=60)
@given(
    st.lists(TEXTS, min_size=1, max_size=8, unique=True), st.lists(TEXTS, min_size=1, max_size=5), TEXTS, TEXTS, TEXTS,
    st.lists(SCORES, min_size=1, max_size=5), st.integers(-(2**40), 2**40), st.integers(0, 2**16),
)  # fmt: skip
@example([AWKWARD, "i"], [AWKWARD], AWKWARD, AWKWARD, AWKWARD, [0.93], 1_709_510_400_000, 1)
def test_json_and_avro_say_the_same(
    ids: list[str], users: list[str], name: str, version: str, segment: str, scores: list[float], clock: int, seed: int
) -> None:
    random = np.random.default_rng(seed)
    lists = lists_of(random, len(users), len(ids), 4, scores)
    sequence, segments = np.arange(len(users), dtype=np.int64), random.integers(-1, 1005, len(users)).astype(np.int32)
    heads = Heads(
        [user.encode() for user in users], np.full(len(users), clock), sequence, segments, [segment] * len(users), 1_709_510_400_123
    )
    item_ids, ends = spans([item.encode() for item in ids])
    renderer = Renderer(make_tables()._replace(item_ids=item_ids, item_id_ends=ends), name, version)
    values = renderer.values("home", heads, lists)
    reasons = random.integers(0, 64, len(users)).astype(np.uint8)
    count, datums = unpack_block(join_blocks(len(users), [renderer.block("home", values.ids, heads, lists, reasons)]))
    stream, schema = io.BytesIO(datums), fastavro.parse_schema(load("recommendation", 1))
    assert count == len(users)
    for r, user in enumerate(users):
        chosen = range(int(lists.filled[r]))
        why = [f"similar:{ids[lists.anchor[r, i]]}" if lists.source[r, i] == SIMILAR else REASONS[lists.source[r, i]] for i in chosen]
        value = json.loads(values.json[r])
        expected: dict[str, Any] = {
            "v": 1,
            "recommendation_id": recommendation_id(user.encode(), b"home", clock, r, version.encode()),
            "user_id": user,
            "surface": "home",
            "event_time": clock,
            "generated_at": 1_709_510_400_123,
            "segment": {"id": int(segments[r]), "name": segment},
            "model": {"name": name, "version": version},
            "items": [
                {"item_id": ids[lists.item[r, i]], "score": item["score"], "reason": why[i]}
                for i, item in zip(chosen, value["items"], strict=True)
            ],
        }
        assert value == expected
        assert list(value) == list(expected)
        # Texts and structure are those of orjson; it writes scores shorter.
        without = values.json[r]
        for i in chosen:
            without = without.replace(b'"score":' + written(put_score, lists.score[r, i]), b'"score":null')
            expected["items"][i]["score"] = None
        assert without == orjson.dumps(expected)
        row: Any = fastavro.schemaless_reader(stream, schema)
        assert row["recommendation_id"] == expected["recommendation_id"]
        assert (row["user_id"], row["surface"], row["sequence"]) == (user, "home", r)
        assert row["generated_at"].timestamp() == 1_709_510_400.123
        assert (row["segment_id"], row["segment_name"], row["model_name"], row["model_version"]) == (segments[r], segment, name, version)
        assert row["reasons"] == reasons[r]
        assert row["items"] == [{"item_id": ids[lists.item[r, i]], "score": float(lists.score[r, i]), "reason": why[i]} for i in chosen]
    assert stream.read() == b""


def test_the_id_is_made_from_content() -> None:
    first = recommendation_id(b"u1", b"home", 5, 3, b"7")
    others = {
        recommendation_id(b"u2", b"home", 5, 3, b"7"),
        recommendation_id(b"u1", b"cart", 5, 3, b"7"),
        recommendation_id(b"u1", b"home", 6, 3, b"7"),
        recommendation_id(b"u1", b"home", 5, 4, b"7"),
        recommendation_id(b"u1", b"home", 5, 3, b"8"),
    }
    assert first == recommendation_id(b"u1", b"home", 5, 3, b"7")
    assert len(others) == 5
    assert first not in others


def test_no_users_no_values() -> None:
    nobody = Heads([], np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.int32), [], 0)
    lists = lists_of(np.random.default_rng(0), 0, 5, 3, [0.0])
    renderer = Renderer(make_tables(), "m", "1")
    assert renderer.values("home", nobody, lists).json == []
    assert renderer.block("home", [], nobody, lists, np.zeros(0, np.uint8)) == b""
