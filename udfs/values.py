"""The values that front ends read (JSON) and the topic of recommendations carries (Avro), assembled by compiled code.

Defined in docs/semantics.md, section "Value"; the Avro record is `avro/recommendation.v1.avsc`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from udfs.blocks import COUNT_BYTES
from udfs.candidates import REASONS
from udfs.tables import RankTables
from udfs.value_bytes import ID_CHARACTERS, Texts, write_avro, write_json
from udfs.writing import as_array, escape, spans

SEPARATOR = b"\x1f"
HEAD_BYTES, ITEM_BYTES = 400, 80


class Lists(NamedTuple):
    """What R users get, N places each.

    Attributes
    ----------
    filled : i4[R]
        Places filled.
    item : i4[R, N]
        Item numbers.
    score : f4[R, N]
    source : u1[R, N]
        Indexes `udfs.candidates.REASONS`.
    anchor : i4[R, N]
        For the source `SIMILAR`: the item of hers.
    """

    filled: NDArray[np.int32]
    item: NDArray[np.int32]
    score: NDArray[np.float32]
    source: NDArray[np.uint8]
    anchor: NDArray[np.int32]


class Heads(NamedTuple):
    """What stands in R values before the items.

    Attributes
    ----------
    users : sequence of bytes
        User ids.
    clock, sequence : i8[R]
        Event time in ms and number of events of the profiles.
    segment : i4[R]
        Segment ids.
    segment_names : sequence of str
        Their names.
    generated_at : int
        In ms.
    """

    users: Sequence[bytes]
    clock: NDArray[np.int64]
    sequence: NDArray[np.int64]
    segment: NDArray[np.int32]
    segment_names: Sequence[str]
    generated_at: int


class Values(NamedTuple):
    """Values of one surface.

    Attributes
    ----------
    ids : list of str
        Recommendation ids.
    json : list of bytes
        One value a user.
    """

    ids: list[str]
    json: list[bytes]


def recommendation_id(user: bytes, surface: bytes, clock: int, sequence: int, version: bytes) -> str:
    """Make the id from content, so that what is emitted twice has the same one.

    Examples
    --------
    >>> recommendation_id(b"u1", b"home", 1_700_000_000_000, 3, b"7")
    '5c2a9e1fa874880e70715730'
    """
    key = SEPARATOR.join((user, surface, b"%d" % clock, b"%d" % sequence, version))
    return hashlib.blake2b(key, digest_size=ID_CHARACTERS // 2).hexdigest()


class Renderer:
    """Writes the values of a bundle.

    Parameters
    ----------
    tables
        The bundle's tables.
    name, version
        The bundle's.
    """

    def __init__(self, tables: RankTables, name: str, version: str) -> None:
        self._version = version.encode()
        self._raw = (spans([name.encode()])[0], spans([self._version])[0], tables.item_ids, tables.item_id_ends)
        item, item_ends = escape(tables.item_ids, tables.item_id_ends)
        self._escaped = (_escaped(name.encode()), _escaped(self._version), item, item_ends)
        self._reasons = spans([reason.encode() for reason in REASONS])

    def values(self, surface: str, heads: Heads, lists: Lists) -> Values:
        """Write the JSON of one surface.

        Parameters
        ----------
        surface
            Its name.
        heads, lists
            R users.
        """
        ids = [
            recommendation_id(user, surface.encode(), clock, sequence, self._version)
            for user, clock, sequence in zip(heads.users, heads.clock.tolist(), heads.sequence.tolist(), strict=True)
        ]
        model, version, item, item_ends = self._escaped
        user, user_ends = escape(*spans(heads.users))
        names, name_ends = escape(*spans([name.encode() for name in heads.segment_names]))
        texts = Texts(
            _joined(ids), user, user_ends, names, name_ends, item, item_ends, *self._reasons, _escaped(surface.encode()), model, version
        )
        out, ends = _room(texts, heads, lists)
        write_json(out, ends, texts, heads.clock, heads.segment, heads.generated_at, *lists)
        data, start, json = out[: ends[-1] if len(ends) else 0].tobytes(), 0, []
        for end in ends.tolist():
            json.append(data[start:end])
            start = end
        return Values(ids, json)

    def block(self, surface: str, ids: Sequence[str], heads: Heads, lists: Lists, reasons: NDArray[np.uint8]) -> bytes:
        """Write the Avro datums of one surface, behind each other.

        Parameters
        ----------
        surface, heads, lists
            As for `values`.
        ids
            What `values` gave.
        reasons : u1[R]
            What asked, as bits.
        """
        model, version, item, item_ends = self._raw
        names = spans([name.encode() for name in heads.segment_names])
        texts = Texts(
            _joined(ids), *spans(heads.users), *names, item, item_ends, *self._reasons, as_array(surface.encode()), model, version
        )
        out, ends = _room(texts, heads, lists)
        write_avro(out, ends, texts, heads.clock, heads.sequence, heads.segment, heads.generated_at, reasons, *lists)
        return out[: ends[-1] if len(ends) else 0].tobytes()


def join_blocks(count: int, datums: Sequence[bytes]) -> bytes:
    """Make a block as `udfs.blocks` defines it."""
    return count.to_bytes(COUNT_BYTES, "little") + b"".join(datums)


def _escaped(text: bytes) -> NDArray[np.uint8]:
    return escape(*spans([text]))[0]


def _joined(ids: Sequence[str]) -> NDArray[np.uint8]:
    return as_array("".join(ids).encode())


def _room(texts: Texts, heads: Heads, lists: Lists) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Give a buffer that the values fit into."""
    users = len(heads.users)
    head = HEAD_BYTES + len(texts.surface) + len(texts.model) + len(texts.version)
    longest = int(np.diff(texts.item_ends, prepend=0).max(initial=0))
    size = users * head + len(texts.user) + len(texts.name) + int(lists.filled.sum()) * (ITEM_BYTES + 2 * longest)
    return np.empty(size, np.uint8), np.zeros(users, np.int64)
