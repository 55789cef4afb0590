"""The event times of a block of datums, and nothing else of it."""

from __future__ import annotations

import io
from typing import Any

import fastavro
import numpy as np
from numpy.typing import NDArray

from udfs.schemas import plain


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
        In ms, in log order.
    """
    parsed, data, times = fastavro.parse_schema(plain(schema)), io.BytesIO(body), []
    for _ in range(count):
        try:
            record = fastavro.schemaless_reader(data, parsed, None)
        except Exception:  # noqa: BLE001 — malformed bytes have many
            break
        times.append(record["event_time"])
    return np.array(times, np.int64)
