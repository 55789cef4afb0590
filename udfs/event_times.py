"""The event times of a block of datums, and nothing else of it."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from udfs.decode import Decoder
from udfs.schemas import LocalSchemas

ANY_TIME = 2**63 - 1


def event_times(schema: dict[str, Any], body: bytes, count: int) -> NDArray[np.int64]:
    """Decode the event times of a block, up to the first record that does not decode.

    Parameters
    ----------
    schema
        Writer schema.
    body
        Datums, decompressed.
    count
        How many there are.

    Returns
    -------
    NDArray[int64]
        In ms, in log order; those of events that are rejected for what they say are there too.
    """
    decoded = _decoder().blocks(schema, [(count, body)], ANY_TIME)
    times: NDArray[np.int64] = decoded.events["event_time"][: len(decoded.starts)]
    return times


@cache
def _decoder() -> Decoder:
    return Decoder(LocalSchemas(), keep=())
