"""Values written byte by byte, as JSON and as Avro datums. Compiled; `udfs.values` says what goes in."""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np

from udfs.similar import SIMILAR
from udfs.writing import as_array, put, put_all, put_decimal, put_long, put_score, put_text

ID_CHARACTERS = 24


class Texts(NamedTuple):
    """Texts of a batch, as the compiled code reads them."""

    ids: Any
    user: Any
    user_ends: Any
    name: Any
    name_ends: Any
    item: Any
    item_ends: Any
    reason: Any
    reason_ends: Any
    surface: Any
    model: Any
    version: Any


_V = as_array(b'{"v":1,"recommendation_id":"')
_USER = as_array(b'","user_id":"')
_SURFACE = as_array(b'","surface":"')
_TIME = as_array(b'","event_time":')
_GENERATED = as_array(b',"generated_at":')
_SEGMENT = as_array(b',"segment":{"id":')
_NAME = as_array(b',"name":"')
_MODEL = as_array(b'"},"model":{"name":"')
_VERSION = as_array(b'","version":"')
_ITEMS = as_array(b'"},"items":[')
_ITEM = as_array(b'{"item_id":"')
_SCORE = as_array(b'","score":')
_REASON = as_array(b',"reason":"')
_END_ITEM = as_array(b'"},')
_END = as_array(b"]}")


@numba.njit(cache=True, nogil=True)
def _put_span(out: Any, at: int, data: Any, ends: Any, i: int) -> int:
    return int(put(out, at, data, ends[i - 1] if i else 0, ends[i]))


@numba.njit(cache=True, nogil=True)
def write_json(
    out: Any, value_ends: Any, texts: Any, clock: Any, segment: Any, generated_at: int,
    filled: Any, item: Any, score: Any, source: Any, anchor: Any,
) -> None:  # fmt: skip
    """Write R values as JSON; `value_ends` gets where each ends."""
    at = 0
    for r in range(len(filled)):
        at = put(out, put_all(out, at, _V), texts.ids, r * ID_CHARACTERS, (r + 1) * ID_CHARACTERS)
        at = _put_span(out, put_all(out, at, _USER), texts.user, texts.user_ends, r)
        at = put_all(out, put_all(out, at, _SURFACE), texts.surface)
        at = put_decimal(out, put_all(out, at, _TIME), clock[r])
        at = put_decimal(out, put_all(out, at, _GENERATED), generated_at)
        at = put_decimal(out, put_all(out, at, _SEGMENT), segment[r])
        at = _put_span(out, put_all(out, at, _NAME), texts.name, texts.name_ends, r)
        at = put_all(out, put_all(out, at, _MODEL), texts.model)
        at = put_all(out, put_all(out, at, _VERSION), texts.version)
        at = put_all(out, at, _ITEMS)
        for i in range(filled[r]):
            at = _put_span(out, put_all(out, at, _ITEM), texts.item, texts.item_ends, item[r, i])
            at = put_score(out, put_all(out, at, _SCORE), score[r, i])
            at = _put_span(out, put_all(out, at, _REASON), texts.reason, texts.reason_ends, source[r, i])
            if source[r, i] == SIMILAR:
                out[at] = 58
                at = _put_span(out, at + 1, texts.item, texts.item_ends, anchor[r, i])
            at = put_all(out, at, _END_ITEM)
        at = put_all(out, at - 1 if filled[r] else at, _END)
        value_ends[r] = at


@numba.njit(cache=True, nogil=True)
def _length(ends: Any, i: int) -> int:
    return int(ends[i] - ends[i - 1] if i else ends[0])


@numba.njit(cache=True, nogil=True)
def write_avro(
    out: Any, value_ends: Any, texts: Any, clock: Any, sequence: Any, segment: Any, generated_at: int, reasons: Any,
    filled: Any, item: Any, score: Any, source: Any, anchor: Any,
) -> None:  # fmt: skip
    """Write R values as records of `recommendation.v1`; `value_ends` gets where each ends."""
    at = 0
    bits = np.empty(1, np.float32)
    for r in range(len(filled)):
        at = put_text(out, at, texts.ids, r * ID_CHARACTERS, (r + 1) * ID_CHARACTERS)
        at = _put_span(out, put_long(out, at, _length(texts.user_ends, r)), texts.user, texts.user_ends, r)
        at = put_text(out, at, texts.surface, 0, len(texts.surface))
        at = put_long(out, put_long(out, put_long(out, at, sequence[r]), clock[r]), generated_at)
        at = put_long(out, at, segment[r])
        at = _put_span(out, put_long(out, at, _length(texts.name_ends, r)), texts.name, texts.name_ends, r)
        at = put_text(out, at, texts.model, 0, len(texts.model))
        at = put_text(out, at, texts.version, 0, len(texts.version))
        at = put_long(out, at, reasons[r])
        if filled[r]:
            at = put_long(out, at, filled[r])
        for i in range(filled[r]):
            at = _put_span(out, put_long(out, at, _length(texts.item_ends, item[r, i])), texts.item, texts.item_ends, item[r, i])
            bits[0] = score[r, i]
            raw = bits.view(np.uint8)
            for b in range(4):
                out[at + b] = raw[b]
            at += 4
            reason = _length(texts.reason_ends, source[r, i])
            similar = source[r, i] == SIMILAR
            at = put_long(out, at, reason + 1 + _length(texts.item_ends, anchor[r, i]) if similar else reason)
            at = _put_span(out, at, texts.reason, texts.reason_ends, source[r, i])
            if similar:
                out[at] = 58
                at = _put_span(out, at + 1, texts.item, texts.item_ends, anchor[r, i])
        at = put_long(out, at, 0)
        value_ends[r] = at
