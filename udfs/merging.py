"""Several decoded parts as one, so that a batch has one payload a bucket however many chunks it is read from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from udfs.decode import Decoded


def merge(parts: Sequence[Decoded]) -> Decoded:
    """Put decoded parts behind each other.

    Parameters
    ----------
    parts
        In log order, at least one, all with the same kept texts.

    Returns
    -------
    Decoded
        Without `rests` and `details`: what is rejected is told part by part.
    """
    if len(parts) == 1:
        return parts[0]
    starts = np.cumsum([0, *(len(part.data) for part in parts)])
    pairs = list(zip(parts, starts.tolist(), strict=False))
    events = np.concatenate([part.events for part in parts])
    events["row"] = np.arange(len(events))
    return Decoded(
        data=np.concatenate([part.data for part in parts]),
        events=events,
        reasons=np.concatenate([part.reasons for part in parts]),
        users=np.concatenate([part.users for part in parts]),
        granted=np.concatenate([part.granted for part in parts]),
        starts=np.concatenate([part.starts + start for part, start in pairs]),
        ends=np.concatenate([part.ends + start for part, start in pairs]),
        # Absent stays absent: it is below 0 before the start is added.
        spans=np.concatenate([np.where(part.spans < 0, part.spans, part.spans + start) for part, start in pairs]),
        keep=parts[0].keep,
    )
