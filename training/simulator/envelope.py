"""Datums → raw records: the events of a partition as a dump of its topic would hold them. Compiled."""

# Compiled code: Numba's types are not those that mypy sees.
# mypy: disable-error-code="assignment, arg-type, return-value, no-any-return"

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from training.simulator.encode import Table, copy_part, write_number

FRAMING_BYTES = 5
SCHEMA_ID = 1
ENVELOPE_BYTES = 64
"""More than the parts of a raw record that are neither key nor value ever need."""


@njit(cache=True, nogil=True)
def wrap(
    partition: int,
    first_offset: int,
    times: NDArray[np.int64],
    keys: Table,
    shopper: NDArray[np.int32],
    data: NDArray[np.uint8],
    ends: NDArray[np.int64],
    replaced: NDArray[np.int64],
    values: Table,
    out: NDArray[np.uint8],
) -> int:
    """Write raw records behind each other.

    Parameters
    ----------
    partition, first_offset
        Where in the topic they are.
    times
        Timestamps.
    keys, shopper
        Encoded user ids, and which of them is the key.
    data, ends
        Datums, and where each ends; they get their framing here.
    replaced
        By record: the value that takes the datum's place, -1: none; -2: the value is null.
    values
        Those values.
    out
        Room for all.

    Returns
    -------
    int
        Bytes written.
    """
    at = 0
    for n in range(times.size):
        at = write_number(out, at, partition)
        at = write_number(out, at, first_offset + n)
        at = write_number(out, at, times[n])
        out[at] = 2
        at = copy_part(out, at + 1, keys, shopper[n])
        if replaced[n] == -2:
            out[at] = 0
            at += 1
        elif replaced[n] >= 0:
            out[at] = 2
            at = write_number(out, at + 1, values.ends[replaced[n] + 1] - values.ends[replaced[n]])
            at = copy_part(out, at, values, replaced[n])
        else:
            begin, end = ends[n], ends[n + 1]
            out[at] = 2
            at = write_number(out, at + 1, end - begin + FRAMING_BYTES)
            out[at : at + FRAMING_BYTES] = 0
            out[at + FRAMING_BYTES - 1] = SCHEMA_ID
            at += FRAMING_BYTES
            out[at : at + end - begin] = data[begin:end]
            at += end - begin
        out[at] = 0  # no headers
        at += 1
    return at
