"""Decode shop events in columns: framed values of several writer schemas, or the blocks of a file.

Why a kernel of our own: `docs/decisions/0002-decoding.md`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from udfs.decode_codes import Program
from udfs.decode_loops import read_block, read_values
from udfs.decode_program import PERSONALIZATION, Incompatible, compile_program
from udfs.events import EVENT
from udfs.reasons import BAD_FRAMING, EMPTY, GOOD, TOO_LARGE, TRAILING_BYTES, UNKNOWN_SCHEMA, WAITS, WRONG
from udfs.schemas import Schema, SchemaStore, SchemaUnavailable, UnknownSchema

FRAMING_BYTES = 5
MAGIC = 0
MAX_BYTES = 1_000_000
#: An event has at least an event id, a user and a time.
LEAST_EVENT_BYTES = 3
KEEP = ("user_id",)


class Rest(NamedTuple):
    """Bytes of a block behind its last good record.

    Attributes
    ----------
    block
        Which of the blocks.
    row
        Record of the block that does not decode, from 0.
    at
        Where it begins, in bytes of the block.
    start
        The same in `Decoded.data`.
    lost
        How many records the block should still have.
    reason
        Code of `udfs.reasons.REASONS`.
    data
        The bytes.
    """

    block: int
    row: int
    at: int
    start: int
    lost: int
    reason: int
    data: bytes


@dataclass
class Decoded:
    """What was read: a row for each value, or for each record of the blocks that decoded, in log order.

    Attributes
    ----------
    data : u1[]
        The bytes that were read, behind each other.
    events : EVENT[n]
        `user` is 0, `row` the row. Undefined where the reason is not `GOOD`, save for the time of what was rejected for its content.
    reasons : u1[n]
        Codes of `udfs.reasons.REASONS`, or `WAITS`.
    users : u8[n]
        `hash64` of the users.
    granted : bool[n]
        Whether the consent is given: to personalise, unless the decoder was made for another.
    starts, ends : i8[n]
        Where the record lies in `data`, its framing not included.
    spans : i8[n, len(keep), 2]
        Where the kept texts begin and end in `data`; -1 where absent.
    keep
        Their names.
    rests
        Of blocks: what did not decode.
    details
        What to say of rows, by row, where there is more to say than the reason.
    """

    data: NDArray[np.uint8]
    events: NDArray[np.void]
    reasons: NDArray[np.uint8]
    users: NDArray[np.uint64]
    granted: NDArray[np.bool_]
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    spans: NDArray[np.int64]
    keep: tuple[str, ...]
    rests: list[Rest] = field(default_factory=list)
    details: dict[int, str] = field(default_factory=dict)

    @property
    def good(self) -> NDArray[np.bool_]:
        """Which rows are good events, without consent too."""
        good: NDArray[np.bool_] = self.reasons == GOOD
        return good

    def strings(self, name: str, rows: Iterable[int]) -> list[str | None]:
        """Give a kept text of some good rows.

        Parameters
        ----------
        name
            One of `keep`.
        rows
            Their numbers.
        """
        data = memoryview(self.data)  # type: ignore[arg-type]
        spans = self.spans[np.asarray(rows, np.int64), self.keep.index(name)].tolist()
        return [None if begin < 0 else str(data[begin:end], "utf-8") for begin, end in spans]


class Decoder:
    """Reads events by the schemas that wrote them; each is compiled once.

    Parameters
    ----------
    schemas
        Where the schemas of framed values come from.
    keep
        Text fields whose place is kept.
    max_bytes
        Size of the greatest value that is looked into, the framing included.
    consent
        The consent that `Decoded.granted` tells of.
    """

    def __init__(
        self, schemas: SchemaStore, keep: tuple[str, ...] = KEEP, max_bytes: int = MAX_BYTES, consent: str = PERSONALIZATION
    ) -> None:
        self._schemas = schemas
        self._consent = consent
        self._keep = keep
        self._max_bytes = max_bytes
        self._by_id: dict[int, Program | Incompatible] = {}
        self._by_schema: dict[str, Program | Incompatible] = {}

    def values(self, values: Sequence[bytes | None], latest: int) -> Decoded:
        """Decode values with Confluent framing: 0x00, schema id (4 bytes, big-endian), datum.

        Parameters
        ----------
        values
            One a row.
        latest
            Greatest event time that is allowed, in ms.
        """
        sizes = np.fromiter((0 if value is None else len(value) for value in values), np.int64, len(values))
        held = np.where(sizes <= self._max_bytes, sizes, 0)
        joined = b"".join(value for value, size in zip(values, held.tolist(), strict=True) if value and size)
        ends = np.cumsum(held, dtype=np.int64)
        out = self._room(joined, len(values))
        out.starts[:], out.ends[:] = ends - held + FRAMING_BYTES, ends
        reasons = out.reasons
        framed = held >= FRAMING_BYTES
        framed[framed] = out.data[out.starts[framed] - FRAMING_BYTES] == MAGIC
        reasons[~framed] = BAD_FRAMING
        reasons[sizes > self._max_bytes] = TOO_LARGE
        reasons[sizes == 0] = EMPTY
        rows = np.flatnonzero(framed)
        ids = np.zeros(len(rows), np.int64)
        for byte in range(1, FRAMING_BYTES):
            ids = ids << 8 | out.data[out.starts[rows] - FRAMING_BYTES + byte]
        for schema_id in np.unique(ids).tolist():
            self._run(out, schema_id, rows[ids == schema_id], latest)
        return out

    def blocks(self, schema: Schema, blocks: Sequence[tuple[int, bytes]], latest: int) -> Decoded:
        """Decode blocks of records that follow each other without framing.

        What follows a record that does not decode cannot be told apart: it is in `rests`, as are bytes behind the last record.

        Parameters
        ----------
        schema
            The schema that wrote all of them.
        blocks
            Number of records and bytes of each.
        latest
            Greatest event time that is allowed, in ms.
        """
        # More records than could be are a lie that must not cost memory.
        counts = [max(0, min(count, len(body) // LEAST_EVENT_BYTES + 1)) for count, body in blocks]
        out = self._room(b"".join(body for _, body in blocks), sum(counts))
        program = self._program(self._by_schema, repr(schema), schema)
        start = row = 0
        for number, ((count, body), most) in enumerate(zip(blocks, counts, strict=True)):
            if isinstance(program, Incompatible):
                first, at, reason = row, start, WRONG
            else:
                first = row
                end = start + len(body)
                code, tables = program.code, program.tables
                row, reason, at = read_block(
                    out.data, start, end, row, most, latest, code, tables, out.starts, out.ends,
                    out.events, out.users, out.granted, out.spans, out.reasons,
                )  # fmt: skip
                if reason == GOOD and at < start + len(body):
                    reason = TRAILING_BYTES
            if reason != GOOD:
                out.rests.append(Rest(number, row - first, at - start, at, count - (row - first), reason, body[at - start :]))
            start += len(body)
        return _head(out, row)

    def _run(self, out: Decoded, schema_id: int, rows: NDArray[np.int64], latest: int) -> None:
        """Decode the rows of one schema."""
        try:
            program = self._by_id.get(schema_id) or self._program(self._by_id, schema_id, self._schemas.get(schema_id))
        except UnknownSchema:
            out.reasons[rows] = UNKNOWN_SCHEMA
            out.details |= dict.fromkeys(rows.tolist(), f"no schema has the id {schema_id}")
            return
        except SchemaUnavailable:
            out.reasons[rows] = WAITS
            return
        if isinstance(program, Incompatible):
            out.reasons[rows] = WRONG
            out.details |= dict.fromkeys(rows.tolist(), f"schema {schema_id}: {program}")
            return
        code, tables = program.code, program.tables
        read_values(
            out.data, out.starts, out.ends, rows, latest, code, tables,
            out.events, out.users, out.granted, out.spans, out.reasons,
        )  # fmt: skip

    def _program(self, programs: dict[Any, Program | Incompatible], key: Any, schema: Schema) -> Program | Incompatible:
        if key not in programs:
            try:
                programs[key] = compile_program(schema, self._keep, consent=self._consent)
            except Incompatible as error:
                programs[key] = error
        return programs[key]

    def _room(self, data: bytes, rows: int) -> Decoded:
        return Decoded(
            data=np.frombuffer(data, np.uint8),
            events=np.empty(rows, EVENT),
            reasons=np.zeros(rows, np.uint8),
            users=np.empty(rows, np.uint64),
            granted=np.zeros(rows, np.bool_),
            starts=np.empty(rows, np.int64),
            ends=np.empty(rows, np.int64),
            spans=np.empty((rows, len(self._keep), 2), np.int64),
            keep=self._keep,
        )


def _head(decoded: Decoded, rows: int) -> Decoded:
    """The first rows."""
    for name in ("events", "reasons", "users", "granted", "starts", "ends", "spans"):
        setattr(decoded, name, getattr(decoded, name)[:rows])
    return decoded
